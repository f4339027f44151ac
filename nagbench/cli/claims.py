"""The verb claims."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pandas as pd

from nagbench.cli.console import ERR, print_table
from nagbench.validation.claims import claims, find_claim


def examine(names: Sequence[str], shape: str) -> int:
    """The verb claims; returns the exit code."""
    if not names:
        rows = [{"claim": item.name, "statement": item.statement, "source": item.source} for item in claims().values()]
        print_table(pd.DataFrame(rows), shape)
        return 0
    for claim in [find_claim(name) for name in names]:
        _say(f"{claim.name}: {claim.statement} ({claim.source})", shape)
        found = claim.examine()
        print_table(found.table, shape)
        _say(f"found: {found.verdict}", shape)
    return 0


def _say(sentence: str, shape: str) -> None:
    """Among the results where they are for reading, beside them where a program reads them."""
    if shape == "table":
        click.echo(sentence)
    else:
        ERR.print(sentence, soft_wrap=True, markup=False)

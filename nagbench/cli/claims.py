"""The verb ``claims``."""

from __future__ import annotations

import click

from nagbench.cli.console import echo, print_note, print_table
from nagbench.cli.options import FORMAT_OPTION, Verb


@click.command("claims", cls=Verb)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@FORMAT_OPTION
def command(names: tuple[str, ...], shape: str) -> None:
    """Test claims from the literature and print measured next to published values; without a NAME, list the claims."""
    from nagbench.validation.claims import claims, find_claim

    if not names:
        rows = [{"claim": item.name, "statement": item.statement, "source": item.source} for item in claims().values()]
        print_table(rows, shape)
    # Sentences stand among the results for a reader, but must not mix with CSV or JSON.
    print_sentence = echo if shape == "table" else print_note
    for claim in [find_claim(name) for name in names]:
        print_sentence(f"{claim.name}: {claim.statement} ({claim.source})")
        result = claim.examine()
        print_table(result.table, shape)
        print_sentence(f"found: {result.verdict}")

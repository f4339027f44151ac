"""The command line of the table."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.peers import nagbench_loop, stream
from benchmarks.peers.cases import SIZES, Case, make_cases
from benchmarks.peers.measure import Peer, measure
from benchmarks.peers.table import BASELINE, Row, render, rows_of
from nagbench.core.environment import machine_facts
from nagbench.core.errors import nearest_hint

_MODULES = ("c_loop", "numpy_loop", "torch_loop", "optax_loop", "keras_loop")
_LIBRARIES = ("nagbench", "numba", "numpy", "torch", "jax", "optax", "keras")
_MARKS = ("<!-- peers -->", "<!-- end of peers -->")
_REPEATS, _BLOCK = 21, 0.06
_QUICK_SIZES, _QUICK_REPEATS, _QUICK_BLOCK = (1_000, 100_000), 5, 0.01


@click.command()
@click.option("--quick", is_flag=True, help="Fewer and shorter blocks, and up to n = 1e5: seconds, not minutes.")
@click.option("--sizes", help="Sizes of the diagonal quadratic, such as 1e3,1e6.")
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json", "md"]), default="table", show_default=True
)
@click.option(
    "--only", default="", help="Only the timed replay and the loops whose name contains this, such as counting."
)
@click.option("--into", type=click.Path(exists=True, path_type=Path), help="Put the Markdown between a file's marks.")
def main(quick: bool, sizes: str | None, style: str, only: str, into: Path | None) -> None:
    """Time an iteration of Nesterov's method in nagbench and elsewhere, in one run and on one thread."""
    repeats, block = (_QUICK_REPEATS, _QUICK_BLOCK) if quick else (_REPEATS, _BLOCK)
    cases = make_cases(_sizes(sizes, quick))
    peers, missing = installed()
    if only:
        _check(only, cases, peers)
    rows: list[Row] = []
    for case in cases:
        click.echo(f"{case.name}, n = {case.n:,}", err=True)
        rows += run(case, peers, repeats, block, only)
    facts = {**_machine(), "left out": missing, "measured": f"{repeats} blocks of {1e3 * block:g} ms, interleaved"}
    if into is None:
        click.echo(render(rows, facts, style), nl=False)
    else:
        into.write_text(between_marks(into.read_text(encoding="utf-8"), render(rows, facts, "md")), encoding="utf-8")
    if any(row.error for row in rows):
        raise SystemExit(1)


def between_marks(document: str, text: str) -> str:
    """Return the document with the text between its two marks; raise UsageError if it has none."""
    before, opened, rest = document.partition(_MARKS[0])
    _, closed, after = rest.partition(_MARKS[1])
    if not (opened and closed):
        raise click.UsageError(f"the file has no lines {_MARKS[0]} and {_MARKS[1]}")
    return f"{before}{opened}\n{text}{closed}{after}"


def run(case: Case, peers: Sequence[Peer], repeats: int, block: float, only: str = "") -> list[Row]:
    """Return the rows of one case: of the timed replay, and of the loops whose names contain `only`."""
    chosen = [peer for peer in _all(case, peers) if peer.name == BASELINE or only in peer.name]
    return rows_of(case, measure(case, chosen, repeats, block))


def _all(case: Case, peers: Sequence[Peer]) -> list[Peer]:
    return [*peers, *nagbench_loop.through_pointers(case), *stream.peers(case)]


def _check(only: str, cases: Sequence[Case], peers: Sequence[Peer]) -> None:
    """Raise BadParameter for a text that no loop's name contains."""
    names = {peer.name for case in cases for peer in _all(case, peers)}
    if not any(only in name for name in names):
        hint = f"{nearest_hint(only, names)} (known: {'; '.join(sorted(names))})"
        raise click.BadParameter(f"no loop's name contains {only!r}{hint}", param_hint="--only")


def installed() -> tuple[list[Peer], dict[str, str]]:
    """Return the peers that can run here and, by module, why the others cannot."""
    found = nagbench_loop.peers()
    missing: dict[str, str] = {}
    for name in _MODULES:
        try:
            found += importlib.import_module(f"benchmarks.peers.{name}").peers()
        except ImportError as error:
            missing[name.removesuffix("_loop")] = f"({error})"
    return found, missing


def _sizes(text: str | None, quick: bool) -> Sequence[int]:
    if text is None:
        return _QUICK_SIZES if quick else SIZES
    try:
        sizes = [int(float(word)) for word in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers", param_hint="--sizes") from None
    if min(sizes) < 3:
        raise click.BadParameter("a size is at least 3", param_hint="--sizes")
    return sizes


def _machine() -> dict[str, Any]:
    known = machine_facts()
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"processor": known["processor"], "cores": os.cpu_count(), "versions": versions}

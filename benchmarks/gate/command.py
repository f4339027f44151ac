"""The command line of the comparison."""

from __future__ import annotations

import fnmatch
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.gate import clock
from benchmarks.gate.judgement import Finding, judged_tracks, unexpected
from benchmarks.gate.sides import Side, Version, both, checkout, exported, git

_TRAILER = "Benchmark-change"
_SHOWN = 40


@click.command()
@click.argument("base")
@click.option(
    "--all", "everything", is_flag=True, help="Time everything, not only what runs on other code than before."
)
@click.option("--no-timing", is_flag=True, help="Compare what is counted exactly, and time nothing.")
@click.option("--no-counting", is_flag=True, help="Time, and compare nothing else.")
@click.option(
    "--only", default="*", metavar="PATTERN", help="Of what would be timed inside, this: 'update nesterov *'."
)
@click.option("--accept", multiple=True, metavar="PATTERN", help="A finding that is meant, such as 'path(lion, *)'.")
@click.option("--rounds", default=clock.ROUNDS, show_default=True, type=click.IntRange(min=1), help="Blocks of each.")
@click.option(
    "--ratios", type=click.Path(path_type=Path), help="Write the ratios of the first look to this file (CSV)."
)
def main(
    base: str,
    everything: bool,
    no_timing: bool,
    no_counting: bool,
    only: str,
    accept: Sequence[str],
    rounds: int,
    ratios: Path | None,
) -> None:
    """Compare this checkout with the commit BASE; exit code 1 if anything got worse.

    Counts, rates and paths must be the same. Times are compared where code differs. A change that is meant says so in
    the message of its commit, a pattern a line: "Benchmark-change: iterations(*, lion, *)".
    """
    before, now = exported(base), checkout()
    if not everything and not git("diff", "--name-only", base, "--", "nagbench", "problems").strip():
        click.echo(f"the package is the same as at {before.name}: nothing to compare")
        return
    with Side(before) as first, Side(now) as second:
        keys, left = clock.changed_keys(*both(first, second, "fingerprints"), everything)
        findings = [] if no_counting else _counted(first, second, keys)
    if not no_timing:
        findings += _timed(before, now, [key for key in keys if fnmatch.fnmatchcase(key, only)], rounds, ratios)
        if left:
            click.echo(f"changed and not timed for want of time (--all does): {', '.join(left)}", err=True)
    bad = unexpected(findings, [*accept, *_trailers(base)])
    _print(findings, bad)
    sys.exit(1 if bad else 0)


def _counted(base: Side, head: Side, keys: Sequence[str]) -> list[Finding]:
    tables = both(base, head, "tracks")
    # Paths of the libraries' methods take a while to compile, and move only with the code around them.
    if libraries := [key.split()[1] for key in keys if key.startswith("step ")]:
        for table, paths in zip(tables, both(base, head, "paths", libraries), strict=True):
            table.update(paths)
    findings = judged_tracks(*tables)
    differ = sum(finding.meaning != "new" for finding in findings)
    click.echo(f"{len(tables[1])} exact counts compared with {base.version.name}, {differ} of them not the same")
    return findings


def _timed(base: Version, head: Version, keys: Sequence[str], rounds: int, ratios: Path | None) -> list[Finding]:
    findings, measured = clock.slower(base, head, keys, rounds)
    span = f"{min(measured.values()):.2f} to {max(measured.values()):.2f}"
    click.echo(f"{len(measured)} times compared with {base.name}, ratios here ÷ there from {span}")
    if ratios is not None:
        ratios.write_text("".join(f"{key},{value:.4f}\n" for key, value in measured.items()), encoding="utf-8")
    return findings


def _trailers(base: str) -> list[str]:
    text = git("log", f"--format=%(trailers:key={_TRAILER},valueonly)", f"{base}..HEAD").decode()
    return [line.strip() for line in text.splitlines() if line.strip()]


def _print(findings: Sequence[Finding], bad: Sequence[Finding]) -> None:
    news = [finding for finding in findings if finding.meaning == "new"]
    shown = [*bad, *(finding for finding in findings if finding not in bad and finding not in news)]
    for finding in shown[:_SHOWN]:
        word = finding.meaning if finding in bad or not finding.alarming else f"{finding.meaning}, as meant"
        click.echo(f"{word:>16}  {finding.name}: {finding.base:.6g} → {finding.head:.6g}{_percent(finding)}")
    if len(shown) > _SHOWN:
        click.echo(f"{'':>16}  … and {len(shown) - _SHOWN} more")
    if news:
        click.echo(f"{'new':>16}  {len(news)} counts")
    click.echo(f"{len(bad)} regression{'s' * (len(bad) > 1)}" if bad else "no regression")


def _percent(finding: Finding) -> str:
    ratio = finding.head / finding.base if finding.base > 0 else math.nan
    return f" ({100 * (ratio - 1):+.1f} %)" if math.isfinite(ratio) else ""

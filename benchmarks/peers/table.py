"""From samples to rows, and from rows to text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any

import numpy as np

from benchmarks.peers.cases import Case
from benchmarks.peers.measure import Samples

BASELINE = "nagbench"
_HEADINGS = ("loop", "median", "min", "IQR", "× nagbench", "CPU/wall")


@dataclass(frozen=True)
class Row:
    """Times of one peer on one case, in seconds an iteration; nan where ``error`` says why there are none."""

    case: str
    n: int
    peer: str
    median: float
    minimum: float
    iqr: float
    ratio: float
    cpu: float
    iterations: int
    repeats: int
    error: str = ""


def rows_of(case: Case, all_samples: Iterable[Samples]) -> list[Row]:
    """Return one row per peer, in the order given; ratios are of medians, to nagbench's replay."""
    kept = list(all_samples)
    baseline = next((float(np.median(s.wall)) for s in kept if s.peer.name == BASELINE and s.wall), np.nan)
    return [_row(case, samples, baseline) for samples in kept]


def _row(case: Case, samples: Samples, baseline: float) -> Row:
    wall = np.array(samples.wall or [np.nan])
    low, median, high = np.percentile(wall, [25, 50, 75])
    return Row(
        case=case.name,
        n=case.n,
        peer=samples.peer.name,
        median=float(median),
        minimum=float(wall.min()),
        iqr=float(high - low),
        ratio=float(median / baseline),
        cpu=float(np.sum(samples.cpu or [np.nan]) / wall.sum()),
        iterations=samples.iterations,
        repeats=len(samples.wall),
        error=samples.error,
    )


def render(rows: Sequence[Row], facts: dict[str, Any], style: str) -> str:
    """Format the rows as "table", "csv", "json" or "md". ``facts`` say on what they were measured."""
    return {"table": _plain, "csv": _csv, "json": _json, "md": _markdown}[style](rows, facts)


def _csv(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()


def _json(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    plain = [{key: None if value != value else value for key, value in asdict(row).items()} for row in rows]
    return json.dumps({**facts, "rows": plain}, indent=1, ensure_ascii=False) + "\n"


def _plain(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    parts = [_facts(facts)]
    for title, lines in _tables(rows):
        width = max(len(line[0]) for line in lines)
        parts += [title, *(_aligned(line, width) for line in (_HEADINGS, *lines)), ""]
    return "\n".join(parts) + "\n"


def _aligned(line: Sequence[str], width: int) -> str:
    return "  " + line[0].ljust(width) + "".join(cell.rjust(12) for cell in line[1:])


def _markdown(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    parts = [_facts(facts)]
    for title, lines in _tables(rows):
        rule = "|---|" + "---:|" * (len(_HEADINGS) - 1)
        padded = (list(line) + [""] * (len(_HEADINGS) - len(line)) for line in (_HEADINGS, *lines))
        heading, *body = (f"| {' | '.join(line)} |" for line in padded)
        parts += [f"**{title}**", "", heading, rule, *body, ""]
    return "\n".join(parts) + "\n"


def _facts(facts: dict[str, Any]) -> str:
    return "\n".join(f"* {key}: {_listed(value)}" for key, value in facts.items() if value) + "\n"


def _listed(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def _tables(rows: Sequence[Row]) -> list[tuple[str, list[tuple[str, ...]]]]:
    return [
        (f"{name}, n = {n:,}", [_cells(row) for row in group])
        for (name, n), group in groupby(rows, key=lambda row: (row.case, row.n))
    ]


def _cells(row: Row) -> tuple[str, ...]:
    if row.error:
        return row.peer, f"error: {row.error}"
    times = (duration(seconds) for seconds in (row.median, row.minimum, row.iqr))
    return row.peer, *times, _three_digits(row.ratio), f"{row.cpu:.2f}"


def duration(seconds: float) -> str:
    """Format a duration with three digits and a unit."""
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds)} s"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"

"""What the page of a running sweep shows: how far it is, and what its results directory holds so far."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nagbench.analysis.best import best_of
from nagbench.analysis.formatting import number, seconds, whole
from nagbench.analysis.headlines import headlines
from nagbench.analysis.summary import shown_runs, summary_of
from nagbench.analysis.traces import traces_of
from nagbench.analysis.verdicts import verdicts_of, winners_of
from nagbench.core.errors import UsageError, one_line
from nagbench.experiments.results import Results, load_results
from nagbench.experiments.stages import Progress, Tally
from nagbench.reporting.figures.convergence import axis_limits, convergence_data, curve_styles
from nagbench.reporting.figures.style import MARKERS
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.figures.svg_writer import marker_definitions, render_svg

# Tables are read again at most this often, in seconds, and not while cells are timed: the times are to be undisturbed.
_EVERY = 4.0
_TIMING = "timing"
_MOST_CURVES, _MOST_FAILURES, _POINTS = 24, 20, 120
_SIZE = (430.0, 240.0)


class Watched(Progress):
    """Pass the progress of a sweep on to another listener, and remember it for the page."""

    def __init__(self, listener: Progress) -> None:
        self._listener, self._lock = listener, threading.Lock()
        self._tally = Tally("starting")
        self._warnings: list[str] = []
        self._ended = ""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage; the passes of a tuning, which are stages of one name, are one stage that grows."""
        with self._lock:
            self._tally.begin(name, total)
        self._listener.stage(name, total)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Report further cells."""
        with self._lock:
            self._tally.add(count, statuses)
        self._listener.advance(count, statuses)

    def pulse(self) -> None:
        """Do periodic work."""
        self._listener.pulse()

    def warn(self, message: str) -> None:
        """Pass a warning on."""
        with self._lock:
            self._warnings.append(message)
        self._listener.warn(message)

    def end(self, how: str) -> None:
        """Say that the sweep is over, and how it ended."""
        with self._lock:
            self._ended = how

    @property
    def timing(self) -> bool:
        """Whether cells are timed at the moment."""
        return self._tally.stage == _TIMING and not self._ended

    @property
    def ended(self) -> bool:
        """Whether the sweep is over."""
        return bool(self._ended)

    def snapshot(self) -> dict[str, Any]:
        """Return stage, cells done and in all, seconds left of the stage in words, and how cells ended."""
        with self._lock:
            tally, left = self._tally, self._tally.seconds_left
            return {
                "stage": self._ended or tally.stage,
                "ended": self.ended,
                "done": tally.done,
                "total": tally.total,
                "left": "" if self._ended or math.isnan(left) else f"about {seconds(left)} left",
                "statuses": dict(sorted(tally.statuses.items())),
                "warnings": self._warnings[-5:],
            }


class Snapshots:
    """What the results directory holds, read anew where it has changed."""

    def __init__(self, folder: Path, progress: Watched) -> None:
        self._folder, self._progress, self._lock = folder, progress, threading.Lock()
        self._seen: frozenset[str] = frozenset()
        self._read = -math.inf
        self._found: dict[str, Any] = {
            "headlines": [],
            "best": [],
            "failures": [],
            "curves": [],
            "note": "no result yet",
        }

    def state(self) -> dict[str, Any]:
        """Return the progress and the results so far."""
        with self._lock:
            self._refresh()
            return {"name": self._folder.name, "progress": self._progress.snapshot(), **self._found}

    def _refresh(self) -> None:
        # What there is in the end is shown at once: nothing more comes that would wait for it.
        recent = time.monotonic() - self._read < _EVERY and not self._progress.ended
        if self._progress.timing or recent:
            return
        parts = frozenset(str(part) for part in self._folder.glob("*/*.parquet"))
        if parts == self._seen:
            return
        try:
            self._found = read_so_far(load_results(self._folder, warn=lambda message: None))
            self._seen = parts
        except (UsageError, OSError, KeyError, ValueError) as error:
            # A directory that is being written may be between two states.
            self._found = {**self._found, "note": one_line(error)}
        self._read = time.monotonic()


def read_so_far(results: Results) -> dict[str, Any]:
    """Return headlines, the best optimizer of each problem, failures and curves of a results directory, as plain data."""
    found: dict[str, Any] = {"headlines": [], "best": [], "failures": [], "curves": [], "note": ""}
    shown = results.shown
    if shown.empty:
        return {**found, "note": "no result yet"}
    table = verdicts_of(results)
    rows = shown_runs(shown, results.timings)
    names = dict(zip(shown["variant"], shown["optimizer"], strict=True))
    failures = results.failures
    return {
        "headlines": headlines(table, names),
        "best": list(_best(summary_of(rows, winners_of(table)))),
        "failures": [
            f"{row.problem} × {row.variant}: {row.error}" for row in failures.head(_MOST_FAILURES).itertuples()
        ],
        "failed": len(failures),
        "curves": list(_curves(traces_of(rows, results.curves, _POINTS))),
        "definitions": marker_definitions(MARKERS),
        "note": f"{results.missing:,} cells have no result yet" if results.missing else "",
    }


def _best(summary: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield, for each problem and mode, the decided winner, and the counts of the two best so far."""
    for row in best_of(summary).to_dict("records"):
        solved = math.isfinite(row["iterations"])
        yield {
            "problem": str(row["problem"]),
            "mode": str(row["mode"]),
            "winner": str(row["winner"]) or ("undecided" if solved else "not solved"),
            "fewest": f"{row['fewest']}: {whole(row['iterations'])}" if solved else "",
            "next": whole(row["next"]) if solved and math.isfinite(row["next"]) else "",
        }


def _curves(traces: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield one picture for each problem and mode, with its legend."""
    for place, ((task, mode), rows) in enumerate(traces.groupby(["task", "mode"], sort=False)):
        if place >= _MOST_CURVES:
            return
        data = convergence_data(rows, limits=axis_limits(rows), size=_SIZE)
        title = f"{task}, {mode}: the measure against the iteration, to {number(float(rows['tolerance'].min()))}"
        legend = [{"name": name, "swatch": draw_swatch(style)} for name, style in curve_styles(rows).items()]
        yield {"title": title, "svg": render_svg(data, f"curve-{place}", title=title), "legend": legend}

"""What changed from commit to commit, beyond noise: the steps of all benchmarks, and the page that lists them."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import numpy as np

from nagbench.reporting.dashboard.asv_results import AsvResults, Benchmark, ResultFile

# A change of fewer digits is that of a sum in another order.
_ROUNDING = 1e-9
# The relative change of a time that counts where the configuration says nothing.
_NOISE = 0.2
# So many values on both sides of a commit have to agree on a change of a time.
_AROUND = 3


@dataclass(frozen=True)
class Point:
    """A value at a commit; nan if the benchmark ran without one, as where a run did not converge."""

    commit: str
    value: float


@dataclass(frozen=True)
class Series:
    """The history of one benchmark with one set of parameters on one machine, oldest first."""

    benchmark: str
    title: str
    unit: str
    machine: str
    parameters: Mapping[str, str]
    threshold: float
    points: tuple[Point, ...]

    @property
    def label(self) -> str:
        """The parameters in words."""
        return ", ".join(value.strip("'") for value in self.parameters.values())


@dataclass(frozen=True)
class Step:
    """A change of a series from one commit to the next that has a value."""

    series: Series
    index: int
    before: float
    after: float

    @property
    def commit(self) -> str:
        """The commit that brought it, or the first after it that was measured."""
        return self.series.points[self.index].commit

    @property
    def ratio(self) -> float:
        """What the value was multiplied by; nan where one side has none."""
        return self.after / self.before if self.before else math.nan

    @property
    def worse(self) -> bool:
        """Whether the value rose, or is there no more: all benchmarks are costs."""
        return math.isnan(self.after) or self.after > self.before


def histories(results: AsvResults, order: Sequence[str], thresholds: Mapping[str, float]) -> list[Series]:
    """Return the history of every benchmark, parameter set and machine.

    Parameters
    ----------
    results
        The results of asv.
    order
        The commits, oldest first; results of others are left out.
    thresholds
        The relative changes that count, by patterns of benchmark names, as in ``regressions_thresholds`` of asv.
    """
    place = {commit: number for number, commit in enumerate(order)}
    found: dict[tuple[str, str, tuple[str, ...]], dict[str, float]] = defaultdict(dict)
    files = sorted((file for file in results.results if file.commit in place), key=lambda file: place[file.commit])
    for file in files:
        for name, values in _values(file, results.benchmarks):
            for parameters, value in values.items():
                found[name, file.machine, parameters][file.commit] = value
    return [
        _series(name, machine, parameters, points, results.benchmarks[name], thresholds)
        for (name, machine, parameters), points in found.items()
    ]


def _series(
    name: str,
    machine: str,
    parameters: tuple[str, ...],
    points: Mapping[str, float],
    benchmark: Benchmark,
    thresholds: Mapping[str, float],
) -> Series:
    threshold = next((limit for pattern, limit in thresholds.items() if re.fullmatch(pattern, name)), _NOISE)
    return Series(
        name,
        str(benchmark.get("pretty_name") or name),
        str(benchmark.get("unit") or ""),
        machine,
        dict(zip(benchmark.get("param_names", ()), parameters, strict=False)),
        max(threshold, _ROUNDING),
        tuple(Point(commit, value) for commit, value in points.items()),
    )


def _values(
    file: ResultFile, benchmarks: Mapping[str, Benchmark]
) -> Iterator[tuple[str, dict[tuple[str, ...], float]]]:
    """Yield each benchmark of a file with its values by parameters; without those of another version of the benchmark."""
    columns = list(file.content.get("result_columns", ("result", "params", "version")))
    for name, row in file.content["results"].items():
        entry = dict(zip(columns, row, strict=False)) if isinstance(row, list) else {}
        benchmark = benchmarks.get(name)
        if benchmark is None or entry.get("version") not in (None, benchmark.get("version")) or not entry.get("result"):
            continue
        every = itertools.product(*(entry.get("params") or ()))
        numbers = zip(every, entry["result"], strict=False)
        yield name, {found: float(value) for found, value in numbers if isinstance(value, int | float)}


def steps_of(series: Series) -> list[Step]:
    """Return the changes beyond noise of a series.

    Counts are exact, so that every change counts beyond rounding. A time has to differ by more than its threshold from the
    median of the values before, and the median of the values after as well: one slow measurement is no change. Nor is the first
    value of a series.
    """
    values = [point.value for point in series.points]
    exact = series.threshold < 0.01
    found: list[Step] = []
    for index in range(1, len(values)):
        before, after = values[index - 1], values[index]
        if all(map(math.isnan, values[:index])):
            # Measured for the first time, as a method that is new.
            continue
        if not exact:
            before = _median(values[max(0, index - _AROUND) : index])
            later = _median(values[index : index + _AROUND])
            if not (_differs(before, after, series.threshold) and _differs(before, later, series.threshold)):
                continue
            if found and index - found[-1].index < _AROUND:
                # The same step, seen from the next commit.
                continue
            after = later
        if _differs(before, after, series.threshold):
            found.append(Step(series, index, before, after))
    return found


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def _differs(a: float, b: float, threshold: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) != math.isnan(b)
    if a == b:
        return False
    low, high = sorted((abs(a), abs(b)))
    return a * b <= 0.0 or high / low - 1.0 > threshold


def link_of(series: Series) -> str:
    """Return the address of a series in asv's page, alone and on a logarithmic axis."""
    chosen = [("y-axis-scale", "log"), *((f"p-{name}", value) for name, value in series.parameters.items())]
    return f"asv.html#{series.benchmark}?{urlencode(chosen, quote_via=quote)}"

"""A sweep as results of asv: one more point in the history of the study of its name."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from nagbench.analysis.summary import summary
from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.experiments.results import Results as SweepResults
from nagbench.reporting.dashboard.folders import AsvResults, Benchmark, ResultFile

AXES = ("problem", "method", "mode")
# What may differ between two runs of a study whose numbers are still the same thing.
_FREE = {
    "name", "problems", "optimizers", "suites", "modes", "oracles", "timing", "repeats", "curves",
}  # fmt: skip
_TRACKS: Mapping[str, tuple[str, str, Callable[[Any], float | None]]] = {
    "iterations": ("iterations", "Iterations to the tolerance", lambda row: _finite(row.iterations)),
    "unsolved": ("runs", "Unsolved runs", lambda row: float(row.of - row.solved)),
    "wall_time": ("seconds", "Time of one bare replay", lambda row: _finite(row.wall_time)),
}


def export_sweep(sweep: SweepResults, commit: str, date: int) -> AsvResults:
    """The selected runs of a sweep at their tightest tolerance, at a commit of that date (milliseconds, as asv has them).

    Per problem, method and mode: the median of iterations, the runs that did not converge, and the median time of a
    replay. What was not solved has no iterations and no time: null, which asv shows as failed.
    Raises UsageError for a sweep without results.
    """
    if sweep.runs.empty:
        raise UsageError(f"{sweep.store.folder} holds no results yet")
    rows = summary(sweep.runs, sweep.timings)
    name, version = _name(sweep), _version(sweep)
    axes = [list(dict.fromkeys(rows[column].astype(str))) for column in ("task", "method", "mode")]
    table = {(str(row.task), str(row.method), str(row.mode)): row for row in rows.itertuples(index=False)}
    benchmarks, results = {}, {}
    for track, (unit, title, number) in _TRACKS.items():
        values = [_of(table.get(key), number) for key in _product(axes)]
        if any(value is not None for value in values):
            label = f"{name}.{track}"
            benchmarks[label] = _benchmark(label, f"{title} ({sweep.manifest['name']})", unit, axes, version)
            results[label] = [values, benchmarks[label]["params"], version]
    return _folder(sweep, commit, date, benchmarks, results)


def _folder(
    sweep: SweepResults, commit: str, date: int, benchmarks: dict[str, Benchmark], results: Mapping[str, Any]
) -> AsvResults:
    machine = sweep.manifest["machine"]
    python = ".".join(str(sweep.manifest["versions"]["python"]).split(".")[:2])
    environment = f"study-{sweep.manifest['name']}"
    content = {
        "commit_hash": commit, "env_name": environment, "date": date, "python": python, "requirements": {},
        "params": {"machine": machine["id"], "python": python}, "env_vars": {},
        "result_columns": ["result", "params", "version"], "results": dict(results), "durations": {},
    }  # fmt: skip
    about = {
        "machine": machine["id"], "cpu": machine["processor"], "num_cpu": str(machine["cores"]), "os": machine["system"],
        "arch": "", "ram": "",
    }  # fmt: skip
    file = f"{commit[:8]}-{environment}.json"
    return AsvResults(benchmarks, {machine["id"]: about}, [ResultFile(machine["id"], file, content)])


def _benchmark(label: str, title: str, unit: str, axes: Sequence[Sequence[str]], version: str) -> Benchmark:
    return {
        "name": label, "pretty_name": title, "type": "track", "unit": unit, "version": version,
        "param_names": list(AXES), "params": [[repr(value) for value in values] for values in axes],
        "code": "Exported from results of `nagbench sweep`.", "timeout": 0,
    }  # fmt: skip


def _name(sweep: SweepResults) -> str:
    return f"study.{sweep.manifest['name'].replace('.', '_')}"


def _version(sweep: SweepResults) -> str:
    """A hash of what makes numbers comparable: asv hides results of another version than the newest."""
    decides = {key: value for key, value in sweep.manifest["spec"].items() if key not in _FREE}
    return hashlib.blake2b(canonical(decides).encode(), digest_size=4).hexdigest()


def _product(axes: Sequence[Sequence[str]]) -> list[tuple[str, str, str]]:
    problems, methods, modes = axes
    return [(problem, method, mode) for problem in problems for method in methods for mode in modes]


def _of(row: Any, number: Callable[[Any], float | None]) -> float | None:
    return None if row is None else number(row)


def _finite(value: Any) -> float | None:
    return float(value) if not pd.isna(value) and math.isfinite(value) else None

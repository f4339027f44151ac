"""A sweep as results of asv: one more point in the history of the study of its name."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nagbench.analysis.summary import summary
from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.experiments.results import Results as SweepResults
from nagbench.reporting.dashboard.asv_results import AsvResults, Benchmark, ResultFile

AXES = ("problem", "method", "mode")
# Settings in which runs of a study may differ while their numbers stay comparable.
_NOT_DECISIVE = {
    "name",
    "problems",
    "optimizers",
    "suites",
    "modes",
    "oracles",
    "timing",
    "repeats",
    "curves",
}
# Unit and title of each benchmark.
_TRACKS = {
    "iterations": ("iterations", "Iterations to the tolerance"),
    "unsolved": ("runs", "Unsolved runs"),
    "wall_time": ("seconds", "Time of one timed replay"),
}


def export_sweep(sweep: SweepResults, commit: str, date: int) -> AsvResults:
    """Return the selected runs of a sweep at their tightest tolerance as results of asv.

    For each problem, method and mode there are the median of iterations, the number of runs that did not converge, and the
    median time of a replay. Without convergence, iterations and time are null, which asv shows as failed.

    Parameters
    ----------
    sweep : Results
        The results of the sweep.
    commit : str
        The hash of the commit that the results belong to.
    date : int
        The date of the commit in milliseconds.

    Raises
    ------
    UsageError
        If the sweep has no results.
    """
    if sweep.runs.empty:
        raise UsageError(f"{sweep.store.folder} contains no results yet")
    rows = summary(sweep.runs, sweep.timings)
    rows["unsolved"] = rows["of"] - rows["solved"]
    numbers = rows.set_index(rows[["task", "method", "mode"]].astype(str).apply(tuple, axis=1))[list(_TRACKS)]
    axes = [list(dict.fromkeys(rows[column].astype(str))) for column in ("task", "method", "mode")]
    study, version = f"study.{sweep.manifest['name'].replace('.', '_')}", _version(sweep)
    benchmarks, results = {}, {}
    for track, (unit, title) in _TRACKS.items():
        finite = numbers[track].astype(float).where(np.isfinite).dropna().to_dict()
        values = [finite.get(key) for key in itertools.product(*axes)]
        if any(value is not None for value in values):
            name = f"{study}.{track}"
            benchmarks[name] = _benchmark(name, f"{title} ({sweep.manifest['name']})", unit, axes, version)
            results[name] = [values, benchmarks[name]["params"], version]
    machine = sweep.manifest["machine"]
    about = {
        "machine": _machine(sweep),
        "cpu": str(machine.get("processor", "")),
        "num_cpu": str(machine.get("cores", "")),
        "os": str(machine.get("system", "")),
        "arch": "",
        "ram": "",
    }
    return AsvResults(benchmarks, {_machine(sweep): about}, [_result_file(sweep, commit, date, results)])


def _machine(sweep: SweepResults) -> str:
    return _file_name(str(sweep.manifest["machine"].get("id", "unknown")))


def _file_name(text: str) -> str:
    """Return a text of somebody's results as a file name in one folder."""
    return re.sub(r"[^\w+-]|^\.", "_", text)[:100] or "_"


def _result_file(sweep: SweepResults, commit: str, date: int, results: Mapping[str, Any]) -> ResultFile:
    machine = _machine(sweep)
    python = ".".join(str(sweep.manifest["versions"].get("python", "")).split(".")[:2])
    environment = f"study-{_file_name(str(sweep.manifest['name']))}"
    content = {
        "commit_hash": commit,
        "env_name": environment,
        "date": date,
        "python": python,
        "requirements": {},
        "params": {"machine": machine, "python": python},
        "env_vars": {},
        "result_columns": ["result", "params", "version"],
        "results": dict(results),
        "durations": {},
    }
    return ResultFile(machine, f"{_file_name(commit[:8])}-{environment}.json", content)


def _benchmark(name: str, title: str, unit: str, axes: Sequence[Sequence[str]], version: str) -> Benchmark:
    return {
        "name": name,
        "pretty_name": title,
        "type": "track",
        "unit": unit,
        "version": version,
        "param_names": list(AXES),
        "params": [[repr(value) for value in values] for values in axes],
        "code": "Exported from results of `nagbench sweep`.",
        "timeout": 0,
    }


def _version(sweep: SweepResults) -> str:
    """Return a hash of the settings that make numbers comparable: asv hides results of other versions than the newest."""
    decisive = {key: value for key, value in sweep.manifest["spec"].items() if key not in _NOT_DECISIVE}
    return hashlib.blake2b(canonical(decisive).encode(), digest_size=4).hexdigest()

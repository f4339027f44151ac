"""Results in the format of asv 0.6: a directory with ``benchmarks.json`` and a subdirectory of result files for each machine.

``benchmarks.json`` has version 2 and describes every benchmark by name. A result file holds one commit in one environment; it
has version 2 and rows of values, parameters and the benchmark's version.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nagbench.core.errors import UsageError
from nagbench.core.validation import read_text

BENCHMARKS = "benchmarks.json"
_MACHINE = "machine.json"
_VERSION = 2
Benchmark = dict[str, Any]


@dataclass(frozen=True)
class ResultFile:
    """The results of one commit in one environment of a machine.

    Parameters
    ----------
    machine : str
    name : str
        The name of the file.
    content : dict
    """

    machine: str
    name: str
    content: Mapping[str, Any]

    @property
    def commit(self) -> str:
        """The full hash of the commit."""
        return str(self.content["commit_hash"])


@dataclass
class AsvResults:
    """The content of a results directory: benchmarks and machines by name, and result files."""

    benchmarks: dict[str, Benchmark] = field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[ResultFile] = field(default_factory=list)


def read_results(directory: Path) -> AsvResults:
    """Read a results directory.

    Returns
    -------
    AsvResults
        Empty if the directory does not exist.

    Raises
    ------
    UsageError
        If a file is not one of asv.
    """
    if not directory.exists():
        return AsvResults()
    benchmarks = _load(directory / BENCHMARKS, f"{directory} holds no results of asv: it has no {BENCHMARKS}")
    found = AsvResults({name: entry for name, entry in benchmarks.items() if isinstance(entry, dict)})
    for machine_file in sorted(directory.glob(f"*/{_MACHINE}")):
        machine = machine_file.parent.name
        found.machines[machine] = {**_load(machine_file), "machine": machine}
        for file in sorted(set(machine_file.parent.glob("*.json")) - {machine_file}):
            content = _load(file)
            if "commit_hash" not in content or not isinstance(content.get("results"), dict):
                raise UsageError(f"{file} is not a file of asv results")
            found.results.append(ResultFile(machine, file.name, content))
    return found


def write_results(results: AsvResults, directory: Path) -> None:
    """Write all results to a directory, where they replace files of the same name.

    Raises
    ------
    UsageError
        If the directory cannot be written.
    """
    try:
        _dump(directory / BENCHMARKS, {**results.benchmarks, "version": _VERSION})
        for name, machine in results.machines.items():
            _dump(directory / name / _MACHINE, {"version": 1, **machine})
        for result in results.results:
            _dump(directory / result.machine / result.name, {**result.content, "version": _VERSION})
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}") from None


def merge_results(several: Iterable[AsvResults]) -> AsvResults:
    """Merge results into one.

    If two describe a benchmark differently, or hold the same file, the first one counts. Parameters of the same benchmark are
    pooled, so that no value that only one of them has is lost.
    """
    total = AsvResults()
    files: dict[tuple[str, str], ResultFile] = {}
    for results in several:
        for name, benchmark in results.benchmarks.items():
            known = total.benchmarks.get(name)
            total.benchmarks[name] = benchmark if known is None else _pool_parameters(known, benchmark)
        total.machines = {**results.machines, **total.machines}
        for result in results.results:
            files.setdefault((result.machine, result.name), result)
    return replace(total, results=list(files.values()))


def _pool_parameters(known: Benchmark, other: Benchmark) -> Benchmark:
    same_benchmark = all(known.get(key) == other.get(key) for key in ("version", "param_names", "type"))
    if not same_benchmark or len(known["params"]) != len(other["params"]):
        return known
    pairs = zip(known["params"], other["params"], strict=True)
    return {**known, "params": [list(dict.fromkeys(itertools.chain(*pair))) for pair in pairs]}


def drop_empty_parameters(results: AsvResults) -> AsvResults:
    """Return the results without empty environment parameters: asv lists every requirement, with an empty version if open."""
    files = []
    for result in results.results:
        params = {key: value for key, value in result.content["params"].items() if value not in ("", None)}
        files.append(replace(result, content={**result.content, "params": params}))
    return replace(results, results=files)


def _load(file: Path, absent: str = "") -> dict[str, Any]:
    try:
        content = json.loads(read_text(file))
    except FileNotFoundError:
        raise UsageError(absent or f"{file} does not exist") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file} is not a file of asv")
    return content


def _dump(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    temporary.replace(file)

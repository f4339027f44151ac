"""Folders of results in asv's format: a `benchmarks.json`, and a folder a machine with a file a commit and environment.

The format is that of asv 0.6: `benchmarks.json` has version 2 and describes every benchmark by name; a result file has
version 2 and rows of values, parameters and the benchmark's version.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nagbench.core.errors import UsageError

BENCHMARKS = "benchmarks.json"
_MACHINE = "machine.json"
_FORMAT = 2
Benchmark = dict[str, Any]


@dataclass(frozen=True)
class ResultFile:
    """The results of a commit in an environment of a machine."""

    machine: str
    name: str
    content: Mapping[str, Any]

    @property
    def commit(self) -> str:
        """The whole hash."""
        return str(self.content["commit_hash"])


@dataclass
class AsvResults:
    """What a folder holds: benchmarks by name, machines by name, and results."""

    benchmarks: dict[str, Benchmark] = field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[ResultFile] = field(default_factory=list)


def read_results(place: Path) -> AsvResults:
    """The folder at a place; an empty one where there is none yet. Raises UsageError for what asv did not write."""
    if not place.exists():
        return AsvResults()
    benchmarks = _load(place / BENCHMARKS, f"{place} holds no results of asv: it has no {BENCHMARKS}")
    found = AsvResults({name: entry for name, entry in benchmarks.items() if isinstance(entry, dict)})
    for file in sorted(place.glob(f"*/{_MACHINE}")):
        machine = file.parent.name
        found.machines[machine] = {**_load(file), "machine": machine}
        for path in sorted(file.parent.glob("*.json")):
            if path.name != _MACHINE:
                content = _load(path)
                if "commit_hash" not in content or not isinstance(content.get("results"), dict):
                    raise UsageError(f"{path} is not a file of results of asv")
                found.results.append(ResultFile(machine, path.name, content))
    return found


def write_results(folder: AsvResults, place: Path) -> None:
    """Writes all of it; files of the same name are replaced. Raises UsageError where that cannot be done."""
    try:
        _dump(place / BENCHMARKS, {**folder.benchmarks, "version": _FORMAT})
        for name, machine in folder.machines.items():
            _dump(place / name / _MACHINE, {"version": 1, **machine})
        for result in folder.results:
            _dump(place / result.machine / result.name, {**result.content, "version": _FORMAT})
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror}") from None


def merge_results(folders: Iterable[AsvResults]) -> AsvResults:
    """All of them as one. Where two describe a benchmark differently, or hold the same file, the former counts.

    Parameters of the same benchmark are pooled, so that a value that only one of them knows is not lost.
    """
    total = AsvResults()
    for folder in folders:
        for name, benchmark in folder.benchmarks.items():
            known = total.benchmarks.get(name)
            total.benchmarks[name] = benchmark if known is None else _pooled(known, benchmark)
        total.machines = {**folder.machines, **total.machines}
        held = {(result.machine, result.name) for result in total.results}
        total.results += [result for result in folder.results if (result.machine, result.name) not in held]
    return total


def _pooled(known: Benchmark, other: Benchmark) -> Benchmark:
    alike = all(known.get(key) == other.get(key) for key in ("version", "param_names", "type"))
    if not alike or len(known["params"]) != len(other["params"]):
        return known
    pairs = zip(known["params"], other["params"], strict=True)
    return {**known, "params": [list(dict.fromkeys(itertools.chain(*pair))) for pair in pairs]}


def drop_empty_parameters(folder: AsvResults) -> AsvResults:
    """The same without environment parameters that say nothing: asv lists every requirement, its version empty if open."""

    def spoken(content: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **content,
            "params": {key: value for key, value in content["params"].items() if value not in ("", None)},
        }

    results = [ResultFile(result.machine, result.name, spoken(result.content)) for result in folder.results]
    return AsvResults(folder.benchmarks, folder.machines, results)


def _load(file: Path, absent: str = "") -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(absent or f"{file} is not there") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{file} is not a file of asv")
    return found


def _dump(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    temporary.replace(file)

"""The search for the version that changed something, by bisection."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from packaging.version import Version

from nagbench.analysis.formatting import number
from nagbench.core.errors import UsageError
from nagbench.validation.bisection.packages import make_environment
from nagbench.validation.equivalence.rounding import DIFFERENT, compare

_SECONDS = 1800
Say = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """The question that a bisection answers.

    Attributes
    ----------
    package : str
        The distribution.
    what : {"trajectory", "count", "time"}
        What may have changed.
    optimizer, problem : str
        What runs.
    steps : int
        Iterations of a trajectory or of a timing.
    tolerance, budget
        The tolerance and the budget of a count.
    factor : float
        By how much a time must change, above 1.
    """

    package: str
    what: str
    optimizer: str
    problem: str
    steps: int
    tolerance: float
    budget: int
    factor: float

    def change(self, good: Mapping[str, Any], other: Mapping[str, Any]) -> str:
        """Describe how an answer differs from that of the good version; empty if it does not."""
        if self.what == "count":
            before, now = ((one["status"], one["iterations"]) for one in (good, other))
            return "" if before == now else f"{_counted(other)} instead of {_counted(good)}"
        if self.what == "time":
            ratio = other["seconds"] / good["seconds"] if good["seconds"] > 0.0 else float("inf")
            changed = ratio > self.factor or ratio < 1.0 / self.factor
            return f"an iteration takes {number(ratio)} times as long" if changed else ""
        a, b = (np.array(one["points"], dtype=np.float64) for one in (good, other))
        allowed = np.minimum(*(_allowance(one) for one in (good, other)))
        found = compare(a, b, allowed)
        if found.verdict != DIFFERENT:
            return ""
        return f"different from step {found.parts_at} on, up to {number(found.distance)} apart"


def _allowance(answer: Mapping[str, Any]) -> Any:
    """Return what is attributed to rounding; infinite where a run is no longer finite."""
    found = np.array(answer["allowed"], dtype=np.float64)
    return np.where(np.isnan(found), np.inf, found)


def _counted(answer: Mapping[str, Any]) -> str:
    return f"{answer['iterations']} iterations ({answer['status']})"


@dataclass(frozen=True)
class Culprit:
    """The outcome of a bisection.

    Attributes
    ----------
    before, first : Version or None
        The last version that behaves like the good one and the first that does not; None if both ends behave the same.
    change : str
        What changed.
    unknown : mapping of Version to str
        The reasons why versions between the two could not be tried; one of them may be the first.
    tried : int
        The number of versions that ran.
    """

    before: Version | None
    first: Version | None
    change: str
    unknown: Mapping[Version, str] = field(default_factory=dict)
    tried: int = 2


def bisect(question: Question, versions: list[Version], *, deps: bool, say: Say = lambda _: None) -> Culprit:
    """Find the first version that behaves differently from the first one of a list, as the last one does.

    Parameters
    ----------
    question : Question
        The question to answer.
    versions : list of Version
        The versions in order, from the good one to the bad one.
    deps : bool
        Whether each version gets its own dependencies.
    say : callable
        Called with a line for every version that was tried.

    Returns
    -------
    Culprit
        The version and what it changed.

    Raises
    ------
    UsageError
        If one of the two ends does not run.
    """
    with tempfile.TemporaryDirectory(prefix="nagbench-bisect-") as folder:
        trier = _Trier(question, Path(folder), deps, say)
        good = trier.answer(versions[0])
        change = trier.change(good, versions[-1])
        if not change:
            return Culprit(None, None, "")
        low, high, unknown = 0, len(versions) - 1, dict[Version, str]()
        while candidates := [i for i in range(low + 1, high) if versions[i] not in unknown]:
            middle = min(candidates, key=lambda i: abs(2 * i - low - high))
            try:
                found = trier.change(good, versions[middle])
            except UsageError as error:
                unknown[versions[middle]] = str(error)
                continue
            low, high, change = (low, middle, found) if found else (middle, high, change)
        between = {version: why for version, why in unknown.items() if version in versions[low + 1 : high]}
        return Culprit(versions[low], versions[high], change, between, trier.tried)


class _Trier:
    """Runs versions, each in an environment of its own."""

    def __init__(self, question: Question, folder: Path, deps: bool, say: Say) -> None:
        self._question, self._folder, self._deps, self._say = question, folder, deps, say
        self.tried = 0

    def change(self, good: Mapping[str, Any], version: Version) -> str:
        """Try a version; return how it differs from the good one."""
        found = self._question.change(good, self.answer(version))
        self._say(f"{self._question.package} {version}: {found or 'behaves as the good version'}")
        return found

    def answer(self, version: Version) -> Mapping[str, Any]:
        """Return what a version does. Raises UsageError if it cannot be installed or does not run."""
        package = self._question.package
        python = make_environment(self._folder / str(version), package, version, deps=self._deps)
        found = _ask(python, {**vars(self._question)})
        if "error" in found:
            raise UsageError(f"{package} {version}: {self._question.optimizer} does not run: {found['error']}")
        if Version(found["version"]) != version:
            raise UsageError(f"{package} {version}: its environment imports version {found['version']}")
        self.tried += 1
        return found


def _ask(python: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Put a question to the probe in an environment."""
    # What PYTHONPATH and the current folder have comes after the environment, through its .pth file, so that it cannot
    # hide the version.
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    clean |= {"PYTHONNOUSERSITE": "1", "TORCHDYNAMO_DISABLE": "1"}
    command = [str(python), "-P", "-m", "nagbench.validation.bisection.probe"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=clean,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it takes longer than {_SECONDS} s"}
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        return {"error": f"its process ended with code {done.returncode}: {last}"}
    return found

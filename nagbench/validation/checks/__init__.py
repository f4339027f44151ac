"""Contract tests for problems and optimizers, including user code: `nagbench check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nagbench.core.paths import suites_folder
from nagbench.experiments.names import expand_patterns, is_pattern
from nagbench.optimizers.registry import known_optimizers
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.problems.suites import merge_suites, suites
from nagbench.validation.checks.findings import CheckResult
from nagbench.validation.checks.methods import check_method
from nagbench.validation.checks.problems import check_problem
from nagbench.validation.subjects import names_optimizer

__all__ = ["Check", "check", "check_method", "check_problem"]

Job = Callable[[], list[CheckResult]]


def check(name: str, *, optimizer: bool = False, seed: int = 0) -> Iterator[list[CheckResult]]:
    """Check a problem, every problem of a TOML file, or an optimizer.

    Parameters
    ----------
    name : str
        Name of a problem or an optimizer, or path of a TOML file. A name that is both stands for the problem.
    optimizer : bool
        Whether the name is that of an optimizer.
    seed : int
        Seed of the random points and gradients.

    Returns
    -------
    iterator of list of CheckResult
        The results, one list for each problem or optimizer; each is computed when it is requested.

    Raises
    ------
    UsageError
        If the name is neither a problem nor an optimizer; raised before anything is checked.
    """
    return (job() for job in _jobs(name, optimizer, seed))


def _jobs(text: str, optimizer: bool, seed: int) -> list[Job]:
    """List the checks to run, one job for each problem or optimizer."""
    a_file = not optimizer and (text.endswith(".toml") or Path(text).is_file())
    if a_file:
        return _suite(Path(text), seed)
    if is_pattern(text):
        known = {**dict.fromkeys(problem_names(), False), **dict.fromkeys(known_optimizers(), True)}
        names = expand_patterns("problem or optimizer", [text], lambda: known)
        return [job for name in names for job in _jobs(name, known[name], seed)]
    if optimizer or names_optimizer(text):
        return [partial(check_method, make_optimizer(text), seed=seed)]
    return [partial(check_problem, make_problem(text), seed=seed)]


def _suite(file: Path, seed: int) -> list[Job]:
    """List a job for each problem of a TOML file."""
    entries = merge_suites([file], taken=None if file.resolve().parent == suites_folder().resolve() else suites())
    return [partial(check_problem, entry.problem(), seed=seed) for entry in entries.values()]

"""Contract tests of problems and optimizers, for anyone's code: `nagbench check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nagbench.core.discovery import import_object
from nagbench.core.errors import unknown_name
from nagbench.core.paths import suites_folder
from nagbench.core.remote import UserCode, remote_call
from nagbench.core.text_form import parse_text
from nagbench.optimizers.adapters.user import is_optimizer
from nagbench.optimizers.registry import known_optimizers
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.problems.registry import adapters, families, problem_plugins
from nagbench.problems.suites import merge_suites, suites
from nagbench.validation.checks.findings import CheckResult
from nagbench.validation.checks.methods import check_method
from nagbench.validation.checks.problems import check_problem

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
    if optimizer or _is_optimizer(text):
        return [partial(check_method, make_optimizer(text), seed=seed)]
    if text.endswith(".toml") or Path(text).is_file():
        return _suite(Path(text), seed)
    return [partial(check_problem, make_problem(text), seed=seed)]


def _suite(file: Path, seed: int) -> list[Job]:
    """List a job for each problem of a TOML file."""
    entries = merge_suites([file], taken=None if file.resolve().parent == suites_folder().resolve() else suites())
    return [partial(check_problem, entry.problem(), seed=seed) for entry in entries.values()]


@remote_call(lambda path: UserCode(f"problem or optimizer {path}"))
def is_optimizer_path(path: str) -> bool:
    """Tell whether the object at "module:attribute" is an optimizer."""
    return is_optimizer(import_object("problem or optimizer", path))


def _is_optimizer(text: str) -> bool:
    """Tell whether the text names an optimizer and no problem. Raise UsageError if it names neither."""
    if text.endswith(".toml") or Path(text).is_file():
        return False
    name = parse_text(text)[0]
    known_problems = {*problem_names(), *families(), *problem_plugins()}
    if text in known_problems or name in known_problems or name.partition(":")[0] in adapters():
        return False
    if name in known_optimizers():
        return True
    if ":" in name:
        return bool(is_optimizer_path(name))
    raise unknown_name("problem or optimizer", name, {*known_problems, *known_optimizers()})

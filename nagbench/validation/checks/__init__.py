"""Contract tests of problems and optimizers, usable on anyone's: `nagbench check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nagbench import registry
from nagbench.validation.checks.findings import Check
from nagbench.validation.checks.methods import check_method
from nagbench.validation.checks.problems import check_problem
from nagbench.core.errors import unknown
from nagbench.execution.sandbox import guard
from nagbench.optimizers.adapters.user import is_optimizer
from nagbench.problems.suites import home, merge, suites
from nagbench.core.text_form import parse

__all__ = ["Check", "check", "check_method", "check_problem"]

Job = Callable[[], list[Check]]


def check(name: str, *, optimizer: bool = False, seed: int = 0) -> Iterator[list[Check]]:
    """The checks of a problem, of every problem of a TOML file, or of an optimizer; a list for each subject.

    A name that is both a problem's and an optimizer's stands for the problem, unless ``optimizer`` is set.
    Raises UsageError, before anything is checked, for what is neither.
    """
    return (job() for job in _jobs(name, optimizer, seed))


def _jobs(text: str, optimizer: bool, seed: int) -> list[Job]:
    if optimizer or _is_optimizer(text):
        return [partial(check_method, registry.optimizer(text), seed=seed)]
    if text.endswith(".toml") or Path(text).is_file():
        return _suite(Path(text), seed)
    return [partial(check_problem, registry.problem(text), seed=seed)]


def _suite(file: Path, seed: int) -> list[Job]:
    entries = merge([file], taken=None if file.resolve().parent == home().resolve() else suites())
    return [partial(check_problem, entry.problem(), seed=seed) for entry in entries.values()]


def _is_optimizer(text: str) -> bool:
    """Whether this is an optimizer's name and no problem's. Raises UsageError for what is neither."""
    if text in suites() or text.endswith(".toml") or Path(text).is_file():
        return False
    name = parse(text)[0]
    if name in suites() or name in registry.families() or name.partition(":")[0] in registry.schemes():
        return False
    if name in registry.optimizers():
        return True
    if ":" in name:
        present = guard()
        if present is not None:
            return bool(present.ask("is_optimizer", name, who=f"problem or optimizer {name}"))
        return is_optimizer(registry.from_path("problem or optimizer", name))
    raise unknown("problem or optimizer", name, {*suites(), *registry.families(), *registry.optimizers()})

"""nagbench: the reference bench for accelerated first-order optimizers.

Everything here is imported when it is first used, so that ``nagbench --help`` answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "UsageError": "errors",
    "Problem": "objective",
    "Hyperparameter": "updates",
    "Method": "updates",
    "Optimizer": "updates",
    "family": "registry",
    "method": "registry",
    "problem": "registry",
    "optimizer": "registry",
    "problems": "registry",
    "optimizers": "registry",
    "Cell": "records",
    "Run": "records",
    "run": "single",
    "Sweep": "study",
    "sweep": "study",
    "load": "study",
    "compare": "analysis.compare",
    "verify": "verification.certificate",
    "merge": "merging",
}

if TYPE_CHECKING:
    from nagbench.analysis.compare import compare
    from nagbench.core.errors import UsageError
    from nagbench.experiments.merge import merge
    from nagbench.problems.problem import Problem
    from nagbench.engine.records import Cell, Run
    from nagbench.registry import family, method, optimizer, optimizers, problem, problems
    from nagbench.engine.single_run import run
    from nagbench.experiments.study import Sweep, load, sweep
    from nagbench.optimizers.algorithm import Hyperparameter, Method, Optimizer
    from nagbench.validation.equivalence.certificate import verify

__all__ = [
    "Cell", "Hyperparameter", "Method", "Optimizer", "Problem", "Run", "Sweep", "UsageError", "compare", "family", "load",
    "merge", "method", "optimizer", "optimizers", "problem", "problems", "run", "sweep", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nagbench' has no attribute {name!r}")
    thing = getattr(importlib.import_module(f"nagbench.{_HOMES[name]}"), name)
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

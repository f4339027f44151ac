"""nagbench: the reference bench for accelerated first-order optimizers.

Everything here is imported when it is first used, so that ``nagbench --help`` answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "UsageError": "core.errors",
    "jitable": "core.kernels",
    "Problem": "problems.problem",
    "family": "problems.registry",
    "problem": "problems.lookup",
    "Hyperparameter": "optimizers.hyperparameters",
    "Method": "optimizers.algorithm",
    "Optimizer": "optimizers.algorithm",
    "method": "optimizers.registry",
    "optimizer": "optimizers.registry",
    "Cell": "engine.records",
    "Run": "engine.records",
    "run": "engine.single_run",
    "Sweep": "api.sweeps",
    "sweep": "api.sweeps",
    "load": "api.sweeps",
    "merge": "api.sweeps",
    "compare": "analysis.compare",
    "verify": "api.certificates",
}
_PACKAGES = ("problems", "optimizers")

if TYPE_CHECKING:
    from nagbench.analysis.compare import compare
    from nagbench.api.certificates import verify
    from nagbench.api.sweeps import Sweep, load, merge, sweep
    from nagbench.core.errors import UsageError
    from nagbench.core.kernels import jitable
    from nagbench.engine.records import Cell, Run
    from nagbench.engine.single_run import run
    from nagbench.optimizers.algorithm import Method, Optimizer
    from nagbench.optimizers.hyperparameters import Hyperparameter
    from nagbench.optimizers.registry import method, optimizer, optimizers
    from nagbench.problems.lookup import problem, problems
    from nagbench.problems.problem import Problem
    from nagbench.problems.registry import family

__all__ = [
    "Cell", "Hyperparameter", "Method", "Optimizer", "Problem", "Run", "Sweep", "UsageError", "compare", "family", "jitable",
    "load", "merge", "method", "optimizer", "optimizers", "problem", "problems", "run", "sweep", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"nagbench.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nagbench' has no attribute {name!r}")
    thing = getattr(importlib.import_module(f"nagbench.{_HOMES[name]}"), name)
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, *_PACKAGES])

"""A benchmark of accelerated first-order optimizers.

Every public name is imported when it is first used, so that ``import nagbench`` and ``nagbench --help`` are fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name is defined. `problems` and `optimizers` are packages that can also be called.
_MODULES = {
    "api.certificates": ("Certificate", "verify"),
    "api.comparisons": ("compare",),
    "api.runs": ("Run", "run"),
    "api.sweep_tables": ("Sweep",),
    "api.sweeps": ("load", "merge", "sweep"),
    "core.errors": ("UsageError",),
    "core.kernels": ("jitable",),
    "engine.records": ("Cell",),
    "optimizers.algorithm": ("Method", "Optimizer"),
    "optimizers.hyperparameters": ("Hyperparameter",),
    "optimizers.registry": ("method", "optimizer"),
    "problems.lookup": ("problem",),
    "problems.problem": ("Problem",),
    "problems.registry": ("family",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_PACKAGES = ("optimizers", "problems")

if TYPE_CHECKING:
    from nagbench.api.certificates import Certificate, verify
    from nagbench.api.comparisons import compare
    from nagbench.api.runs import Run, run
    from nagbench.api.sweep_tables import Sweep
    from nagbench.api.sweeps import load, merge, sweep
    from nagbench.core.errors import UsageError
    from nagbench.core.kernels import jitable
    from nagbench.engine.records import Cell
    from nagbench.optimizers.algorithm import Method, Optimizer
    from nagbench.optimizers.hyperparameters import Hyperparameter
    from nagbench.optimizers.registry import method, optimizer, optimizers
    from nagbench.problems.lookup import problem, problems
    from nagbench.problems.problem import Problem
    from nagbench.problems.registry import family

__all__ = [
    "Cell", "Certificate", "Hyperparameter", "Method", "Optimizer", "Problem", "Run", "Sweep", "UsageError", "compare",
    "family", "jitable", "load", "merge", "method", "optimizer", "optimizers", "problem", "problems", "run", "sweep",
    "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _PACKAGES:
        return importlib.import_module(f"nagbench.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nagbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nagbench.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, and Python's own such as ``__version__``."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})

"""What is known about a problem or an optimizer, as ``nagbench show`` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.algorithm import Optimizer, textbook_hyperparameters
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.schedules import SCHEDULES
from nagbench.optimizers.stability import stability_limit
from nagbench.problems.problem import Problem


def facts_of_problem(problem: Problem) -> dict[str, Any]:
    """Return the facts of a problem by label; those that are not known are None."""
    values, gradients = problem.evaluate(problem.start)
    return {
        "name": problem.name, "family": problem.family, "parameters": dict(problem.parameters), "kind": problem.kind,
        "dimension": problem.dimension, **({"rows": problem.row_count} if problem.row_count else {}),
        "start": problem.start,
        "value at start": float(values[0]), "gradient at start": float(np.linalg.norm(gradients[0])),
        "minimum": problem.minimum, "minimizers": problem.minimizers, "smoothness L": problem.smoothness,
        "strong convexity μ": problem.strong_convexity, "condition κ": problem.condition, "source": problem.source,
    }  # fmt: skip


def text_of_fact(value: Any, unknown: str) -> Any:
    """Return a fact as a reader sees it: ``unknown`` for None, an array to ten digits and shortened."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=12, precision=10)
    return unknown if value is None else value


def plain_fact(value: Any) -> Any:
    """Return a fact as JSON holds it: every number of an array, in full."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def facts_of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Return the facts of an optimizer by label; those that it does not have are None."""
    method = optimizer.method
    reason = explain_missing_library(method.library)
    stable = None if reason or optimizer.scheduled else stability_limit(method, optimizer.hyperparameters)
    return {
        "name": method.name, "library": f"{method.library} ({reason})" if reason else method.library,
        "update": method.summary.rstrip("."), "source": method.source or None,
        **{name: _text_of_range(known, optimizer.hyperparameters[name]) for name, known in method.hyperparameters.items()},
        **{name: ", ".join(SCHEDULES[name]) for name in method.schedulable},
        "gradient taken at": "the query point (look-ahead)" if method.look_ahead else "the iterate",
        "theory, L=1, μ=0.01": _text_of_values(textbook_hyperparameters(method, 1.0, 0.01)),
        "theory, L=1, μ=0": _text_of_values(textbook_hyperparameters(method, 1.0, 0.0)),
        "stable up to s·λ": None if stable is None else f"{stable:.6g}",
    }  # fmt: skip


def _text_of_range(known: Hyperparameter, value: Any) -> str:
    if known.tuning is None:
        return f"{known.text(value)}  (not tuned)"
    if known.choices:
        return f"{known.text(value)}  (tuned over {', '.join(map(known.text, range(int(known.tuning[1]) + 1)))})"
    unit = "/L" if known.unit == "1/L" else ""
    low, high = known.tuning
    spread = "1 − value" if known.scale == "log-complement" else "value"
    how = f"log-uniform in {spread}" if known.scale in ("log", "log-complement") else f"scale {known.scale}"
    return f"{known.text(value)}  (tuned from {low:g}{unit} to {high:g}{unit}, {how})"


def _text_of_values(hyperparameters: Mapping[str, float] | None) -> str | None:
    return (
        None if hyperparameters is None else ", ".join(f"{name}={value:.6g}" for name, value in hyperparameters.items())
    )

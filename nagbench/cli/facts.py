"""What is known about a problem or an optimizer, as ``nagbench show`` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.algorithm import Optimizer, textbook_hyperparameters
from nagbench.optimizers.given import format_value
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.schedules import SCHEDULES
from nagbench.optimizers.stability import stability_limit
from nagbench.problems.problem import Problem


def facts_of_problem(problem: Problem) -> dict[str, Any]:
    """Return the facts of a problem by label, as plain data with all digits; those that are not known are None."""
    values, gradients = problem.evaluate(problem.start)
    return {
        "name": problem.name,
        "family": problem.family,
        "parameters": dict(problem.parameters),
        "kind": problem.kind,
        "dimension": problem.dimension,
        **({"rows": problem.row_count} if problem.row_count else {}),
        "start": problem.start.tolist(),
        "value at start": float(values[0]),
        "gradient at start": float(np.linalg.norm(gradients[0])),
        "minimum": problem.minimum,
        "minimizers": None if problem.minimizers is None else problem.minimizers.tolist(),
        "smoothness L": problem.smoothness,
        "strong convexity μ": problem.strong_convexity,
        "condition κ": problem.condition,
        "source": problem.source,
    }


def text_of_fact(fact: Any) -> str:
    """Return a fact as a line of text: arrays with ten digits, a hyperparameter with its tuning range, named values."""
    if isinstance(fact, list):
        return np.array2string(np.asarray(fact), threshold=12, precision=10)
    if isinstance(fact, dict) and "tuned" in fact:
        return _text_of_range(fact)
    if isinstance(fact, _Values):
        return ", ".join(f"{name}={value:.6g}" for name, value in fact.items())
    return str(fact)


class _Values(dict[str, float]):
    """Values by name, which are written as a list of assignments."""


def facts_of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Return the facts of an optimizer by label, as plain data; those that it does not have are None."""
    method = optimizer.method
    reason = explain_missing_library(method.library)
    stable = None if reason or optimizer.scheduled else stability_limit(method, optimizer.hyperparameters)
    return {
        "name": method.name,
        "library": f"{method.library} ({reason})" if reason else method.library,
        "update": method.summary.rstrip("."),
        "source": method.source or None,
        **{name: _range_of(known, optimizer.hyperparameters[name]) for name, known in method.hyperparameters.items()},
        **{name: ", ".join(SCHEDULES[name]) for name in method.schedulable},
        "gradient taken at": "the query point (look-ahead)" if method.look_ahead else "the iterate",
        "theory, L=1, μ=0.01": _values_of(textbook_hyperparameters(method, 1.0, 0.01)),
        "theory, L=1, μ=0": _values_of(textbook_hyperparameters(method, 1.0, 0.0)),
        # The limit is found by bisection; this many digits are certain.
        "stable up to s·λ": stable if stable is None else float(f"{stable:.9g}"),
    }


def _range_of(known: Hyperparameter, value: Any) -> dict[str, Any]:
    shown: Any = value
    tuned: list[Any] | None = None if known.tuning is None else [float(end) for end in known.tuning]
    if known.choices:
        shown, tuned = known.text(value), tuned and [known.text(number) for number in range(int(tuned[1]) + 1)]
    return {"value": shown, "tuned": tuned, "unit": known.unit, "scale": known.scale}


def _text_of_range(fact: Mapping[str, Any]) -> str:
    value, tuned, scale = format_value(fact["value"]), fact["tuned"], fact["scale"]
    if tuned is None:
        return f"{value}  (not tuned)"
    if isinstance(tuned[0], str):
        return f"{value}  (tuned over {', '.join(tuned)})"
    unit = "/L" if fact["unit"] == "1/L" else ""
    spread = "1 − value" if scale == "log-complement" else "value"
    how = f"log-uniform in {spread}" if scale in ("log", "log-complement") else f"scale {scale}"
    return f"{value}  (tuned from {tuned[0]:g}{unit} to {tuned[1]:g}{unit}, {how})"


def _values_of(hyperparameters: Mapping[str, float] | None) -> _Values | None:
    return None if hyperparameters is None else _Values(hyperparameters)

"""Write problems, optimizers, specifications and tables as text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from nagbench.core.errors import UsageError
from nagbench.experiments.specification import Spec
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.problems.problem import Problem


def text_of_problem(item: str | Problem) -> str:
    """Return the text form of a problem: its name if it is a suite's, else its family with parameters.

    Raises
    ------
    UsageError
        If the problem was changed after it was made, so that the text would describe another one.

    Examples
    --------
    >>> import nagbench
    >>> text_of_problem(nagbench.problem("rosenbrock", dimension=3))
    'rosenbrock:dimension=3'
    """
    if isinstance(item, str):
        return item
    if item.name in problem_names() and make_problem(item.name).spec == item.spec:
        text = item.name
    else:
        pairs = {key: value for key, value in {**item.parameters, **item.given}.items() if value is not None}
        text = (
            f"{item.family}:" + ",".join(f"{key}={_text(value)}" for key, value in pairs.items())
            if pairs
            else item.family
        )
    again = make_problem(text)
    same = all(np.array_equal(getattr(again, name), getattr(item, name)) for name in ("start", "data", "shape"))
    mine, other = (getattr(made.value_kernel, "__wrapped__", None) for made in (item, again))
    same = same and getattr(mine, "func", None) is getattr(other, "func", None)
    if not same or (again.gradient_kernel is not item.gradient_kernel and item.engine == "numba"):
        raise UsageError(
            f"problem {item.name!r} was changed after it was made, so a sweep, which builds {text!r} again in every process, "
            "would run another one; make it with nagbench.problem(..., start=...) or as a family of its own"
        )
    return text


def text_of_optimizer(item: str | Optimizer) -> str:
    """Return the text form of an optimizer with all its hyperparameters.

    Examples
    --------
    >>> import nagbench
    >>> text_of_optimizer(nagbench.optimizer("nesterov", step_size=1e-3, momentum=0.9))
    'nesterov:step_size=0.001,momentum=0.9'
    """
    if isinstance(item, str):
        return item
    return f"{item.name}:" + ",".join(f"{key}={_text(value)}" for key, value in item.hyperparameters.items())


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | np.ndarray):
        return "[" + ",".join(_text(part) for part in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def spec_to_toml(spec: Spec) -> str:
    """Return a specification as a TOML file."""
    return tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))


def table_to_json(table: pd.DataFrame) -> str:
    """Return a table as a JSON array of objects, one per row; missing numbers are null, infinite ones "inf" or "-inf"."""
    plain = table.astype(object).where(table.notna(), None)
    rows = [{key: _json_number(value) for key, value in row.items()} for row in plain.to_dict("records")]
    return json.dumps(rows, ensure_ascii=False, default=lambda thing: thing.item())


def _json_number(value: Any) -> Any:
    if isinstance(value, list):
        return [_json_number(part) for part in value]
    if isinstance(value, dict):
        return {key: _json_number(part) for key, part in value.items()}
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return str(float(value))
    return value

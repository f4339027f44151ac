"""The verb show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd

from nagbench.cli.console import ERR, save
from nagbench.core.errors import UsageError, unknown_name
from nagbench.core.text_form import parse_text
from nagbench.experiments.serialize import table_to_json
from nagbench.optimizers.adapters import missing_library
from nagbench.optimizers.algorithm import Hyperparameter, Optimizer, text_of_value, tuning_of
from nagbench.optimizers.registry import find_method
from nagbench.optimizers.registry import optimizers as optimizer_names
from nagbench.optimizers.schedules import WORDS
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.problems.problem import Problem
from nagbench.problems.registry import families, schemes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_thing(text: str, plot: Path | None, shape: str, *, draws: bool) -> None:
    """The verb show: facts of a problem or an optimizer, and its picture where there is one."""
    found = _found(text)
    facts, without = (
        (_facts_of_problem(found), "not known") if isinstance(found, Problem) else (_facts_of_optimizer(found), "none")
    )
    if shape == "json":
        click.echo(table_to_json(pd.DataFrame([facts]))[1:-1])
    else:
        for key, value in facts.items():
            click.echo(f"{key:<21} {without if value is None else value}")
    if draws:
        _draw(found, plot or Path(f"{text.partition(':')[0].replace('/', '-')}.png"), asked=plot is not None)


def _found(text: str) -> Problem | Optimizer:
    """What a name stands for. Raises UsageError that names the nearest problem or optimizer."""
    name, given = parse_text(text)
    if name in optimizer_names():
        return Optimizer(find_method(name), given)
    known = {*problem_names(), *families(), *schemes()}
    if name not in known and ":" not in text:
        raise unknown_name("problem or optimizer", name, [*sorted(known), *optimizer_names()])
    return make_problem(text)


def _draw(found: Problem | Optimizer, plot: Path, *, asked: bool) -> None:
    figure = _picture(found)
    if figure is None:
        reason = f"no picture: {found.name} is not linear in its gradients, or does not scale with its step size"
        if asked:
            raise UsageError(reason)
        ERR.print(reason, soft_wrap=True, markup=False)
        return
    save(figure, plot)


def _picture(found: Problem | Optimizer) -> Figure | None:
    if isinstance(found, Problem):
        from nagbench.reporting.figures.landscape import show

        return show(found)
    from nagbench.reporting.figures.rates import rate_map

    return None if missing_library(found.method.library) else rate_map(found)


def _facts_of_problem(problem: Problem) -> dict[str, Any]:
    def short(array: Any) -> str | None:
        return None if array is None else np.array2string(np.asarray(array), threshold=12, precision=10)

    values, gradients = problem.evaluate(problem.start)
    return {
        "name": problem.name, "family": problem.family, "parameters": dict(problem.parameters), "kind": problem.kind,
        "dimension": problem.dimension, **({"rows": problem.row_count} if problem.row_count else {}),
        "start": short(problem.start),
        "value at start": float(values[0]), "gradient at start": float(np.linalg.norm(gradients[0])),
        "minimum": problem.minimum, "minimizers": short(problem.minimizers), "smoothness L": problem.smoothness,
        "strong convexity μ": problem.strong_convexity, "condition κ": problem.condition, "source": problem.source,
    }  # fmt: skip


def _facts_of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    from nagbench.optimizers.stability import largest_stable

    method = optimizer.method
    absent = missing_library(method.library)
    stable = None if absent or optimizer.scheduled else largest_stable(method, optimizer.hyperparameters)
    known = method.hyperparameters
    return {
        "name": method.name, "library": f"{method.library} ({absent})" if absent else method.library,
        "update": method.summary.rstrip("."), "source": method.source or None,
        **{name: _range(known[name], optimizer.hyperparameters[name]) for name in known},
        **{name: "constant, " + ", ".join(word for word in WORDS[name] if word != "constant") for name in method.schedulable},
        "gradient taken at": "the look-ahead point" if method.look_ahead else "the iterate",
        "theory, L=1, μ=0.01": _values(tuning_of(method, 1.0, 0.01)), "theory, L=1, μ=0": _values(tuning_of(method, 1.0, 0.0)),
        "stable up to s·λ": None if stable is None else f"{stable:.6g}",
    }  # fmt: skip


def _range(hyper: Hyperparameter, value: Any) -> str:
    if hyper.tuning is None:
        return f"{text_of_value(value)}  (not tuned)"
    unit = "/L" if hyper.unit == "1/L" else ""
    low, high = hyper.tuning
    spread = "1 − value" if hyper.scale == "log-complement" else "value"
    return f"{text_of_value(value)}  (tuned from {low:g}{unit} to {high:g}{unit}, evenly in the logarithm of {spread})"


def _values(found: Mapping[str, float] | None) -> str | None:
    return None if found is None else ", ".join(f"{name}={value:.6g}" for name, value in found.items())

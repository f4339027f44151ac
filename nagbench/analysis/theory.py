"""Compare measurements with theory: stable steps, rates, predicted counts, worst cases, and violations of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.summary import hyperparameters
from nagbench.analysis.worst_cases import iterations_at_most
from nagbench.core.errors import UsageError
from nagbench.engine.lookup import code_of
from nagbench.engine.oracles import start_of
from nagbench.experiments.recorded import Recorded
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.stability import asymptotic_rate, stability_limit
from nagbench.problems.curvature import Curvature, find_curvature
from nagbench.problems.problem import Floats, Problem

# Rounding may change a count by one iteration, or by one in a thousand.
_COUNT_TOLERANCE = 1e-3
# This close to the edge of stability, growth or decay may be too slow to show within the budget.
_EDGE_MARGIN = 0.01
# Its exponential is the largest float.
_LARGEST_EXPONENT = 709.0
# Results that hold nothing of a user's code.
NOTHING = Recorded()
_RUN_COLUMNS = ["cell", "problem", "variant", "mode", "oracle", "start", "seed", "tolerance", "status", "iterations"]


def theory_table(runs: pd.DataFrame, plan: pd.DataFrame, recorded: Recorded = NOTHING) -> pd.DataFrame:
    """Compare each row of a sweep's runs with what theory predicts for it.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    plan : DataFrame
        The plan of the sweep, which holds the problems.
    recorded : Recorded
        What the results contain about users' problems and optimizers, whose code is not run.

    Returns
    -------
    DataFrame
        One row for each run, with the columns that identify it and:

        - ``smoothness``, ``strong_convexity``: L and μ, and ``place``, where they hold: known facts "everywhere", or
          estimates at the "minimizer" or the "start" (see `curvature.find_curvature`).
        - ``step_size``, and ``stable_up_to``, the largest stable step of the linear theory, edge/L.
        - ``rate``, measured as a factor per iteration, and ``rate_in_theory``: the largest spectral radius over the
          spectrum if it is known, else over μ and L; for an estimate, of the quadratic that fits f there.
        - ``predicted_iterations``, and ``ratio`` = measured/predicted, for quadratics.
        - ``at_most``: the iterations allowed by the worst case over all functions with this L and μ, if there is a
          bound.
        - ``violation``: what theory excludes and the measurement shows, in words; empty if there is nothing. Estimates
          hold at one point only, so they are never violated.
    """
    planned = plan.loc[plan["cell"].isin(runs["cell"]), ["cell", "problem_spec"]]
    specs = dict(planned.itertuples(index=False, name=None))
    settings = hyperparameters(runs)
    rows = [
        _compare_run(row, str(specs[row["cell"]]), settings, recorded)
        for row in runs.to_dict("records")
        if row["cell"] in specs
    ]
    return pd.DataFrame(rows, columns=[*_RUN_COLUMNS, *_THEORY_COLUMNS])


_THEORY_COLUMNS = [
    "smoothness", "strong_convexity", "place", "step_size", "stable_up_to", "rate", "rate_in_theory",
    "predicted_iterations", "ratio", "at_most", "violation",
]  # fmt: skip


def _compare_run(run: Mapping[Any, Any], spec: str, settings: list[str], recorded: Recorded) -> dict[str, Any]:
    """Compare one run with theory."""
    problem = _available_problem(spec, recorded)
    found = None if problem is None else recorded.curvature(spec)
    optimizer = _optimizer(run, settings)
    row = {name: run[name] for name in _RUN_COLUMNS} | dict.fromkeys(_THEORY_COLUMNS)
    row |= {
        "rate": float(np.exp(min(run["rate"], _LARGEST_EXPONENT))) if pd.notna(run["rate"]) else None,
        "step_size": run.get("step_size"),
    }
    if pd.notna(run["predicted_iterations"]):
        row["predicted_iterations"] = int(run["predicted_iterations"])
        if run["status"] == "converged" and row["predicted_iterations"]:
            row["ratio"] = run["iterations"] / row["predicted_iterations"]
    if found is not None:
        row |= {"smoothness": found.smoothness, "strong_convexity": found.strong_convexity, "place": found.place}
        # Where a constraint or a kink is active, the Hessian of f alone says nothing of the rate.
        composite = problem is not None and problem.composite
        if optimizer is not None and not composite:
            row |= _linear_theory(optimizer, found)
        elif optimizer is None:
            edge, row["rate_in_theory"] = recorded.linear_theory(str(run["cell"]))
            row["stable_up_to"] = _stable_step(edge, found)
        if optimizer is not None and problem is not None:
            row["at_most"] = _worst_case_iterations(run, problem, optimizer, found)
    # An update that settles may leave the region in which it is stable before that.
    settles = optimizer is not None and optimizer.method.settled is not None
    return row | {"violation": _describe_violations(run, row, problem, settles=settles)}


def _available_problem(spec: str, recorded: Recorded) -> Problem | None:
    """Return a problem, None for a user's of which nothing is stored."""
    try:
        return recorded.problem(spec)
    except UsageError:
        if code_of(spec, ""):
            return None
        raise


def _optimizer(run: Mapping[Any, Any], settings: list[str]) -> Optimizer | None:
    """Rebuild the optimizer of a run. Return None if it is a user's, or if its method no longer exists."""
    if ":" in str(run["optimizer"]):
        return None
    try:
        method = find_algorithm(str(run["optimizer"]))
        accepted = {*method.hyperparameters, *schedules.SCHEDULE_HYPERPARAMETERS}
        return Optimizer(method, {name: run[name] for name in settings if name in accepted and pd.notna(run[name])})
    except UsageError:
        return None


def _linear_theory(optimizer: Optimizer, found: Curvature) -> dict[str, float | None]:
    """Return the largest stable step and the asymptotic rate of the linear theory."""
    edge = stability_limit(optimizer.method, optimizer.hyperparameters)
    return {
        "stable_up_to": _stable_step(edge, found),
        "rate_in_theory": asymptotic_rate(optimizer, found.eigenvalues),
    }


def _stable_step(edge: float | None, found: Curvature) -> float | None:
    return edge / found.smoothness if edge is not None and math.isfinite(edge) else None


def _worst_case_iterations(
    run: Mapping[Any, Any], problem: Problem, optimizer: Optimizer, found: Curvature
) -> int | None:
    """Return the iterations allowed by the worst case. Return None if no bound applies."""
    if run["oracle"] != "exact" or found.estimated or optimizer.scheduled or bool(run["relative"]):
        return None
    start = start_of(problem, int(run["start"]))
    try:
        return iterations_at_most(problem, optimizer, run["measure"], float(run["tolerance"]), start)
    except UsageError:
        # If a user's function fails, it has no worst case.
        return None


def _describe_violations(
    run: Mapping[Any, Any], row: Mapping[str, Any], problem: Problem | None, *, settles: bool
) -> str:
    """Say which predictions the run violates."""
    violations = []
    predicted, iterations = row["predicted_iterations"], run["iterations"]
    converged = run["status"] == "converged"
    if predicted is not None and not (
        converged and abs(iterations - predicted) <= max(1, _COUNT_TOLERANCE * predicted)
    ):
        violations.append(f"{predicted} iterations predicted")
    if (
        row["at_most"] is not None
        and row["at_most"] <= run["budget"]
        and not (converged and iterations <= row["at_most"])
    ):
        violations.append(f"more than the {row['at_most']} iterations of the worst case")
    edge = row["stable_up_to"]
    exact = problem is not None and problem.kind == "quadratic" and run["oracle"] == "exact"
    if edge is not None and row["place"] == "everywhere" and exact:
        distance = row["step_size"] / edge - 1.0
        if distance < -_EDGE_MARGIN and run["status"] == "diverged" and not settles:
            violations.append("diverged at a stable step size")
        if distance > _EDGE_MARGIN and converged and predicted is None:
            violations.append("converged at an unstable step size")
    return "; ".join(violations)


def boundary(
    problem: Problem, method: Method, name: str, values: Floats, fixed: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Compute the largest stable step size at each value of another hyperparameter by linear theory.

    Parameters
    ----------
    problem : Problem
        The problem; L is taken from it.
    method : Method
        The method.
    name : str
        The other hyperparameter.
    values : ndarray, shape (n,)
        Its values.
    fixed : mapping, optional
        Values of the remaining hyperparameters.

    Returns
    -------
    DataFrame
        The hyperparameter, ``step_size``, and ``place``, where L holds: "everywhere" if it is known (the boundary is
        exact on a quadratic and a guide elsewhere), else an estimate at the "minimizer" (the boundary holds for the
        last iterations) or at the "start". Empty if the method is not linear or follows a schedule, or if L is not
        available.
    """
    return _boundary(find_curvature(problem), method, name, values, fixed)


def _boundary(
    found: Curvature | None, method: Method, name: str, values: Floats, fixed: Mapping[str, Any] | None
) -> pd.DataFrame:
    scheduled = any((fixed or {}).get(word, schedules.CONSTANT) != schedules.CONSTANT for word in schedules.SCHEDULES)
    rows = []
    for value in values if found is not None and not scheduled else ():
        edge = stability_limit(method, {**(fixed or {}), name: float(value)})
        if edge is None or found is None:
            break
        rows.append({name: float(value), "step_size": edge / found.smoothness, "place": found.place})
    return pd.DataFrame(rows, columns=[name, "step_size", "place"]).replace(np.inf, np.nan)


def boundaries(cells: pd.DataFrame, spec: str, name: str = "momentum", recorded: Recorded = NOTHING) -> pd.DataFrame:
    """Compute the `boundary` for the rows of one method on one problem.

    Parameters
    ----------
    cells : DataFrame
        The rows of a sweep's plan or runs.
    spec : str
        The specification of the problem in canonical JSON, as in the plan.
    name : str
        The hyperparameter along which the boundary runs.
    recorded : Recorded
        What the results contain about users' problems and optimizers, whose code is not run.

    Returns
    -------
    DataFrame
        The table of `boundary` at the values that occur in ``cells``; empty where it needs code that is not stored.
    """
    problem = _available_problem(spec, recorded)
    found = None if problem is None else recorded.curvature(spec)
    if ":" in str(cells["optimizer"].iloc[0]):
        return _recorded_boundary(cells, name, found, recorded)
    settings = [setting for setting in hyperparameters(cells) if cells[setting].nunique() == 1]
    method = find_algorithm(str(cells["optimizer"].iloc[0]))
    fixed: dict[str, Any] = {key: float(cells[key].iloc[0]) for key in settings if key in method.hyperparameters}
    fixed |= {word: str(cells[word].iloc[0]) for word in schedules.SCHEDULES if word in settings}
    return _boundary(found, method, name, np.sort(cells[name].unique()), fixed)


def _recorded_boundary(cells: pd.DataFrame, name: str, found: Curvature | None, recorded: Recorded) -> pd.DataFrame:
    """Return the boundary of a user's optimizer from its stored stable steps."""
    edges = {
        float(value): edge
        for cell, value in zip(cells["cell"], cells[name], strict=True)
        if (edge := recorded.linear_theory(str(cell))[0]) is not None
    }
    rows = [
        {name: value, "step_size": edge / found.smoothness, "place": found.place}
        for value, edge in sorted(edges.items())
        if found is not None
    ]
    return pd.DataFrame(rows, columns=[name, "step_size", "place"]).replace(np.inf, np.nan)

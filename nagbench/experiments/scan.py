"""Scan one method on one problem in many settings, without a results directory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError, check_number, unknown_name
from nagbench.core.measures import Measure, default_measure
from nagbench.core.remote import Pulse
from nagbench.engine.batches import batch_of, split_batch
from nagbench.engine.cell_checks import check_cell
from nagbench.engine.oracles import default_every, parse_oracle
from nagbench.engine.records import Cell
from nagbench.execution.executors import Execution, count_batches
from nagbench.experiments.minima import Minima, with_minima
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method, Optimizer, form_for
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.curvature import step_size_unit
from nagbench.problems.problem import Floats, Problem

# Batches for each process, so that all end at about the same time.
_BATCHES_PER_JOB = 4


def scan(
    problem: Problem,
    method: Method,
    settings: Iterable[Mapping[str, Any]],
    *,
    measure: Measure | None = None,
    tolerance: float = 1e-6,
    budget: int = 10_000,
    relative: bool = False,
    oracle: str = "exact",
    seed: int = 0,
    jobs: int | None = 1,
    pulse: Pulse = lambda: None,
) -> pd.DataFrame:
    """Count a method on a problem in every setting.

    Parameters
    ----------
    problem, method
        What is counted.
    settings
        Hyperparameters by name (`cross_axes` makes those of a grid); those that are not given take their defaults.
    measure, tolerance, budget, relative, oracle, seed
        As in `nagbench.run`.
    jobs
        The number of processes; None for one a core, where that pays.
    pulse
        Called about every 50 ms.

    Returns
    -------
    pandas.DataFrame
        One row a setting, with the columns of a sweep's runs that apply: problem, optimizer, variant, mode "grid", trial,
        the hyperparameters, tolerance, status, iterations, gradient_evaluations, residual, suboptimality, at_minimum, rises,
        overshoot, rate, error, and the key of the cell. The same cells of a sweep have the same keys and counts.

    Raises
    ------
    UsageError
        For hyperparameters and values that the method does not have, and for what `nagbench.run` refuses.

    Examples
    --------
    >>> import nagbench
    >>> from nagbench.optimizers.registry import find_algorithm
    >>> settings = cross_axes({"step_size": np.array([0.1, 0.5])})
    >>> scan(nagbench.problem("bowl"), find_algorithm("gradient-descent"), settings)["iterations"].tolist()
    [62, 1]
    """
    asked = parse_oracle(oracle)
    measure = measure or default_measure(problem.composite)
    form_for(method, problem)
    template = Cell(
        problem=canonical(problem.spec), optimizer=method.name, hyperparameters={}, oracle=asked.name, seed=seed,
        engine=problem.engine, measure=measure, relative=relative, tolerances=(tolerance,), budget=budget,
        every=default_every(asked, problem),
    )  # fmt: skip
    check_cell(template, problem)
    cells = [replace(template, hyperparameters=dict(Optimizer(method, given).hyperparameters)) for given in settings]
    if not cells:
        raise UsageError("a scan needs at least one setting")
    if any(
        schedules.extract_schedules(cell.hyperparameters) != schedules.extract_schedules(cells[0].hyperparameters)
        for cell in cells
    ):
        raise UsageError("all settings of a scan must have the same schedule")
    bundle = batch_of(cells, list(method.hyperparameters))
    work = split_batch(
        bundle, -(-len(cells) // (_BATCHES_PER_JOB * (jobs or os.cpu_count() or 1))) if jobs != 1 else len(cells)
    )
    found: pd.DataFrame = pa.concat_tables(count_batches(work, Execution(jobs), pulse)).to_pandas()
    plan = pd.DataFrame(
        {
            "cell": [cell.key for cell in cells],
            "problem": problem.name,
            "dimension": problem.dimension,
            "oracle": cells[0].oracle,
            "optimizer": method.name,
            "variant": method.name,
            "mode": "grid",
            "trial": range(len(cells)),
            "start": 0,
            "seed": seed,
            "budget": budget,
            "measure": measure,
            "relative": relative,
            **{name: [cell.hyperparameters[name] for cell in cells] for name in cells[0].hyperparameters},
        }
    )
    # Equal values on an axis make equal cells, which are counted once or twice, with one outcome.
    runs = plan.merge(found.drop(columns=["fingerprint", "digest"]).drop_duplicates("cell"), on="cell", how="left")
    minima = Minima({problem.name: problem})
    minima.limits(problem.name, np.zeros(1, np.int64))
    return with_minima(runs, minima.facts)


def cross_axes(axes: Mapping[str, Floats], fixed: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Combine the values of the axes, the last running fastest, with fixed values.

    Examples
    --------
    >>> list(cross_axes({"a": np.array([1.0, 2.0])}, {"b": 3.0}))
    [{'b': 3.0, 'a': 1.0}, {'b': 3.0, 'a': 2.0}]
    """
    for values in itertools.product(*axes.values()):
        yield {**(fixed or {}), **dict(zip(axes, map(float, values), strict=True))}


def parse_axis(problem: Problem, method: Method, text: str, points: int) -> tuple[str, Floats]:
    """Return the name and the values of an axis.

    Parameters
    ----------
    problem
        Its L, or the curvature at its start, scales a step size in units of 1/L.
    method
        Knows the ranges.
    text
        "step_size" for its tuning range, or with a range "step_size=1e-4..1".
    points
        The number of values, both ends among them. They are spread as tuning spreads them: evenly in the logarithm, of
        1 − m for a momentum m.

    Raises
    ------
    UsageError
        For a name that the method does not have and for a range that does not fit.
    """
    name, given, span = text.partition("=")
    if name not in method.hyperparameters:
        raise unknown_name(f"hyperparameter of {method.name}", name, method.hyperparameters)
    known = method.hyperparameters[name]
    if given:
        low, dots, high = span.partition("..")
        if not dots:
            raise UsageError(f"axis {text!r} is not of the form NAME or NAME=LOW..HIGH")
        ends = tuple(known.check(method.name, name, check_number(name, end)) for end in (low, high))
        if not ends[0] < ends[1]:
            raise UsageError(f"axis {text!r} is empty: LOW must be below HIGH")
        unit, ranged = 1.0, _with_range(known, ends, text)
    elif known.tuning is None:
        raise UsageError(f"{method.name} has no tuning range for {name}; give one: {name}=LOW..HIGH")
    else:
        unit, ranged = step_size_unit(problem), known
    return name, np.array([ranged.value_at(float(at), unit) for at in np.linspace(0.0, 1.0, points)])


def _with_range(known: Hyperparameter, ends: tuple[float, ...], text: str) -> Hyperparameter:
    if known.scale == "log" and ends[0] <= 0.0:
        raise UsageError(f"axis {text!r}: on a logarithmic axis LOW must be above 0")
    return Hyperparameter(default=ends[0], tuning=(ends[0], ends[1]), scale=known.scale)


def default_axes(method: Method) -> list[str]:
    """Return the names of the axes of a map: the step size and the next hyperparameter that is tuned, if any."""
    tuned = [name for name, known in method.hyperparameters.items() if known.tuning is not None]
    return tuned[:2]

"""Scan one method on one problem with many hyperparameters, without a results directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.core.errors import UsageError, check_name, check_number
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch, split_batch
from nagbench.engine.single_run import RunSettings, cell_of_settings
from nagbench.execution.executors import Execution, count_batches
from nagbench.experiments.minima import Minima, with_minima
from nagbench.experiments.storage.parts import frame_of
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method, Optimizer, form_for
from nagbench.optimizers.given import rename_hyperparameters
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.curvature import step_size_unit
from nagbench.problems.problem import Floats, Problem

# Batches for each process, so that all end at about the same time.
_BATCHES_PER_JOB = 4
_BUDGET = 10_000


def scan(
    problem: Problem,
    method: Method,
    hyperparameters: Mapping[str, Any],
    *,
    jobs: int | None = 1,
    pulse: Pulse = lambda: None,
    **settings: Any,
) -> pd.DataFrame:
    """Count a method on a problem with many hyperparameters.

    Parameters
    ----------
    problem, method
        The problem and the method that are counted.
    hyperparameters
        Hyperparameters by name, each an array of shape (m,) with a value for each setting, or one value for all of them
        (`cross_axes` makes those of a grid). The others have their default values.
    jobs
        The number of processes; None for one per core if there is enough work.
    pulse
        Called about every 50 ms.
    **settings
        ``measure``, ``tolerance``, ``budget`` (10,000 if it is not given), ``relative``, ``oracle`` and ``seed``, as in
        `nagbench.run`.

    Returns
    -------
    pandas.DataFrame
        One row for each setting, with the columns of a sweep's runs that apply: problem, optimizer, variant, mode "grid",
        trial, the hyperparameters, tolerance, status, iterations, gradient_evaluations, residual, suboptimality, at_minimum,
        rises, overshoot, overshoot_to, rate, error, and the key of the cell. The same cells of a sweep have the same keys and
        counts.

    Raises
    ------
    UsageError
        If the method does not have a hyperparameter or does not accept a value, or if `nagbench.run` refuses an argument.

    Examples
    --------
    >>> import nagbench
    >>> from nagbench.optimizers.registry import find_algorithm
    >>> steps = np.array([0.1, 0.5])
    >>> scan(nagbench.problem("bowl"), find_algorithm("gradient-descent"), {"step_size": steps})["iterations"].tolist()
    [62, 1]
    """
    cells = _batch(problem, method, hyperparameters, RunSettings(**{"budget": _BUDGET, **settings}))
    most = len(cells) if jobs == 1 else -(-len(cells) // (_BATCHES_PER_JOB * (jobs or os.cpu_count() or 1)))
    work = split_batch(cells, most)
    found = frame_of(count_batches(work, Execution(jobs), pulse))
    # Equal values on an axis make equal cells, which are counted once or twice, with one outcome.
    outcomes = found.drop(columns=["fingerprint", "digest"]).drop_duplicates("cell")
    runs = _plan_table(problem, cells).merge(outcomes, on="cell", how="left")
    minima = Minima({problem.name: problem})
    minima.limits(problem.name, np.zeros(1, np.int64))
    return with_minima(runs, minima.facts)


def _batch(problem: Problem, method: Method, hyperparameters: Mapping[str, Any], settings: RunSettings) -> Batch:
    """Return the cells of a scan as columns. Raises UsageError if they cannot be counted together."""
    form_for(method, problem)
    columns, first = _columns(method, rename_hyperparameters(method, hyperparameters))
    template = cell_of_settings(problem, first, settings)
    size = len(next(iter(columns.values()), [0]))
    values = [columns.get(name, np.full(size, first.hyperparameters[name])) for name in method.hyperparameters]
    return Batch(
        template,
        tuple(method.hyperparameters),
        np.ascontiguousarray(np.transpose(values)).reshape(size, len(values)),
        np.zeros(size, np.int64),
        np.full(size, settings.seed, np.int64),
        schedules.extract_schedules(first.hyperparameters),
    )


def _columns(method: Method, given: Mapping[str, Any]) -> tuple[dict[str, Floats], Optimizer]:
    """Return the checked columns of the hyperparameters that vary, and the optimizer of the first setting."""
    varied = {name: np.asarray(values) for name, values in given.items() if np.ndim(values) == 1}
    sizes = {values.size for values in varied.values()}
    if len(sizes) > 1:
        raise UsageError("the hyperparameters of a scan must have the same number of values")
    if 0 in sizes:
        raise UsageError("a scan needs at least one setting")
    rows = zip(*(values.tolist() for values in varied.values()), strict=True) if varied else [()]
    settings = ({**given, **dict(zip(varied, row, strict=True))} for row in rows)
    first = Optimizer(method, next(settings))
    if any(name not in method.hyperparameters for name in varied):
        raise UsageError("all settings of a scan must have the same schedule")
    columns = {}
    for name, values in varied.items():
        # Of the values of an axis each one occurs often, and is checked once.
        unique, places = np.unique(values, return_inverse=True)
        check = method.hyperparameters[name].check
        columns[name] = np.array([check(method.name, name, value) for value in unique.tolist()])[places]
    if method.refuses is not None:
        # It judges the values of one setting together.
        for setting in settings:
            Optimizer(method, setting)
    return columns, first


def _plan_table(problem: Problem, cells: Batch) -> pd.DataFrame:
    """Return a row for each cell with what decides it."""
    first = cells.template
    return pd.DataFrame(
        {
            "cell": cells.keys,
            "problem": problem.name,
            "dimension": problem.dimension,
            "oracle": first.oracle,
            "optimizer": first.optimizer,
            "variant": first.optimizer,
            "mode": "grid",
            "trial": range(len(cells)),
            "start": 0,
            "seed": first.seed,
            "budget": first.budget,
            "measure": first.measure,
            "relative": first.relative,
            **dict(zip(cells.names, cells.hypers.T, strict=True)),
            **cells.schedule,
        }
    )


def cross_axes(axes: Mapping[str, Floats], fixed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Combine the values of the axes, the last one varying fastest, with fixed values.

    Examples
    --------
    >>> cross_axes({"a": np.array([1.0, 2.0]), "c": np.array([5.0, 6.0])}, {"b": 3.0})
    {'b': 3.0, 'a': array([1., 1., 2., 2.]), 'c': array([5., 6., 5., 6.])}
    """
    grids = np.meshgrid(*axes.values(), indexing="ij")
    return {**(fixed or {}), **{name: grid.ravel() for name, grid in zip(axes, grids, strict=True)}}


def parse_axis(problem: Problem, method: Method, text: str, points: int) -> tuple[str, Floats]:
    """Return the name and the values of an axis.

    Parameters
    ----------
    problem
        The problem, whose L (or the curvature at its start) scales a step size in units of 1/L.
    method
        The method, which defines the ranges.
    text
        "step_size" for its tuning range, or with a range "step_size=1e-4..1".
    points
        The number of values, including both ends. They are spread in the same way as in tuning: evenly in the logarithm, of
        1 − m for a momentum m.

    Raises
    ------
    UsageError
        If the method does not have the name, or if the range does not fit.
    """
    name, given, span = text.partition("=")
    (name,) = rename_hyperparameters(method, {name: None})
    check_name(f"hyperparameter of {method.name}", name, method.hyperparameters)
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

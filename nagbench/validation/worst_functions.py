"""Worst functions found by performance estimation, as problems that can be run and stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tomli_w

from nagbench.engine.records import UNREACHABLE
from nagbench.engine.single_run import run
from nagbench.experiments.storage.parts import write_file
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats

# Directions in which all points are within this of one another, relative to the widest, are rounding of the solver.
_FLAT = 1e-6


class WorstFunction(NamedTuple):
    """The definition of a worst function: points, gradients and values; the first point is the start.

    Parameters
    ----------
    points, gradients
        Shape (m, n); the minimizer is 0.
    values
        Shape (m,); the minimum is 0.
    """

    points: Floats
    gradients: Floats
    values: Floats


def extract(triplets: list[Any], least: Any, first: Any) -> WorstFunction:
    """Return the worst function of a problem that PEPit has solved, in as few dimensions as it has.

    Parameters
    ----------
    triplets
        PEPit's (point, gradient, value) of the function.
    least, first
        The minimizer and the start, PEPit's points.
    """
    centre, begin = least.eval(), first.eval()
    rows = [(x.eval() - centre, g.eval(), float(f.eval())) for x, g, f in triplets]
    lowest = next(f for (x, _, f) in rows if not x.any())
    points, gradients = (np.array([row[part] for row in rows]) for part in (0, 1))
    values = np.array([row[2] for row in rows]) - lowest
    order = np.argsort(np.abs(points - (begin - centre)).sum(axis=1), kind="stable")
    _, sizes, directions = np.linalg.svd(np.concatenate([points, gradients]), full_matrices=False)
    basis = directions[sizes > _FLAT * sizes[0]].T
    return WorstFunction(points[order] @ basis, gradients[order] @ basis, values[order])


def worst_entry(found: WorstFunction, *, smoothness: float, strong_convexity: float, source: str) -> dict[str, Any]:
    """Return a worst function as an entry of a suite, of the family ``interpolated``."""
    parameters: dict[str, Any] = {
        "points": found.points.tolist(),
        "gradients": found.gradients.tolist(),
        "values": found.values.tolist(),
        "smoothness": float(smoothness),
        "strong_convexity": float(strong_convexity),
    }
    return {"family": "interpolated", "parameters": parameters, "source": source}


def measured_on(entry: Mapping[str, Any], optimizer: Optimizer, iterations: int, measure: str) -> float:
    """Run an optimizer on a worst function, and return the measure at the end: f − f*, ‖∇f‖² or ‖x − x*‖²."""
    problem = make_problem(entry["family"], **entry["parameters"])
    assert problem.minimum is not None
    done = run(problem, optimizer, budget=iterations, tolerance=UNREACHABLE, engine="python")
    if measure == "value":
        return done.value - problem.minimum
    if measure == "gradient":
        return done.gradient_norm**2
    # The minimizer of PEPit's problem is 0, also where there are others.
    return float(done.iterate @ done.iterate)


def write_suite(file: Path, entry: Mapping[str, Any]) -> str:
    """Write a suite that holds a worst function alone, and return its name there."""
    name = "worst-case"
    write_file(file, tomli_w.dumps({name: dict(entry)}).encode())
    return name

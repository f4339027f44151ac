"""Theory beside measurement: stable steps, rates and predicted counts of cells, and where they are violated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from nagbench.curvature import curvature_of
from nagbench.objective import Floats, Problem
from nagbench.stability import largest_stable
from nagbench.updates import Method


def boundary(
    problem: Problem, method: Method, name: str, values: Floats, fixed: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """The largest stable step size at each value of another hyperparameter, from the linear theory of the method.

    Columns: the hyperparameter, ``step_size``, and ``place``, which says what L is: "everywhere" where it is known (on a
    quadratic the boundary is exact, elsewhere a guide), else an estimate at the "minimiser" (there the boundary holds
    for the last iterations) or at the "start". Empty where the method is not linear or L cannot be had.
    """
    found = curvature_of(problem)
    rows = []
    for value in values if found is not None else ():
        edge = largest_stable(method, {**(fixed or {}), name: float(value)})
        if edge is None or found is None:
            break
        rows.append({name: float(value), "step_size": edge / found.smoothness, "place": found.place})
    return pd.DataFrame(rows, columns=[name, "step_size", "place"]).replace(np.inf, np.nan)

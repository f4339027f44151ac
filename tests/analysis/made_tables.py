"""Small tables of runs and of work, written by hand or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def runs_of(*rows: dict[str, Any]) -> pd.DataFrame:
    """A table of runs: what a row does not say is the same in all."""
    common = {
        "family": "quadratic", "dimension": 2, "oracle": "exact", "optimizer": "nesterov", "library": "nagbench",
        "engine": "numba", "mode": "tuned", "trial": 0, "selected": True, "start": 0, "seed": 0, "dtype": "float64",
        "budget": 100, "measure": "gradient", "tested_at": "x", "relative": False, "tolerance": 1e-6,
        "status": "converged", "iterations": 1, "gradient_evaluations": 1.0, "value": 0.0, "residual": 0.0,
        "predicted_iterations": None, "error": "", "problem": "bowl",
    }  # fmt: skip
    table = pd.DataFrame([{"cell": f"cell{i}", **common, **row} for i, row in enumerate(rows)])
    return table.assign(variant=table["optimizer"]) if "variant" not in table else table


def work_of(costs: Any, dimensions: Any = None, tolerance: float = 1e-6) -> pd.DataFrame:
    """The table of work of costs[problem, method] or costs[problem, method, seed]; infinite where unsolved."""
    costs = np.asarray(costs, float)
    costs = costs.reshape(*costs.shape, 1) if costs.ndim == 2 else costs
    rows = [
        {
            "mode": "tuned", "task": f"p{p}", "start": 0, "seed": r,
            "dimension": 2 if dimensions is None else int(dimensions[p]), "method": f"m{m}", "optimizer": f"m{m}",
            "tolerance": tolerance, "status": "converged" if np.isfinite(cost) else "budget", "spent": 1e9, "work": cost,
            "final": 1.0,
        }
        for (p, m, r), cost in np.ndenumerate(costs)
    ]  # fmt: skip
    return pd.DataFrame(rows)

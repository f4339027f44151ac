"""A benchopt benchmark: f(x) = ½ Σ λᵢ xᵢ² from a start of ones, until ‖∇f‖ ≤ tolerance or the budget is used up."""

import numpy as np
from benchopt import BaseObjective


class Objective(BaseObjective):
    """What a solver is given, and what is recorded of its end."""

    name = "Quadratic"
    parameters = {"tolerance": [1e-6], "budget": [10_000]}
    min_benchopt_version = "1.6"
    # One run to its end a cell: the least work that benchopt can be asked for.
    sampling_strategy = "run_once"

    def set_data(self, eigenvalues):
        self.eigenvalues = eigenvalues

    def get_objective(self):
        return {"eigenvalues": self.eigenvalues, "tolerance": self.tolerance, "budget": self.budget}

    def get_one_result(self):
        return {"x": np.ones(self.eigenvalues.size), "iterations": 0}

    def evaluate_result(self, x, iterations):
        value = 0.5 * float(self.eigenvalues @ (x * x))
        return {"value": value, "gradient": float(np.linalg.norm(self.eigenvalues * x)), "iterations": iterations}

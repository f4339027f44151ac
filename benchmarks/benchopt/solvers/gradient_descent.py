"""Gradient descent with the step size 2/(L + μ)."""

import numpy as np
from benchopt import BaseSolver


class Solver(BaseSolver):
    """The textbook's method, in numpy."""

    name = "gradient-descent"

    def set_objective(self, eigenvalues, tolerance, budget):
        self.eigenvalues, self.tolerance, self.budget = eigenvalues, tolerance, budget

    def run(self, _):
        eigenvalues = self.eigenvalues
        step = 2.0 / (eigenvalues.max() + eigenvalues.min())
        x, k = np.ones(eigenvalues.size), 0
        gradient = eigenvalues * x
        while np.linalg.norm(gradient) > self.tolerance and k < self.budget:
            x = x - step * gradient
            gradient = eigenvalues * x
            k += 1
        self.x, self.iterations = x, k

    def get_result(self):
        return {"x": self.x, "iterations": self.iterations}

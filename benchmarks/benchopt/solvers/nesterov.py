"""Nesterov's method with the step size 1/L and the momentum (√κ − 1)/(√κ + 1)."""

import numpy as np
from benchopt import BaseSolver


class Solver(BaseSolver):
    """The textbook's method for strong convexity, in numpy."""

    name = "nesterov"

    def set_objective(self, eigenvalues, tolerance, budget):
        self.eigenvalues, self.tolerance, self.budget = eigenvalues, tolerance, budget

    def run(self, _):
        eigenvalues = self.eigenvalues
        step, root = 1.0 / eigenvalues.max(), np.sqrt(eigenvalues.max() / eigenvalues.min())
        momentum = (root - 1.0) / (root + 1.0)
        x, k = np.ones(eigenvalues.size), 0
        before = x
        while np.linalg.norm(eigenvalues * x) > self.tolerance and k < self.budget:
            ahead = x + momentum * (x - before)
            before, x = x, ahead - step * (eigenvalues * ahead)
            k += 1
        self.x, self.iterations = x, k

    def get_result(self):
        return {"x": self.x, "iterations": self.iterations}

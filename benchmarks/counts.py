"""Convergence: iterations to tolerance are exact, so one iteration more is a finding."""

import nagbench

PROBLEMS = ["bowl", "ill-conditioned-1e2", "ill-conditioned-1e4"]
METHODS = ["gradient-descent", "momentum", "nesterov"]
BUDGET = 1_000_000


class Textbook:
    """Iterations at the textbook tuning from L and μ, until ‖∇f‖ ≤ 1e-6."""

    version = "1"
    unit = "iterations"
    params = [PROBLEMS, METHODS]
    param_names = ["problem", "method"]

    def setup(self, problem, method):
        found = nagbench.problem(problem)
        theory = nagbench.optimizer(method).method.theory(found.smoothness, found.strong_convexity)
        self.run = nagbench.run(found, nagbench.optimizer(method, **theory), budget=BUDGET)

    def track_iterations(self, problem, method):
        """Iterations to the tolerance; nan where it was not met."""
        return self.run.iterations if self.run.status == "converged" else float("nan")

    def track_unsolved(self, problem, method):
        """1 where the tolerance was not met within the budget."""
        return int(self.run.status != "converged")


Textbook.track_unsolved.unit = "cells"

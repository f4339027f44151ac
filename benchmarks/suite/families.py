"""Time of one value, alone and with a gradient, of a problem of every family."""

from __future__ import annotations

from .common import PROBLEMS, evaluations, found, known, least, shown


def runs_of(names):
    """By (name, what): functions of a number of calls, as many as the commit has."""
    import nagbench

    runs = {}
    for name, problem in known(names, nagbench.problem).items():
        runs[name, "value"], runs[name, "gradient"] = evaluations(problem)
    return runs


class Evaluation:
    """At the problem's start, inside compiled code."""

    version = "1"
    timeout = 600
    params = [PROBLEMS]
    param_names = ["problem"]

    def setup_cache(self):
        return least(runs_of(PROBLEMS))

    @shown("Time of one value", "seconds")
    def track_value(self, table, problem):
        return found(table, problem, "value")

    @shown("Time of one value and one gradient", "seconds")
    def track_gradient(self, table, problem):
        return found(table, problem, "gradient")

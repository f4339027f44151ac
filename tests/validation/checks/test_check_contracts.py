"""The contract of every problem of the suites and of every method, checked: whoever adds one need not write a test."""

import pytest
from thinned import METHODS, thinned

from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.optimizers.registry import optimizers as optimizer_names
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.validation.checks import check_method, check_problem


def failures(checks):
    return [f"{check.check}: {check.detail}" for check in checks if check.status == "failed"]


@pytest.mark.parametrize(
    "name", thinned(problem_names(), kept=[*list(problem_names())[::8], "lasso-diabetes", "nnls", "tv-1d"])
)
def test_problem(name):
    problem = make_problem(name)
    checks = check_problem(problem, speed=False)
    assert failures(checks) == []
    assert {check.check for check in checks if check.status == "passed"} >= {"start", "gradient", "rebuild", "output"}
    assert problem.source


@pytest.mark.parametrize(
    "name", thinned(optimizer_names(), kept=[*METHODS, "ista", "fista-backtracking", "adan", "svrg"])
)
def test_method(name):
    optimizer = make_optimizer(name)
    assert failures(check_method(optimizer)) == []
    assert optimizer.method.source
    assert optimizer.method.summary

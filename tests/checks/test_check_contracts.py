"""The contract of every problem of the suites and of every method, checked: whoever adds one need not write a test."""

import pytest

from nagbench import registry
from nagbench.validation.checks import check_method, check_problem


def failures(checks):
    return [f"{check.check}: {check.detail}" for check in checks if check.status == "failed"]


@pytest.mark.parametrize("name", registry.problems())
def test_problem(name):
    problem = registry.problem(name)
    checks = check_problem(problem, speed=False)
    assert failures(checks) == []
    assert {check.check for check in checks if check.status == "passed"} >= {"start", "gradient", "rebuild", "output"}
    assert problem.source


@pytest.mark.parametrize("name", registry.optimizers())
def test_method(name):
    optimizer = registry.optimizer(name)
    assert failures(check_method(optimizer)) == []
    assert optimizer.method.source
    assert optimizer.method.summary

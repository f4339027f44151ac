"""How many processes count where nobody says so."""

import os

import pytest

from nagbench.execution import executors
from nagbench.execution.executors import Execution, count_batches
from nagbench.experiments.plan import make_plan
from nagbench.experiments.specification import validate_spec


def bundles(problem, **settings):
    given = {
        "optimizers": ["nesterov:step_size=[0.01,0.02]", "gradient-descent:step_size=0.01"],
        "budget": 500,
        "tolerances": [1e-6],
    }
    return [lot.cells for lot in make_plan(validate_spec({"problems": [problem], **given, **settings}))]


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


@pytest.mark.parametrize(
    ("problem", "budget", "jobs"),
    [
        ("bowl", 500, 1),
        ("bowl", 2_000_000_000, 4),
        ("breast-cancer-logistic", 500, 4),
        ("python:scipy.optimize:rosen:start=[-1,1],gradient=rosen_der", 500, 4),
    ],
    ids=["little work", "long runs", "much data", "code from outside"],
)
def test_processes_are_started_where_they_pay_and_no_work_is_lost(problem, budget, jobs, four_cores):
    work = bundles(problem, budget=budget)
    found, same = executors._as_many_as_pay(iter(work))
    assert found == jobs
    assert list(same) == work


def test_little_work_needs_no_process_and_one_that_is_asked_for_is_started(monkeypatch, four_cores):
    asked = []
    pool = executors.Pool
    monkeypatch.setattr(executors, "Pool", lambda jobs, limits: asked.append(jobs) or pool(jobs, limits))
    monkeypatch.setattr(pool, "_start", lambda self: pytest.fail("a process was started"))
    tables = list(count_batches(bundles("bowl"), Execution(None), lambda: None))
    assert sum(table.num_rows for table in tables) == 3
    with pytest.raises(pytest.fail.Exception, match="a process was started"):
        list(count_batches(bundles("bowl"), Execution(2), lambda: None))
    assert asked == [1, 2]

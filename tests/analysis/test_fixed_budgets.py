"""What a fixed budget buys, against plain loops written here and against curves written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nagbench
from nagbench.analysis.fixed_budgets import fixed_budgets
from nagbench.core.errors import UsageError

STEP, MOMENTUM = 1e-3, 0.9


def rosenbrock_descent(iterations: int, momentum: float) -> list[float]:
    """f along Nesterov's method (gradient descent without momentum) from (−1.2, 1), straight from the formulas; f* is 0."""
    x = before = np.array([-1.2, 1.0])
    values = [_rosenbrock(x)]
    for _ in range(iterations):
        y = x + momentum * (x - before)
        slope = np.array([-400.0 * y[0] * (y[1] - y[0] ** 2) - 2.0 * (1.0 - y[0]), 200.0 * (y[1] - y[0] ** 2)])
        before, x = x, y - STEP * slope
        values.append(_rosenbrock(x))
    return values


def _rosenbrock(x: np.ndarray) -> float:
    return float(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> nagbench.Sweep:
    return nagbench.sweep(
        problems=["rosenbrock"], budget=100, timing=False, out=tmp_path_factory.mktemp("budgets") / "run",
        optimizers=[f"nesterov:step_size={STEP},momentum={MOMENTUM}", f"gradient-descent:step_size={STEP}"],
    )  # fmt: skip


def test_the_best_value_after_n_iterations_is_that_of_a_plain_loop(sweep: nagbench.Sweep) -> None:
    table = sweep.fixed_budgets([1, 7, 50, 100]).set_index(["method", "budget"])["best"]
    for method, momentum in (("nesterov", MOMENTUM), ("gradient-descent", 0.0)):
        values = rosenbrock_descent(100, momentum)
        name = next(label for label in table.index.get_level_values(0).unique() if label.startswith(method))
        for budget in (1, 7, 50, 100):
            assert table[name, budget] == pytest.approx(min(values[: budget + 1]), rel=1e-9)


def test_budgets_come_from_the_data(sweep: nagbench.Sweep) -> None:
    assert sorted(set(sweep.fixed_budgets()["budget"])) == [10.0, 100.0]
    assert set(sweep.fixed_budgets()["above"]) == {"minimum"}


def test_what_cannot_be_a_budget_is_refused(sweep: nagbench.Sweep) -> None:
    with pytest.raises(UsageError, match="budget 0 is not valid; allowed: above 0"):
        sweep.fixed_budgets([0])
    with pytest.raises(UsageError, match="evaluations"):
        sweep.fixed_budgets(by="evaluation")  # type: ignore[arg-type]


def made(known: bool, values: dict[str, list[float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs and their curves with these values at iterations 0, 1, 2, …; f* is 1 where it is known."""
    rows = pd.DataFrame(
        [
            {"task": "p", "mode": "given", "method": "m", "optimizer": "m", "cell": cell, "iterations": len(path) - 1,
             "gradient_evaluations": 2.0 * (len(path) - 1), "value": path[-1],
             "suboptimality": path[-1] - 1.0 if known else np.nan}
            for cell, path in values.items()
        ]
    )  # fmt: skip
    curves = pd.concat(
        pd.DataFrame({"cell": cell, "iteration": range(len(path)), "value": path}) for cell, path in values.items()
    )
    return rows, curves


def test_medians_keep_the_best_and_what_ended_keeps_what_it_had() -> None:
    rows, curves = made(True, {"a": [9.0, 3.0, 5.0, 2.0], "b": [9.0, 8.0], "c": [9.0, np.nan, np.inf, 4.0]})
    found = fixed_budgets(rows, curves, [1, 2, 3, 1000])
    # The best so far less 1: a 2, 2, 1, 1; b 7, 7, 7, 7; c 8, 8, 3, 3.
    assert found["best"].tolist() == [7.0, 7.0, 3.0, 3.0]
    assert found["low"].tolist() == [2.0, 2.0, 1.0, 1.0]
    assert found["high"].tolist() == [8.0, 8.0, 7.0, 7.0]
    # Run b ended at iteration 1, all others at 3.
    assert found["ended"].tolist() == [0, 1, 1, 3]
    by_cost = fixed_budgets(rows, curves, [1, 2, 6], by="evaluations")
    # Two evaluations an iteration: 1 pays for none, 2 for one, 6 for three.
    assert by_cost["best"].tolist() == [8.0, 7.0, 3.0]


def test_without_a_known_minimum_the_best_value_seen_takes_its_place() -> None:
    found = fixed_budgets(*made(False, {"a": [9.0, 3.0], "b": [9.0, 4.0]}), [1])
    assert set(found["above"]) == {"best value seen"}
    assert found["low"].tolist() == [0.0]


def test_without_curves_there_is_nothing(tmp_path: Path) -> None:
    sweep = nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov"], modes=["theory"], curves=False, timing=False, out=tmp_path / "run"
    )
    assert sweep.fixed_budgets().empty

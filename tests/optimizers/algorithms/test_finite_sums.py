"""SVRG, SAGA and Katyusha against loops written here on the same rows, and their evaluations in passes over the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nagbench
from nagbench.engine.batch_run import BatchRun, LoadedBatch
from nagbench.engine.single_run import make_cell, run

STEPS = 30
PROBLEM = nagbench.problem("lasso-diabetes", l1=0.3)
ROWS = PROBLEM.row_count


def _soft(x: np.ndarray, threshold: float) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def _gradient(x: np.ndarray, rows: Any = ()) -> np.ndarray:
    return PROBLEM.evaluate(x, rows=rows)[1][0]


def _drawn(text: str) -> list[np.ndarray]:
    """Return the rows of every iteration."""
    optimizer = nagbench.optimizer(text)
    cell = make_cell(PROBLEM, optimizer, oracle="stochastic", budget=STEPS, tolerances=(1e-300,), engine="python")
    draws, _ = BatchRun(LoadedBatch(PROBLEM, optimizer.method, [cell])).draws(cell, 0)
    return [draws.rows[draws.offsets[k] : draws.offsets[k + 1]] for k in range(STEPS)]


def _svrg(rows: list[np.ndarray]) -> list[np.ndarray]:
    x = w = np.zeros(10)
    path, full = [x], x
    for k, row in enumerate(rows):
        if k % 7 == 0:
            w, full = x, _gradient(x)
        x = _soft(x - 2.0 * (_gradient(x, row) - _gradient(w, row) + full), 2.0 * 0.3)
        path.append(x)
    return path


def _saga(rows: list[np.ndarray]) -> list[np.ndarray]:
    x, path, table = np.zeros(10), [np.zeros(10)], np.zeros((ROWS, 10))
    for row in rows:
        new = _gradient(x, row)
        direction = new - table[row[0]] + table.mean(axis=0)
        table[row[0]] = new
        x = _soft(x - 2.0 * direction, 2.0 * 0.3)
        path.append(x)
    return path


def _katyusha(rows: list[np.ndarray]) -> list[np.ndarray]:
    s, tau, mu = 2.0, 0.25, 0.01
    alpha = s / tau
    y = z = w = np.zeros(10)
    path, ys, full = [y], [], y
    for k, row in enumerate(rows):
        if k % 7 == 0:
            if k > 0:
                weights = (1.0 + alpha * mu) ** np.arange(len(ys))
                w = weights @ np.array(ys) / weights.sum()
            full, ys = _gradient(w), []
        x = tau * z + 0.5 * w + (0.5 - tau) * y
        g = _gradient(x, row) - _gradient(w, row) + full
        z, y = _soft(z - alpha * g, alpha * 0.3), _soft(x - s * g, s * 0.3)
        ys.append(y)
        path.append(y)
    return path


@pytest.mark.parametrize(
    ("text", "loop", "passes"),
    [
        ("svrg:step_size=2,period=7", _svrg, 5 + 2 * STEPS / ROWS), ("saga:step_size=2", _saga, STEPS / ROWS),
        ("katyusha:step_size=2,tau=0.25,strong_convexity=0.01,period=7", _katyusha, 5 + 2 * STEPS / ROWS),
    ],
)  # fmt: skip
def test_path_and_passes_are_those_of_a_loop_on_the_same_rows(text: str, loop: Any, passes: float) -> None:
    done = run(
        PROBLEM, text, oracle="stochastic", budget=STEPS, tolerance=1e-300, path=True, engine="python", measure_every=1
    )
    np.testing.assert_allclose(done.path, loop(_drawn(text)), rtol=1e-9, atol=1e-9)
    assert done.gradient_evaluations == pytest.approx(passes)


@pytest.mark.parametrize("name", ["svrg", "saga"])
def test_with_the_exact_oracle_it_is_ista(name: str) -> None:
    paths = [
        run(PROBLEM, f"{text}:step_size=50", budget=8, tolerance=1e-300, path=True, engine="python").path
        for text in (name, "ista")
    ]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-10, atol=1e-10)


def test_the_variance_vanishes_where_that_of_stochastic_gradients_stays() -> None:
    """At a constant step size, SAGA converges on logistic regression, and SGD does not."""
    settings: dict[str, Any] = {"oracle": "stochastic", "budget": 30_000, "tolerance": 1e-4}
    ends = [run("breast-cancer-logistic", f"{name}:step_size=0.02", **settings) for name in ("saga", "ista")]
    assert [end.status for end in ends] == ["converged", "budget"]
    assert ends[1].gradient_norm > 30.0 * ends[0].gradient_norm


@pytest.mark.parametrize(("name", "oracle"), [("saga", "minibatch:8"), ("svrg", "noise:0.1")])
def test_oracles_without_rows_are_refused(name: str, oracle: str) -> None:
    with pytest.raises(nagbench.UsageError, match=f"{name} is for means over rows and takes the oracles"):
        nagbench.run("breast-cancer-logistic", name, oracle=oracle)

"""Methods for means over rows and for noise against loops written here, on the same rows, and their evaluations in passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
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


def _accelerated_svrg(rows: list[np.ndarray]) -> list[np.ndarray]:
    x = y = w = np.zeros(10)
    path, full = [x], x
    for k, row in enumerate(rows):
        if k % 7 == 0:
            w = y = x
            full = _gradient(w)
        new = _soft(y - 2.0 * (_gradient(y, row) - _gradient(w, row) + full), 2.0 * 0.3)
        x, y = new, new + 0.6 * (new - x)
        path.append(x)
    return path


def _ac_sa(rows: list[np.ndarray]) -> list[np.ndarray]:
    # Ghadimi & Lan 2012, eq. 3.5–3.7 with α = 2/(t + 1), γ = 4ν/(t(t + 1)), ν = 1/s = ½.
    mu, nu = 0.01, 0.5
    x = aggregate = np.zeros(10)
    path = [aggregate]
    for t, row in enumerate(rows, start=1):
        alpha, gamma = 2.0 / (t + 1.0), 4.0 * nu / (t * (t + 1.0))
        whole = gamma + (1.0 - alpha**2) * mu
        middle = ((1.0 - alpha) * (mu + gamma) * aggregate + alpha * ((1.0 - alpha) * mu + gamma) * x) / whole
        # The minimizer of α(gᵀu + h(u) + μ‖middle − u‖²/2) + ((1 − α)μ + γ)‖x − u‖²/2.
        linear = alpha * (mu * middle - _gradient(middle, row)) + ((1.0 - alpha) * mu + gamma) * x
        x = _soft(linear, alpha * 0.3) / (mu + gamma)
        aggregate = alpha * x + (1.0 - alpha) * aggregate
        path.append(aggregate)
    return path


@pytest.mark.parametrize(
    ("text", "loop", "passes"),
    [
        ("accelerated-svrg:step_size=2,momentum=0.6,period=7", _accelerated_svrg, 5 + 2 * STEPS / ROWS),
        ("ac-sa:step_size=2,strong_convexity=0.01", _ac_sa, STEPS / ROWS),
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


@pytest.mark.slow
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


EIGENVALUES, X0 = np.array([1.0, 9.0, 50.0]), np.array([1.0, -0.5, 2.0])


def _accsgd() -> list[np.ndarray]:
    # The authors' update, in their order: w̄ ← αw̄ + (1 − α)(w − κδ/0.7·g), w ← 0.7/(0.7 + (1 − α))·(w − δg) + …
    kappa, xi, delta = 50.0, 4.0, 0.01
    alpha = 1.0 - 0.7**2 * xi / kappa
    w = mean = X0
    path = [w]
    for _ in range(STEPS):
        g = EIGENVALUES * w
        mean = alpha * mean + (1.0 - alpha) * (w - kappa * delta / 0.7 * g)
        w = 0.7 / (0.7 + (1.0 - alpha)) * (w - delta * g) + (1.0 - alpha) / (0.7 + (1.0 - alpha)) * mean
        path.append(w)
    return path


def _accelegrad() -> list[np.ndarray]:
    diameter, bound = 0.7, 3.0
    y = z = X0
    total, squares, weights, path = np.zeros(3), bound**2, 0.0, [X0]
    for t in range(STEPS):
        alpha = 1.0 if t <= 2 else (t + 1.0) / 4.0
        x = z / alpha + (1.0 - 1.0 / alpha) * y
        g = EIGENVALUES * x
        squares += alpha**2 * g @ g
        eta = 2.0 * diameter / np.sqrt(squares)
        z, y = z - alpha * eta * g, x - eta * g
        total, weights = total + alpha * y, weights + alpha
        path.append(total / weights)
    return path


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("accsgd:step_size=0.01,kappa=50,xi=4", _accsgd), ("accelegrad:diameter=0.7,gradient_bound=3", _accelegrad),
    ],
)  # fmt: skip
def test_with_exact_gradients_the_path_is_that_of_the_paper(text: str, loop: Any) -> None:
    problem = nagbench.problem("quadratic", eigenvalues=EIGENVALUES.tolist(), start=X0.tolist())
    done = run(problem, text, budget=STEPS, tolerance=1e-300, path=True, engine="python")
    np.testing.assert_allclose(done.path, loop(), rtol=1e-10, atol=1e-12)


def test_ac_sa_stays_below_its_bound() -> None:
    done = run("huber:dimension=10,delta=0.1", "ac-sa:step_size=0.5", budget=100, tolerance=1e-300, engine="python")
    k = done.curve["iteration"][1:]
    assert (done.curve["value"][1:] <= 4.0 * 10.0 / (k * (k + 1.0))).all()

"""Methods that find their own step size: against loops written here from the papers, evaluations counted exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nagbench
from nagbench.engine.single_run import run

QUADRATIC = "quadratic:eigenvalues=[1,7,100],start=[1,-2,0.5]"
A = np.array([1.0, 7.0, 100.0])
X0 = np.array([1.0, -2.0, 0.5])


class Oracle:
    """f = ½xᵀAx with counters."""

    def __init__(self) -> None:
        self.values = self.gradients = 0

    def value(self, x: np.ndarray) -> float:
        """Return f."""
        self.values += 1
        return float(0.5 * (A * x) @ x)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return ∇f."""
        self.gradients += 1
        return A * x


def _run(text: str, steps: int, problem: str = QUADRATIC, **settings: Any) -> Any:
    return run(problem, text, budget=steps, tolerance=1e-300, path=True, engine="python", **settings)


def _armijo(oracle: Oracle, steps: int) -> list[np.ndarray]:
    x, step, path = X0, 1.0, [X0]
    f = oracle.value(x)
    for k in range(steps):
        g = oracle.gradient(x)
        step = 2.0 * step if k > 0 else 1.0
        while (new := oracle.value(x - step * g)) > f - 0.5 * step * g @ g:
            step *= 0.5
        x, f = x - step * g, new
        path.append(x)
    return path


def _fista_backtracking(oracle: Oracle, steps: int) -> list[np.ndarray]:
    x = y = X0
    t, step, path = 1.0, 1.0, [X0]
    for _ in range(steps):
        g, f = oracle.gradient(y), oracle.value(y)
        while True:
            p = y - step * g
            if oracle.value(p) <= f + g @ (p - y) + (p - y) @ (p - y) / (2.0 * step):
                break
            step *= 0.5
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        x, y, t = p, p + (t - 1.0) / following * (p - x), following
        path.append(x)
    return path


def _nesterov_backtracking(oracle: Oracle, steps: int) -> list[np.ndarray]:
    # Nesterov 2013, eq. 4.9, with gamma_u = gamma_d = 2 and L in place of the step.
    x = v = X0
    weight, L, total, path = 0.0, 1.0, np.zeros(3), [X0]
    for k in range(steps):
        L = L if k == 0 else L / 2.0
        while True:
            a = (1.0 + np.sqrt(1.0 + 2.0 * L * weight)) / L
            y = (weight * x + a * v) / (weight + a)
            g = oracle.gradient(y)
            new = y - g / L
            g_new = oracle.gradient(new)
            slope = L * (y - new) + g_new - g
            if slope @ (y - new) >= slope @ slope / L:
                break
            L *= 2.0
        weight, total, x = weight + a, total + a * g_new, new
        v = X0 - total
        path.append(x)
    return path


def _barzilai_borwein(oracle: Oracle, steps: int) -> list[np.ndarray]:
    x, path, history = X0, [X0], []
    before: tuple[np.ndarray, np.ndarray] | None = None
    f = oracle.value(x)
    for _ in range(steps):
        g = oracle.gradient(x)
        step = 1.0 / np.linalg.norm(g)
        if before is not None:
            moved, turned = x - before[0], g - before[1]
            step = moved @ moved / (moved @ turned)
        history.append(f)
        while (new := oracle.value(x - step * g)) > max(history[-10:]) - 1e-4 * step * g @ g:
            step *= 0.5
        before, x, f = (x, g), x - step * g, new
        path.append(x)
    return path


def _malitsky_mishchenko(oracle: Oracle, steps: int) -> list[np.ndarray]:
    step, theta = 1e-6, np.inf
    before, g_before = X0, oracle.gradient(X0)
    x, path = X0 - step * g_before, [X0, X0 - step * g_before]
    for _ in range(steps - 1):
        g = oracle.gradient(x)
        new = min(np.sqrt(1.0 + theta) * step, np.linalg.norm(x - before) / (2.0 * np.linalg.norm(g - g_before)))
        theta, step, before, g_before = new / step, new, x, g
        x = x - step * g
        path.append(x)
    return path


def _polyak(oracle: Oracle, steps: int) -> list[np.ndarray]:
    x, path = X0, [X0]
    for _ in range(steps):
        g = oracle.gradient(x)
        x = x - oracle.value(x) / (g @ g) * g
        path.append(x)
    return path


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("armijo", _armijo), ("fista-backtracking:first_step=1", _fista_backtracking),
        ("nesterov-backtracking", _nesterov_backtracking), ("barzilai-borwein", _barzilai_borwein),
        ("malitsky-mishchenko", _malitsky_mishchenko), ("polyak-step", _polyak),
    ],
)  # fmt: skip
def test_path_and_evaluations_are_those_of_a_loop_from_the_paper(text: str, loop: Any) -> None:
    steps, oracle = 12, Oracle()
    expected = np.array(loop(oracle, steps))
    done = _run(text, steps)
    np.testing.assert_allclose(done.path, expected, rtol=1e-9, atol=1e-12)
    assert (done.gradient_evaluations, done.value_evaluations) == (oracle.gradients, oracle.values)


def test_without_a_refused_step_backtracking_is_the_plain_method() -> None:
    problem = nagbench.problem("nnls")
    s = problem.mapping_step
    for plain, searching in (("fista", "fista-backtracking"), ("ista", "ista-backtracking")):
        expected = run(
            problem, nagbench.optimizer(plain, step_size=s), budget=15, tolerance=1e-300, path=True, engine="python"
        )
        done = run(
            problem,
            nagbench.optimizer(searching, first_step=s),
            budget=15,
            tolerance=1e-300,
            path=True,
            engine="python",
        )
        np.testing.assert_allclose(done.path, expected.path, rtol=0, atol=1e-14)
        assert done.value_evaluations == 30.0


def test_a_growing_step_keeps_the_bound_of_fista() -> None:
    problem = nagbench.problem("nnls")
    done = run(problem, "fista-backtracking:growth=1.3", budget=60, tolerance=1e-300, engine="python")
    square = float((problem.minimizers[0] ** 2).sum())
    curve = done.curve[1:]
    bound = 2.0 * 2.0 * problem.smoothness * square / (curve["iteration"] + 1.0) ** 2
    assert (curve["value"] - problem.minimum <= bound).all()
    assert done.gradient_evaluations > 60


def test_barzilai_borwein_is_superlinear_in_the_plane() -> None:
    done = run(
        "quadratic:eigenvalues=[1,10]",
        "barzilai-borwein:memory=0",
        budget=12,
        tolerance=1e-300,
        path=True,
        engine="python",
    )
    sizes = np.linalg.norm(done.path, axis=1)
    # The paper's example: six digits in a handful of steps, where gradient descent gains one in six.
    assert sizes[10] < 1e-8 * sizes[0]


def test_both_engines_agree() -> None:
    paths = [
        run(QUADRATIC, "barzilai-borwein", budget=20, tolerance=1e-300, path=True, engine=engine).path
        for engine in ("python", "numba")
    ]
    np.testing.assert_allclose(paths[1], paths[0], rtol=1e-10)


def test_polyaks_step_needs_the_minimum() -> None:
    with pytest.raises(nagbench.UsageError, match=r"polyak-step needs the minimum F\*, which is not known of"):
        nagbench.run("chebyquad:dimension=11", "polyak-step")

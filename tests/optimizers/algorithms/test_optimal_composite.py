"""Optimal methods for composite and for strongly convex problems: against loops written here from the papers, and PEPit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nagbench
from nagbench.engine.single_run import run
from nagbench.validation.certify import certify

PROBLEM = nagbench.problem("nnls")
ROWS, COLUMNS = (int(size) for size in PROBLEM.shape)
A = PROBLEM.data[: ROWS * COLUMNS].reshape(ROWS, COLUMNS)
B = PROBLEM.data[2 * ROWS * COLUMNS : 2 * ROWS * COLUMNS + ROWS]
L = float(np.linalg.eigvalsh(A.T @ A / ROWS)[-1])
X0 = np.zeros(COLUMNS)
Path = Iterator[np.ndarray]


def _gradient(x: np.ndarray) -> np.ndarray:
    return A.T @ (A @ x - B) / ROWS


def _value(x: np.ndarray) -> float:
    return float(((A @ x - B) ** 2).sum()) / (2 * ROWS)


def _project(x: np.ndarray, _step: float) -> np.ndarray:
    return np.maximum(x, 0.0)


def _monotone() -> Path:
    x = y = X0
    t, step = 1.0, 1.0 / L
    while True:
        yield x
        z = _project(y - step * _gradient(y), step)
        following = (1.0 + math.sqrt(1.0 + 4.0 * t * t)) / 2.0
        new = z if _value(z) <= _value(x) else x
        y = new + t / following * (z - new) + (t - 1.0) / following * (new - x)
        x, t = new, following


def _strongly_convex() -> Path:
    # Beck 2017, 10.7.7, with κ = 1/100.
    x = y = X0
    while True:
        yield x
        new = _project(y - _gradient(y) / L, 1.0 / L)
        x, y = new, new + 9.0 / 11.0 * (new - x)


def _optista() -> Path:
    horizon, thetas = 8, [1.0]
    for i in range(horizon):
        thetas.append((1.0 + math.sqrt(1.0 + (8.0 if i == horizon - 1 else 4.0) * thetas[-1] ** 2)) / 2.0)
    y = X0
    while True:
        x = z = y
        for i in range(horizon):
            yield y
            gamma = 2.0 * thetas[i] / thetas[-1] ** 2 * (thetas[-1] ** 2 - 2.0 * thetas[i] ** 2 + thetas[i])
            new = _project(y - gamma / L * _gradient(x), gamma / L)
            ahead = x + (new - y) / gamma
            x = ahead + ((thetas[i] - 1.0) * (ahead - z) + thetas[i] * (ahead - x)) / thetas[i + 1]
            y, z = new, ahead


def _chambolle_pock() -> Path:
    # The dual step by Moreau's identity: prox of σh* is the projection onto u ≤ 0.
    x, u, tau, sigma = X0, np.zeros(COLUMNS), 0.4 / L, 0.5 * L / 0.4
    yield X0
    while True:
        new = x - tau * (_gradient(x) + u)
        v = u + sigma * (2.0 * new - x)
        x, u = new, np.minimum(v, 0.0)
        yield (v - u) / sigma


def _auto_conditioned() -> Path:
    beta, alpha = 1.0 - math.sqrt(6.0) / 3.0, 0.1
    x = y = X0
    g = _gradient(x)
    first = np.linalg.norm(_gradient(x - 1e-6 * g) - g) / np.linalg.norm(1e-6 * g)
    yield x
    eta, taus = 1.0 / (2.5 * first), [0.0, 0.0]
    t = 1
    while True:
        before, g_before, new = x, g, _project(y - eta * g, eta)
        if t > 1:
            y = (1.0 - beta) * y + beta * new
        x = (new + taus[-1] * x) / (1.0 + taus[-1])
        yield x
        g = _gradient(x)
        seen = np.sum((g - g_before) ** 2) / (2.0 * (_value(before) - _value(x) - g @ (before - x)))
        if t == 1:
            eta = min((1.0 - beta) * eta, 1.0 / (4.0 * seen))
            taus = [0.0, 1.0]
        else:
            tau_old, tau = taus
            eta = min(2.0 * (1.0 - beta) ** 2 * eta, (tau_old + 1.0) / tau * eta, tau / (4.0 * seen))
            taus = [tau, tau + alpha / 2.0 + 2.0 * (1.0 - alpha) * eta * seen / tau]
        t += 1


@pytest.mark.parametrize(
    ("text", "loop", "evaluations"),
    [
        (f"fista-monotone:step_size={1 / L!r}", _monotone, (20.0, 21.0)),
        (f"nesterov-two-sequence:step_size={1 / L!r},momentum={9 / 11!r}", _strongly_convex, (20.0, 0.0)),
        (f"optista:step_size={1 / L!r},horizon=8", _optista, (20.0, 0.0)),
        (f"chambolle-pock:step_size={0.4 / L!r}", _chambolle_pock, (20.0, 0.0)),
        ("auto-conditioned", _auto_conditioned, (21.0, 20.0)),
    ],
)
def test_path_and_evaluations_are_those_of_a_loop_from_the_paper(
    text: str, loop: Any, evaluations: tuple[float, float]
) -> None:
    done = run(PROBLEM, text, budget=20, tolerance=1e-300, path=True, engine="python")
    expected = [point for point, _ in zip(loop(), range(21), strict=False)]
    np.testing.assert_allclose(done.path, expected, rtol=1e-8, atol=1e-11)
    assert (done.gradient_evaluations, done.value_evaluations) == evaluations


def test_f_never_rises_in_monotone_fista_and_keeps_the_bound_of_fista() -> None:
    done = run(PROBLEM, f"fista-monotone:step_size={1 / L!r}", budget=150, tolerance=1e-300, engine="python")
    values = done.curve["value"]
    assert (np.diff(values) <= 0.0).all()
    assert PROBLEM.minimizers is not None
    assert PROBLEM.minimum is not None
    square = float((PROBLEM.minimizers[0] ** 2).sum())
    k = done.curve["iteration"][1:]
    assert (values[1:] - PROBLEM.minimum <= 2.0 * L * square / (k + 1.0) ** 2).all()


def test_the_accelerated_proximal_method_keeps_its_linear_bound() -> None:
    problem = nagbench.problem("box-quadratic", eigenvalues=[1.0, 5.0, 20.0], center=[2.0, 0.5, -0.2])
    optimizer = nagbench.optimizer("nesterov-two-sequence")
    theory = optimizer.method.theory
    assert theory is not None
    assert problem.minimizers is not None
    done = run(
        problem, nagbench.Optimizer(optimizer.method, theory(20.0, 1.0)), budget=60, tolerance=1e-300, engine="python"
    )
    gaps = done.curve["value"] - problem.minimum
    both = gaps[0] + 0.5 * float(((problem.start - problem.minimizers[0]) ** 2).sum())
    rate = 1.0 - math.sqrt(1.0 / 20.0)
    assert (gaps <= both * rate ** done.curve["iteration"] * (1.0 + 1e-9) + 1e-15).all()
    assert (gaps[:20] >= 1e-8 * both * rate ** done.curve["iteration"][:20]).any()


def test_a_line_search_free_method_keeps_its_order_without_any_constant() -> None:
    done = run(PROBLEM, "auto-conditioned", budget=300, tolerance=1e-300, engine="python")
    assert PROBLEM.minimizers is not None
    assert PROBLEM.minimum is not None
    k = done.curve["iteration"][1:]
    scaled = (done.curve["value"][1:] - PROBLEM.minimum) * k**2 / (L * float((PROBLEM.minimizers[0] ** 2).sum()))
    assert scaled.max() <= 10.0


def _balls(eigenvalues: np.ndarray, start: np.ndarray, steps: int) -> list[np.ndarray]:
    """Geometric descent as in Bubeck, Lee & Singh, sect. 4, with the exact line search of a quadratic."""
    mu, top = eigenvalues.min(), eigenvalues.max()
    g = eigenvalues * start
    ahead, center, radius = start - g / top, start - g / mu, (1.0 - mu / top) * g @ g / mu**2
    path = [start, ahead]
    for _ in range(steps - 1):
        d = ahead - center
        x = center - (eigenvalues * center) @ d / ((eigenvalues * d) @ d) * d
        g = eigenvalues * x
        new = x - g / top
        a, b = x - g / mu, center
        ra = (1.0 - mu / top) * g @ g / mu**2
        rb = radius - 2.0 / mu * 0.5 * ((eigenvalues * ahead) @ ahead - (eigenvalues * new) @ new)
        gap = (a - b) @ (a - b)
        if gap >= abs(ra - rb):
            center = 0.5 * (a + b) - (ra - rb) / (2.0 * gap) * (a - b)
            radius = rb - (gap + rb - ra) ** 2 / (4.0 * gap)
        else:
            center, radius = (a, ra) if ra < rb else (b, rb)
        # The minimizer 0 is in the ball, and the ball shrinks at the rate of the theorem.
        assert center @ center <= radius + 1e-9
        ahead = new
        path.append(ahead)
    return path


def test_geometric_descent_is_that_of_the_paper() -> None:
    eigenvalues, start = np.array([1.0, 4.0, 9.0, 25.0]), np.array([1.0, -0.5, 2.0, 1.0])
    problem = nagbench.problem("quadratic", eigenvalues=eigenvalues.tolist(), start=start.tolist())
    done = run(
        problem, "geometric-descent:step_size=0.04,q=0.04", budget=12, tolerance=1e-300, path=True, engine="python"
    )
    np.testing.assert_allclose(done.path, _balls(eigenvalues, start, 12), rtol=1e-7, atol=1e-9)
    # Two gradients at the ends of the line and one at its minimum, none in the first iteration beside its own.
    assert done.gradient_evaluations == 1 + 3 * 11
    assert done.value_evaluations == 12


def test_geometric_descent_keeps_its_rate_where_a_line_search_is_no_formula() -> None:
    problem = nagbench.problem("smoothed-tv", dimension=8, epsilon=0.1)
    assert problem.smoothness is not None
    assert problem.strong_convexity is not None
    assert problem.minimizers is not None
    optimizer = nagbench.optimizer("geometric-descent")
    theory = optimizer.method.theory
    assert theory is not None
    chosen = nagbench.Optimizer(optimizer.method, theory(problem.smoothness, problem.strong_convexity))
    done = run(problem, chosen, budget=25, tolerance=1e-300, path=True, engine="python")
    g, mu, q = problem.gradient(problem.start), problem.strong_convexity, problem.strong_convexity / problem.smoothness
    radius = (1.0 - q) * float(g @ g) / mu**2
    assert done.path is not None
    # f(x⁺) − f* ≤ f(x) − f*, and both balls hold x*: the value is at most μ/2 times the squared radius.
    k = done.curve["iteration"][1:]
    assert (done.curve["value"][1:] - problem.minimum <= 0.5 * mu * radius * (1.0 - q**0.5) ** (k - 1) + 1e-12).all()


@pytest.mark.parametrize("n", [1, 3])
def test_optista_has_exactly_its_published_worst_case(n: int) -> None:
    pytest.importorskip("PEPit")
    found = certify("optista", n, "composite")
    assert found.certified == pytest.approx(found.published, abs=1e-6)
    assert found.published < certify("fista", n, "composite").certified + 1e-9


def test_ac_sa_stays_below_its_published_worst_case() -> None:
    pytest.importorskip("PEPit")
    found = certify("ac-sa", 3, "composite")
    assert found.published == pytest.approx(1.0 / 3.0)
    assert 0.5 * found.published < found.certified <= found.published


def test_monotone_fista_and_a_line_search_are_no_linear_updates() -> None:
    for name in ("fista-monotone", "geometric-descent", "auto-conditioned"):
        with pytest.raises(nagbench.UsageError, match="is not linear in past points"):
            certify(name, 2)

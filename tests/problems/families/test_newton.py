"""Newton's method against SciPy's minima, closed forms, and functions that it cannot minimise."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess

from nagbench.problems.families._newton import minimize_newton


def test_quadratic_in_one_step():
    hessian = np.array([[3.0, 1.0], [1.0, 2.0]])
    minimizer = np.array([0.5, -2.0])
    found = minimize_newton(
        lambda x: 0.5 * (x - minimizer) @ hessian @ (x - minimizer),
        lambda x: hessian @ (x - minimizer),
        lambda x: hessian,
        [100.0, 100.0],
    )
    np.testing.assert_allclose(found, minimizer, rtol=1e-15)


@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0, 0.0], [-5.0, 5.0], [1.3, 0.7, 0.8, 1.9, 1.2]])
def test_scipy_rosenbrock_from_indefinite_starts(start):
    np.testing.assert_allclose(minimize_newton(rosen, rosen_der, rosen_hess, start), 1.0, rtol=1e-12)


def test_flat_tails_need_damping():
    """Undamped Newton on √(1 + x²) maps x to −x³ and diverges from |x| > 1."""
    found = minimize_newton(
        lambda x: float(np.sqrt(1 + x @ x)),
        lambda x: x / np.sqrt(1 + x @ x),
        lambda x: np.array([[(1 + x[0] ** 2) ** -1.5]]),
        [7.0],
    )
    assert abs(found[0]) <= 1e-12


def test_overflow_is_backtracked():
    """f = exp(x) − 10x from x = −5: the full step leads to x ≈ 1480, where exp overflows."""
    found = minimize_newton(
        lambda x: float(np.exp(x[0]) - 10 * x[0]), lambda x: np.exp(x) - 10, lambda x: np.exp(x)[None], [-5.0]
    )
    assert found[0] == pytest.approx(np.log(10), rel=1e-15)


def test_unbounded_below_is_an_error():
    with pytest.raises(RuntimeError, match="stopped at"):
        minimize_newton(lambda x: -float(x[0]), lambda x: np.array([-1.0]), lambda x: np.array([[0.0]]), [0.0])


def test_hessian_that_is_not_finite_is_an_error():
    with pytest.raises(RuntimeError, match="not finite"):
        minimize_newton(lambda x: 0.0, lambda x: x + 1.0, lambda x: np.array([[np.nan]]), [0.0])

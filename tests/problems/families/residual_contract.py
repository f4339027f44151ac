"""What holds for every least-squares problem whose residuals are written a second time, in a formulas module.

Derivatives of those residuals are taken by complex steps (Squire & Trapp 1998), which lose no digits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares, minimize

import nagbench

STEP = 1e-30
COUNT = 20


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """A problem's name (with parameters, in the text form) and the formula of its residuals."""

    name: str
    formula: Callable[[np.ndarray], np.ndarray]
    arithmetic: bool = False
    """Whether the kernels do with + − × ÷ √ alone, which round alike in numba and in Python."""

    def problem(self):
        return nagbench.problem(self.name)

    def jacobian(self, x):
        return np.stack([self.formula(x + 1j * STEP * axis).imag / STEP for axis in np.eye(x.size)], axis=1)

    def value_and_gradient(self, x):
        r = self.formula(x)
        return r @ r, 2 * self.jacobian(x).T @ r

    def rounding(self, x):
        """What half a unit in the last place of x and of every residual makes of each ∂f/∂xⱼ, in units of eps."""
        slopes = np.abs(self.jacobian(x))
        return 2 * (np.abs(self.formula(x)) + slopes @ np.abs(x)) @ slopes


def points_near_start(problem, count=COUNT):
    """Points within 5 % of the start (within 0.05 of a coordinate 0)."""
    reach = 0.05 * np.where(problem.start != 0, np.abs(problem.start), 1.0)
    return problem.start + reach * np.random.default_rng(0).uniform(-1, 1, (count, problem.dimension))


def known_points(problem):
    """The minimisers and the further stationary points that the problem lists."""
    return [
        point for points in (problem.minimizers, problem.stationary_points) if points is not None for point in points
    ]


def is_near(point, known, tolerance):
    """Whether the point is one of the known ones, coordinate by coordinate relative to their sizes (0: absolutely)."""
    return any(np.allclose(point, k, rtol=tolerance, atol=tolerance * (1e-3 * np.max(np.abs(k)) or 1.0)) for k in known)


def minimize_bfgs(problem):
    return minimize(
        problem.value, problem.start, jac=problem.gradient, method="BFGS", options={"gtol": 1e-9, "maxiter": 3000}
    ).x


def minimize_marquardt(case):
    options = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14, "max_nfev": 5000}
    with np.errstate(all="ignore"):
        return least_squares(case.formula, case.problem().start, case.jacobian, method="lm", x_scale="jac", **options).x


class ResidualContract:
    """The kernels compute ‖r(x)‖² and its gradient; ∇f vanishes where the problem says so."""

    def test_value_and_gradient_are_those_of_the_formula(self, case):
        problem = case.problem()
        points = points_near_start(problem)
        values, gradients = problem.evaluate(points)
        for point, value, gradient in zip(points, values, gradients, strict=True):
            expected, slope = case.value_and_gradient(point)
            np.testing.assert_allclose(value, expected, rtol=1e-11)
            assert np.linalg.norm(gradient - slope) <= 1e-9 * np.linalg.norm(slope)

    def test_compiled_and_plain_kernels_agree(self, case):
        problem = case.problem()
        points = points_near_start(problem, 5)
        compiled = problem.evaluate(points)
        plain = replace(problem, engine="python").evaluate(points)
        if case.arithmetic:
            np.testing.assert_array_equal(plain[0], compiled[0])
            np.testing.assert_array_equal(plain[1], compiled[1])
        else:
            np.testing.assert_allclose(plain[0], compiled[0], rtol=1e-11)
            distance = np.linalg.norm(plain[1] - compiled[1], axis=1)
            assert (distance <= 1e-11 * np.linalg.norm(compiled[1], axis=1)).all()

    def test_gradient_vanishes_to_rounding_at_known_points(self, case):
        problem = case.problem()
        for point in known_points(problem):
            assert (np.abs(problem.gradient(point)) <= 1e-13 * case.rounding(point) + 1e-300).all()

    def test_minimum_is_the_value_at_every_minimizer(self, case):
        problem = case.problem()
        for point in () if problem.minimizers is None else problem.minimizers:
            np.testing.assert_allclose(problem.value(point), problem.minimum, rtol=1e-10, atol=1e-27)

    def test_other_stationary_points_are_above_the_minimum(self, case):
        problem = case.problem()
        for point in () if problem.stationary_points is None else problem.stationary_points:
            assert problem.value(point) > problem.minimum

    def test_start_and_first_minimizer_lie_in_the_domain(self, case):
        problem = case.problem()
        low, high = problem.domain.T
        assert (low < high).all()
        for point in (problem.start, *(() if problem.minimizers is None else problem.minimizers[:1])):
            assert ((low <= point) & (point <= high)).all()

    def test_far_points_give_numbers_and_no_exceptions(self, case):
        problem = replace(case.problem(), engine="python")
        ones = np.ones(problem.dimension)
        for point in (0.0 * ones, 1e200 * ones, -1e200 * ones, np.nan * ones, -problem.start):
            values, gradients = problem.evaluate(point)
            assert values.dtype == gradients.dtype == float
        assert np.isnan(problem.value(np.nan * ones))

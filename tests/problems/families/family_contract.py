"""What holds for every problem with a formula: a test file inherits the contract and parametrises it with its cases.

The formulas are written in torch from the sources, apart from the package, and differentiated by torch.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

import nagbench

torch.set_num_threads(1)

LAW = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.differing_executors]
)


problem_of = functools.cache(nagbench.problem)


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A problem's name (with parameters, in the text form) and its formula."""

    name: str
    formula: Callable[[torch.Tensor], torch.Tensor]
    arithmetic: bool = False
    """Whether the kernels do with + − × ÷ √ alone, which round alike in numba and in Python."""

    def problem(self):
        return problem_of(self.name)

    def value_and_gradient(self, point):
        x = torch.tensor(point, requires_grad=True)
        value = self.formula(x)
        return value.item(), torch.autograd.grad(value, x)[0].numpy()

    def hessian(self, point):
        return torch.autograd.functional.hessian(self.formula, torch.tensor(point)).numpy()


@dataclass(frozen=True, kw_only=True)
class Published(Formula):
    """A formula with published facts, to the digits given here."""

    start_value: float
    start_slope: float
    minimum: float
    minimizers: Sequence[Sequence[float]]
    curvature: tuple[float, float] | None = None
    """The extreme eigenvalues of the Hessian at the first minimiser."""
    tight: bool = False
    """Whether the smoothness is reached at the first minimiser."""
    reach: float = 1e-6
    """How close to a minimiser SciPy gets in float64: flat minima are found to fewer digits."""


def random_points(problem, count, seed=0):
    low, high = problem.domain.T
    return low + np.random.default_rng(seed).random((count, problem.dimension)) * (high - low)


def in_domain(problem):
    low, high = problem.domain.T
    return arrays(float, problem.dimension, elements=st.floats(0, 1, width=32)).map(lambda u: low + u * (high - low))


class FormulaContract:
    """The kernels compute the formula."""

    def test_value_and_gradient_are_those_of_torch(self, case):
        problem = case.problem()
        points = random_points(problem, 20)
        values, gradients = problem.evaluate(points)
        for point, value, gradient in zip(points, values, gradients, strict=True):
            true_value, true_gradient = case.value_and_gradient(point)
            assert value == pytest.approx(true_value, rel=1e-9, abs=1e-12)
            assert np.linalg.norm(gradient - true_gradient) <= 1e-9 * np.linalg.norm(true_gradient)

    def test_engines_agree(self, case):
        problem = case.problem()
        points = np.vstack([problem.start, random_points(problem, 3)])
        compiled = problem.evaluate(points)
        plain = replace(problem, engine="python").evaluate(points)
        for fast, slow in zip(compiled, plain, strict=True):
            if case.arithmetic:
                np.testing.assert_array_equal(fast, slow)
            else:
                np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-13 * np.abs(slow).max())

    def test_kernels_write_all_of_out_and_nothing_else(self, case):
        problem = case.problem()
        inputs = problem.start.copy(), problem.data.copy(), problem.shape.copy(), np.zeros(0, np.int64)
        before = [array.copy() for array in inputs]
        out = np.full(problem.dimension, np.nan)
        problem.value_kernel(*inputs)
        problem.gradient_kernel(*inputs, out)
        np.testing.assert_allclose(out, problem.gradient(problem.start), rtol=1e-12, atol=1e-15)
        for array, copy in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(array, copy)

    @pytest.mark.parametrize("engine", ["numba", "python"])
    def test_far_points_overflow_without_exceptions(self, case, engine):
        problem = replace(case.problem(), engine=engine)
        scales = np.array([1e3, 1e10, 1e155, 1e308, np.inf, np.nan])
        values, gradients = problem.evaluate(scales[:, None] * np.ones(problem.dimension))
        assert np.isnan(values[-1])
        assert np.isnan(gradients[-1]).all()

    def test_facts_have_the_right_shapes(self, case):
        problem = case.problem()
        n = problem.dimension
        assert problem.domain.shape == (n, 2)
        assert (problem.domain[:, 0] < problem.domain[:, 1]).all()
        assert problem.minimizers.shape[1:] == (n,)
        assert problem.source
        assert problem.stationary_points is None or problem.stationary_points.shape[1:] == (n,)

    def test_known_points_are_stationary_and_at_their_height(self, case):
        problem = case.problem()
        scale = max(1.0, np.linalg.norm(case.hessian(problem.start), 2))
        for point in problem.minimizers:
            assert problem.value(point) == pytest.approx(problem.minimum, rel=1e-14, abs=1e-14)
            assert np.linalg.norm(problem.gradient(point)) <= 1e-13 * scale * max(1.0, np.abs(point).max())
        for point in problem.stationary_points if problem.stationary_points is not None else []:
            value, gradient = case.value_and_gradient(point)
            assert value > problem.minimum + 1e-6
            assert np.linalg.norm(gradient) <= 1e-13 * max(scale, np.linalg.norm(case.hessian(point), 2))

    @LAW
    @given(data=st.data())
    def test_minimum_smoothness_and_convexity_hold_in_the_domain(self, case, data):
        """f(x) ≥ f*; ‖∇f(x) − ∇f(y)‖ ≤ L‖x − y‖; where f is convex, ⟨∇f(x) − ∇f(y), x − y⟩ ≥ μ‖x − y‖² and
        f(y) ≥ f(x) + ⟨∇f(x), y − x⟩ + μ‖x − y‖²/2; all up to the rounding of what is compared.
        """
        problem = case.problem()
        x, y = data.draw(in_domain(problem)), data.draw(in_domain(problem))
        (low, high), (slope, other) = problem.evaluate([x, y])
        assert min(low, high) >= problem.minimum - 1e-13 * max(1.0, abs(problem.minimum))
        apart, turn = np.linalg.norm(y - x), other - slope
        rounding = 1e-12 * (np.linalg.norm(slope) + np.linalg.norm(other) + 1e-3)
        if problem.smoothness is not None:
            assert np.linalg.norm(turn) <= problem.smoothness * apart * (1 + 1e-12) + rounding
        if problem.kind == "nonconvex":
            assert problem.strong_convexity is None
            return
        least = problem.strong_convexity
        assert turn @ (y - x) >= least * apart**2 * (1 - 1e-12) - rounding * apart
        tangent = low + slope @ (y - x) + 0.5 * least * apart**2
        assert high >= tangent - rounding * apart - 1e-12 * (abs(low) + abs(high))


class PublishedContract(FormulaContract):
    """The problem is the published one: its start, its minimum and what surrounds it."""

    def test_start(self, case):
        problem = case.problem()
        assert problem.value(problem.start) == pytest.approx(case.start_value, rel=2e-8)
        assert np.linalg.norm(problem.gradient(problem.start)) == pytest.approx(case.start_slope, rel=2e-7)

    def test_minimum_and_minimizers(self, case):
        problem = case.problem()
        assert problem.minimum == pytest.approx(case.minimum, rel=1e-9, abs=1e-9)
        assert len(problem.minimizers) == len(case.minimizers)
        for point in case.minimizers:
            nearest = np.abs(problem.minimizers - np.array(point)).max(axis=1).min()
            assert nearest <= 1e-9 * max(1.0, np.abs(point).max())

    def test_curvature_at_the_minimizer(self, case):
        problem = case.problem()
        if case.curvature is None:
            assert case.name == "ackley"
            return
        eigenvalues = np.linalg.eigvalsh(case.hessian(problem.minimizers[0]))
        scale = 2e-6 * eigenvalues[-1] if case.curvature[0] == 0.0 else 0.0
        assert eigenvalues[0] == pytest.approx(case.curvature[0], rel=2e-5, abs=scale)
        assert eigenvalues[-1] == pytest.approx(case.curvature[1], rel=2e-5)
        if case.tight:
            assert problem.smoothness == pytest.approx(eigenvalues[-1], rel=1e-12)

    def test_scipy_ends_at_a_known_point(self, case):
        problem = case.problem()
        found = minimize(
            problem.value,
            problem.start,
            jac=problem.gradient,
            method="L-BFGS-B",
            options={"ftol": 0.0, "gtol": 1e-10, "maxiter": 20_000, "maxfun": 100_000},
        )
        known = problem.minimizers
        if problem.stationary_points is not None:
            known = np.vstack([known, problem.stationary_points])
        assert np.linalg.norm(known - found.x, axis=1).min() <= case.reach

"""Convex problems: published minima, laws of convexity, and the worst case of gradient descent."""

import mpmath
import numpy as np
import pytest
import torch
from family_contract import Formula, FormulaContract, Published, PublishedContract, random_points
from scipy.optimize import minimize
from scipy.special import logsumexp

import nagbench


def boyd_3exp(x):
    return torch.exp(x[0] + 3 * x[1] - 0.1) + torch.exp(x[0] - 3 * x[1] - 0.1) + torch.exp(-x[0] - 0.1)


def exponential_2(x):
    return torch.exp((2 - x[0]) ** 2) + torch.exp((3 - x[1]) ** 2)


def log_cosh(x):
    return torch.log(torch.cosh(x[0])) + torch.log(torch.cosh(10 * x[1]))


def zakharov(x):
    s = (0.5 * torch.arange(1, len(x) + 1) * x).sum()
    return (x**2).sum() + s**2 + s**4


def huber(delta):
    return lambda x: torch.nn.functional.huber_loss(x, torch.zeros_like(x), reduction="sum", delta=delta)


def cliff(x):
    return ((x[0] - 3) / 100) ** 2 - (x[0] - x[1]) + torch.exp(20 * (x[0] - x[1]))


RANDOM = np.random.RandomState(0)
ROWS, OFFSETS = RANDOM.randn(100, 20), RANDOM.randn(100)
SIGNAL = torch.tensor(np.repeat([0.0, 1.0, 0.3, 0.8], 25) + 0.1 * np.random.RandomState(0).randn(100))


def log_sum_exp(x):
    return 20 * torch.logsumexp((torch.tensor(ROWS) @ x - torch.tensor(OFFSETS)) / 20, dim=0)


def smoothed_tv(x):
    return 0.5 * ((x - SIGNAL) ** 2).sum() + 0.5 * torch.sqrt(torch.diff(x) ** 2 + 1e-4).sum()


CASES = [
    Published(
        name="boyd-3exp", formula=boyd_3exp, start_value=9.162070229, start_slope=20.452887,
        minimum=2.55926669665822, minimizers=[[-0.34657359028, 0]], curvature=(2.55927, 11.5167),
    ),
    Published(
        name="exponential-2", formula=exponential_2, start_value=8157.682078, start_slope=48618.994,
        minimum=2, minimizers=[[2, 3]], curvature=(2, 2),
    ),
    Published(
        name="quartic-4", formula=lambda x: (x**4).sum(), arithmetic=True, start_value=4, start_slope=8,
        minimum=0, minimizers=[[0.0] * 4], curvature=(0, 0), reach=1e-2,
    ),
    Published(
        name="logcosh-2", formula=log_cosh, start_value=21.61618132, start_slope=10.049385,
        minimum=0, minimizers=[[0, 0]], curvature=(1, 100), tight=True,
    ),
    Published(
        name="zakharov-2", formula=zakharov, arithmetic=True, start_value=13.3125, start_slope=7.6034532,
        minimum=0, minimizers=[[0, 0]], curvature=(2, 4.5),
    ),
    Published(
        name="huber", formula=huber(1 / 21), arithmetic=True, start_value=41 / 882, start_slope=1 / 21,
        minimum=0, minimizers=[[0]], curvature=(1, 1), tight=True,
    ),
    Published(
        name="huber-10", formula=huber(0.1), arithmetic=True, start_value=0.5, start_slope=np.sqrt(0.1),
        minimum=0, minimizers=[[0.0] * 10], curvature=(1, 1), tight=True,
    ),
    Published(
        name="cliff", formula=cliff, start_value=485165194.4106903, start_slope=(20 * np.exp(20) - 1) * np.sqrt(2),
        minimum=0.19978661367769956, minimizers=[[3, 3.149786613677699]], curvature=(1e-4, 40),
    ),
    Published(
        name="bazaraa-shetty", formula=lambda x: (x[0] - 2) ** 4 + (x[0] - 2 * x[1]) ** 2, arithmetic=True,
        start_value=52, start_slope=np.hypot(-44, 24), minimum=0, minimizers=[[2, 1]], curvature=(0, 10), reach=1e-2,
    ),
]  # fmt: skip
SMOOTHED = [
    Formula(name="log-sum-exp", formula=log_sum_exp),
    Formula(name="smoothed-tv", formula=smoothed_tv, arithmetic=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestConvex(PublishedContract):
    pass


@pytest.mark.parametrize("case", SMOOTHED, ids=lambda case: case.name)
class TestSmoothed(FormulaContract):
    def test_minimum_is_that_of_scipy(self, case):
        problem = case.problem()
        found = minimize(
            case.value_and_gradient,
            problem.start,
            jac=True,
            hess=case.hessian,
            method="trust-exact",
            options={"gtol": 1e-10},
        )
        assert problem.minimum == pytest.approx(found.fun, rel=1e-13)
        np.testing.assert_allclose(problem.minimizers, found.x[None], rtol=0, atol=1e-6)


def test_starts_of_the_smoothed_problems():
    problem = nagbench.problem("log-sum-exp")
    assert not problem.start.any()
    assert problem.value(problem.start) == pytest.approx(92.0657406514662, rel=1e-14)
    problem = nagbench.problem("smoothed-tv")
    np.testing.assert_array_equal(problem.start, SIGNAL)
    assert problem.value(problem.start) == pytest.approx(6.06802974798422, rel=1e-14)


@pytest.mark.parametrize("steps", [1, 5, 10, 37])
@pytest.mark.parametrize(("dimension", "L"), [(1, 1.0), (3, 4.0)])
def test_gradient_descent_attains_its_worst_case_on_huber(steps, dimension, L):
    """f(x_N) − f* = L‖x₀ − x*‖²/(4N + 2) (Drori & Teboulle 2014)."""
    problem = nagbench.problem("huber", dimension=dimension, delta=1 / (2 * steps + 1), L=L)
    descent = nagbench.optimizer("gradient-descent", step_size=1 / L)
    run = nagbench.run(problem, descent, tolerance=1e-300, budget=steps)
    assert run.value - problem.minimum == pytest.approx(L * dimension / (4 * steps + 2), rel=1e-12)


@pytest.mark.parametrize("delta", [0.03, 0.3, 3.0])
def test_no_other_kink_is_worse(delta):
    problem = nagbench.problem("huber", delta=delta)
    run = nagbench.run(problem, nagbench.optimizer("gradient-descent", step_size=1), tolerance=1e-300, budget=10)
    assert run.value < 1 / 42


@pytest.mark.parametrize("x", [1e-200, 1e-9, 1e-4, 0.5, 0.999, 1.0, 1.001, 30.0, 1e4, 1e300])
def test_log_cosh_keeps_its_digits(x):
    problem = nagbench.problem("log-cosh", weights=[1.0])
    with mpmath.workdps(450):
        z = mpmath.mpf(x)
        exact = z + mpmath.log1p(mpmath.exp(-2 * z)) - mpmath.log(2) if x < 1e4 else z - mpmath.log(2)
        assert problem.value([x]) == pytest.approx(float(exact), rel=1e-15, abs=0)
    assert problem.value([-x]) == problem.value([x])


def test_log_cosh_curvature_falls_to_zero():
    problem = nagbench.problem("log-cosh", weights=[3.0, 0.5, 2.0])
    assert (problem.smoothness, problem.strong_convexity) == (9.0, 0.0)
    (near, far) = problem.evaluate([[1e-6] * 3, [1e3] * 3])[1]
    np.testing.assert_allclose(near, [9e-6, 0.25e-6, 4e-6], rtol=1e-9)
    np.testing.assert_array_equal(far, [3.0, 0.5, 2.0])


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6, 1e300])
def test_log_sum_exp_does_not_overflow(scale):
    problem = nagbench.problem("log-sum-exp")
    x = scale * np.random.default_rng(3).normal(size=20)
    with np.errstate(over="raise"):
        assert problem.value(x) == pytest.approx(20 * logsumexp((ROWS @ x - OFFSETS) / 20), rel=1e-12)
    if scale >= 1e6:
        np.testing.assert_allclose(problem.gradient(x), ROWS[np.argmax(ROWS @ x)], rtol=1e-12)


def test_log_sum_exp_smoothness_lies_below_the_bound_by_the_norm():
    """L ≤ ‖A‖²/(2ρ), since a covariance of weights has no eigenvalue above ½."""
    problem = nagbench.problem("log-sum-exp")
    assert problem.smoothness <= np.linalg.norm(ROWS, 2) ** 2 / 40
    largest = max(np.linalg.eigvalsh(SMOOTHED[0].hessian(x))[-1] for x in 20 * random_points(problem, 30))
    assert 0.1 * problem.smoothness <= largest <= problem.smoothness


@pytest.mark.parametrize("dimension", [4, 7, 100])
def test_smoothed_tv_reaches_its_smoothness_where_x_is_constant(dimension):
    problem = nagbench.problem("smoothed-tv", dimension=dimension, weight=0.2, epsilon=0.01)

    def formula(x):
        return 0.5 * (x**2).sum() + 0.2 * torch.sqrt(torch.diff(x) ** 2 + 0.01).sum()

    flat = Formula(name="", formula=formula).hessian(np.full(dimension, 0.7))
    np.testing.assert_allclose(np.linalg.eigvalsh(flat)[[0, -1]], [1.0, problem.smoothness], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log-cosh:weights=[]", "weights"), ("log-cosh:weights=[1.0,-1.0]", "weights"), ("huber:delta=0", "delta=0"),
        ("huber:L=inf", "L=inf"), ("quartic:dimension=0", "dimension=0"), ("zakharov:dimension=1.5", "dimension=1.5"),
        ("log-sum-exp:rho=-1", "rho=-1"), ("log-sum-exp:rows=1", "rows=1"), ("log-sum-exp:seed=-1", "seed=-1"),
        ("smoothed-tv:epsilon=0", "epsilon=0"), ("smoothed-tv:dimension=3", "dimension=3"),
    ],
)  # fmt: skip
def test_bad_parameters_are_named(text, message):
    with pytest.raises(nagbench.UsageError, match=f"{text.split(':')[0]}: {message}.*"):
        nagbench.problem(text)

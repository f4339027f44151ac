"""Moré, Garbow & Hillstrom's problems against the paper's formulas and minima, SciPy's minimisers, and S2MPJ."""

from decimal import Decimal

import mgh_formulas as formulas
import numpy as np
import pytest
from mgh_formulas import KOWALIK_U, KOWALIK_Y, MEYER_Y, OSBORNE_1_Y
from residual_contract import (
    ResidualContract,
    Residuals,
    is_near,
    known_points,
    minimize_bfgs,
    minimize_marquardt,
    points_near_start,
)

import nagbench
from nagbench.core.errors import UsageError

ARITHMETIC = {
    "freudenstein-roth", "brown-badly-scaled", "bard", "powell-singular", "wood", "kowalik-osborne", "brown-dennis",
    "watson-6", "watson-9", "watson-12", "extended-rosenbrock", "extended-rosenbrock-100", "extended-powell",
    "extended-powell-100", "penalty-1-4", "penalty-1-10", "variably-dimensioned", "brown-almost-linear",
    "discrete-boundary-value", "discrete-boundary-value-100", "discrete-integral-equation", "broyden-tridiagonal",
    "broyden-tridiagonal-100", "broyden-banded", "linear-full-rank", "linear-rank-1", "linear-rank-1-zero", "chebyquad-8",
    "chebyquad-10",
}  # fmt: skip

# The minima of the paper, with its digits (which it truncates), in the order of its problems.
PUBLISHED = {
    "freudenstein-roth": "0", "powell-badly-scaled": "0", "brown-badly-scaled": "0", "jennrich-sampson": "124.362",
    "helical-valley": "0", "bard": "8.21487e-3", "gaussian": "1.12793e-8", "meyer": "87.9458", "gulf": "0", "box-3d": "0",
    "powell-singular": "0", "wood": "0", "kowalik-osborne": "3.07505e-4", "brown-dennis": "85822.2",
    "osborne-1": "5.46489e-5", "biggs-exp6": "0", "osborne-2": "4.01377e-2", "watson-6": "2.28767e-3",
    "watson-9": "1.39976e-6", "watson-12": "4.72238e-10", "extended-rosenbrock": "0", "extended-rosenbrock-100": "0",
    "extended-powell": "0", "extended-powell-100": "0", "penalty-1-4": "2.24997e-5", "penalty-1-10": "7.08765e-5",
    "penalty-2-4": "9.37629e-6", "penalty-2-10": "2.93660e-4", "variably-dimensioned": "0", "trigonometric": "0",
    "brown-almost-linear": "0", "discrete-boundary-value": "0", "discrete-boundary-value-100": "0",
    "discrete-integral-equation": "0", "broyden-tridiagonal": "0", "broyden-tridiagonal-100": "0", "broyden-banded": "0",
    "linear-full-rank": "10", "chebyquad-8": "3.51687e-3",
    "chebyquad-10": "4.772713e-3",  # CUTEst's, below the paper's local minimum
}  # fmt: skip
PUBLISHED_LOCAL = {
    "freudenstein-roth": "48.9842", "biggs-exp6": "5.65565e-3", "brown-almost-linear": "1", "chebyquad-10": "6.50395e-3",
    "trigonometric": "2.79506e-5",
}  # fmt: skip
PUBLISHED_MINIMIZERS = {
    "freudenstein-roth": [5, 4], "powell-badly-scaled": [1.098e-5, 9.106], "brown-badly-scaled": [1e6, 2e-6],
    "jennrich-sampson": [0.2578, 0.2578], "helical-valley": [1, 0, 0], "gulf": [50, 25, 1.5], "box-3d": [1, 10, 1],
    "wood": [1, 1, 1, 1], "biggs-exp6": [1, 10, 1, 5, 4, 3],
}  # fmt: skip
LINEAR_RANK_1 = {
    "linear-rank-1": lambda m: m * (m - 1) / (2 * (2 * m + 1)),
    "linear-rank-1-zero": lambda m: (m * m + 3 * m - 6) / (2 * (2 * m - 3)),
}
NAMES = [*PUBLISHED, *LINEAR_RANK_1]

# Where BFGS from the start does not end at a minimiser, and MINPACK's Levenberg–Marquardt method does.
NOT_BY_BFGS = {
    "box-3d": "ends on the line x₁ = x₂, x₃ = 0 of further zeros",
    "watson-12": "κ = 7e13: ‖∇f‖ ≤ 1e-9 at f = 2.7e-9",
    "powell-singular": "the Hessian is singular at x*",
    "extended-powell": "the Hessian is singular at x*",
}
LARGE = {"extended-rosenbrock-100", "extended-powell-100", "discrete-boundary-value-100", "broyden-tridiagonal-100"}

# Other dimensions: the smallest, and, where facts depend on n, some of each kind.
VARIANTS = [
    *(f"chebyquad:dimension={n}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 12)), "penalty-1:dimension=1",
    "penalty-1:dimension=25", "penalty-2:dimension=1", "brown-almost-linear:dimension=3",
    "brown-almost-linear:dimension=4", "brown-almost-linear:dimension=7", "trigonometric:dimension=3",
    "discrete-boundary-value:dimension=1", "discrete-integral-equation:dimension=1", "broyden-tridiagonal:dimension=1",
    "broyden-banded:dimension=1", "watson:dimension=2", "watson:dimension=31", "variably-dimensioned:dimension=2",
    "linear-full-rank:dimension=20", "linear-rank-1:dimension=1", "linear-rank-1-zero:dimension=3",
]  # fmt: skip

# Not here: HELIX (another branch of θ), KOWOSB (u₁₁ = 0.0624), OSBORNEB, ARGTRIGLS and BROYDNBDLS, which are not the
# paper's functions: at the paper's minimisers and starts they differ from its values.
S2MPJ = {
    "freudenstein-roth": "FREUROTH_2", "powell-badly-scaled": "POWELLBSLS", "brown-badly-scaled": "BROWNBS",
    "jennrich-sampson": "JENSMP", "bard": "BARD", "gaussian": "GAUSSIAN", "meyer": "MEYER3", "gulf": "GULF",
    "box-3d": "BOX3", "powell-singular": "POWELLSG_4", "wood": "WOODS_4", "brown-dennis": "BROWNDEN",
    "osborne-1": "OSBORNEA", "biggs-exp6": "BIGGS6", "watson-12": "WATSON_12", "extended-powell": "POWELLSG",
    "penalty-1-4": "PENALTY1_4", "penalty-1-10": "PENALTY1_10", "penalty-2-4": "PENALTY2_4",
    "penalty-2-10": "PENALTY2_10", "variably-dimensioned": "VARDIM_10", "brown-almost-linear": "BROWNAL_10",
    "discrete-boundary-value": "MOREBV_10", "broyden-tridiagonal": "BROYDN3DLS_10", "chebyquad-8": "CHEBYQAD_8",
    "chebyquad-10": "CHEBYQAD_10", "linear-full-rank:equations=400": "ARGLINA_10",
    "linear-rank-1:equations=400": "ARGLINB_10",
}  # fmt: skip


def residuals_of(name):
    family = nagbench.problem(name).family.replace("-", "_")
    formula = formulas.extended_powell if family == "powell_singular" else getattr(formulas, family)
    return Residuals(name=name, formula=formula, arithmetic=name in ARITHMETIC)


@pytest.mark.parametrize("case", [residuals_of(name) for name in [*NAMES, *VARIANTS]], ids=lambda case: case.name)
class TestContract(ResidualContract):
    pass


def agrees(value, digits):
    """Whether the value is the published one, which may be rounded or truncated."""
    return abs(Decimal(value) - Decimal(digits)) < Decimal((0, (1,), Decimal(digits).as_tuple().exponent))


@pytest.mark.parametrize("name", PUBLISHED)
def test_minimum_is_the_published_one(name):
    problem = nagbench.problem(name)
    assert agrees(problem.minimum, PUBLISHED[name])
    values = [problem.value(point) for point in problem.minimizers]
    assert values == pytest.approx([float(PUBLISHED[name])] * len(values), rel=1e-5, abs=1e-27)


@pytest.mark.parametrize("name", LINEAR_RANK_1)
@pytest.mark.parametrize("equations", [10, 20, 37])
def test_minimum_of_rank_1_is_the_published_formula(name, equations):
    problem = nagbench.problem(name, equations=equations)
    assert problem.minimum == pytest.approx(LINEAR_RANK_1[name](equations), rel=1e-14)


@pytest.mark.parametrize("name", PUBLISHED_LOCAL)
def test_stationary_value_is_the_published_one(name):
    problem = nagbench.problem(name)
    (value,) = problem.values(problem.stationary_points)
    assert agrees(value, PUBLISHED_LOCAL[name])


@pytest.mark.parametrize("name", PUBLISHED_MINIMIZERS)
def test_minimizer_is_the_published_one(name):
    np.testing.assert_allclose(nagbench.problem(name).minimizers[0], PUBLISHED_MINIMIZERS[name], rtol=2e-4)


def test_suite_is_the_collection():
    from nagbench.problems.suites import suites

    assert {name for name, entry in suites().items() if entry.suite == "mgh"} == set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LARGE])
def test_scipy_ends_at_a_known_point(name):
    problem = nagbench.problem(name)
    end = minimize_marquardt(residuals_of(name)) if name in NOT_BY_BFGS else minimize_bfgs(problem)
    if problem.minimizers is None:
        assert problem.value(end) == pytest.approx(problem.minimum, rel=1e-12)
    else:
        assert is_near(end, known_points(problem), 1e-5)


@pytest.mark.parametrize("name", PUBLISHED_LOCAL)
def test_scipy_does_not_leave_the_basin_of_a_local_minimum(name):
    """Except for Brown's almost-linear function, whose start leads to a zero, the start leads to the local minimum."""
    problem = nagbench.problem(name)
    end = minimize_bfgs(problem)
    assert is_near(end, problem.stationary_points, 1e-5) == (name != "brown-almost-linear")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", S2MPJ)
def test_value_and_gradient_are_those_of_s2mpj(name, s2mpj_load):
    problem, other = nagbench.problem(name), s2mpj_load(S2MPJ[name])
    if name != "box-3d":  # S2MPJ starts it from (0, 10, 1)
        np.testing.assert_allclose(problem.start, other.x0, rtol=1e-15, atol=1e-15)
    for point in points_near_start(problem, 5):
        gradient = problem.gradient(point)
        assert problem.value(point) == pytest.approx(other.fun(point), rel=1e-12)
        assert np.linalg.norm(gradient - other.grad(point)) <= 1e-9 * np.linalg.norm(gradient)


@pytest.mark.parametrize(
    ("name", "value"),
    [("helical-valley", 2500), ("osborne-2", 2.09342), ("broyden-banded", 360), ("extended-rosenbrock-100", 1210)],
)
def test_start_value(name, value):
    problem = nagbench.problem(name)
    assert problem.value(problem.start) == pytest.approx(value, rel=1e-6)


def test_data_shared_with_nist_are_the_papers():
    times, steps = 45.0 + 5.0 * np.arange(1, 17), 10.0 * np.arange(33)
    np.testing.assert_array_equal(nagbench.problem("meyer").data, [*MEYER_Y, *times])
    np.testing.assert_array_equal(nagbench.problem("kowalik-osborne").data, [*KOWALIK_Y, *KOWALIK_U])
    np.testing.assert_array_equal(nagbench.problem("osborne-1").data, [*OSBORNE_1_Y, *steps])


@pytest.mark.parametrize("name", ["brown-dennis", "powell-singular", "extended-powell", "variably-dimensioned"])
def test_convex(name):
    """f at a midpoint is at most the mean of f at the ends, less μ/8 times their squared distance."""
    problem = nagbench.problem(name)
    assert problem.kind == "convex"
    low, high = problem.domain.T
    ends = low + np.random.default_rng(0).random((2, 200, problem.dimension)) * (high - low)
    mean = problem.values(ends[0]) / 2 + problem.values(ends[1]) / 2
    apart = np.sum((ends[0] - ends[1]) ** 2, axis=1)
    bound = mean - (problem.strong_convexity or 0.0) / 8 * apart
    assert (problem.values(ends.mean(axis=0)) <= bound * (1 + 1e-12)).all()


def test_powell_singular_hessian_at_the_minimizer_is_singular():
    """At 0 the gradient changes along the kernel (−10, 1, t, t) in the third order only."""
    problem = nagbench.problem("powell-singular")
    kernel = np.array([-10.0, 1.0, 0.5, 0.5])
    slopes = [np.linalg.norm(problem.gradient(size * kernel)) for size in (1e-2, 1e-3)]
    assert slopes[0] / slopes[1] == pytest.approx(1e3, rel=1e-9)


@pytest.mark.parametrize("name", ["linear-full-rank", "linear-rank-1", "linear-rank-1-zero"])
def test_spectrum_is_that_of_the_hessian(name):
    problem, case = nagbench.problem(name), residuals_of(name)
    matrix = case.jacobian(problem.start)
    vectors = np.eye(problem.dimension) if problem.eigenvectors is None else problem.eigenvectors
    hessian = (vectors * problem.spectrum) @ vectors.T
    scale = problem.smoothness
    np.testing.assert_allclose(hessian, 2 * matrix.T @ matrix, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(problem.dimension), rtol=0, atol=1e-14)
    assert (problem.smoothness, problem.strong_convexity) == (problem.spectrum.max(), problem.spectrum.min())
    residual = np.linalg.lstsq(matrix, case.formula(np.zeros(problem.dimension)), rcond=None)[0]
    assert problem.minimum == pytest.approx(problem.value(-residual), rel=1e-12)


def test_helical_valley_angle_covers_all_quadrants():
    """On the unit circle at height 10θ nothing is left but x₃², θ from −1/4 to 3/4."""
    problem = nagbench.problem("helical-valley")
    for turns in np.linspace(-0.24, 0.74, 50):
        point = [np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns), 10 * turns]
        assert problem.value(point) == pytest.approx((10 * turns) ** 2, rel=1e-12, abs=1e-25)


def test_box_3d_vanishes_on_a_line():
    assert nagbench.problem("box-3d").value([4.2, 4.2, 0.0]) == 0.0


def test_symmetric_minimizers_are_all_different():
    for name, count in {"biggs-exp6": 6, "osborne-2": 6, "osborne-1": 2, "powell-badly-scaled": 2}.items():
        assert len(np.unique(nagbench.problem(name).minimizers, axis=0)) == count


@pytest.mark.parametrize(("n", "count"), [(3, 3), (10, 2), (25, 3), (100, 2)])
def test_brown_almost_linear_has_all_its_roots(n, count):
    """All real roots of naⁿ − (n + 1)aⁿ⁻¹ + 1, in number by Descartes' rule: two above 0, and one below for odd n."""
    problem = nagbench.problem("brown-almost-linear", dimension=n)
    assert len(problem.minimizers) == count
    roots = np.sort(problem.minimizers[:, 0])
    assert (np.diff(roots) > 1e-6).all()
    np.testing.assert_allclose(problem.values(problem.minimizers), 0.0, atol=1e-20)


def test_discrete_boundary_value_approaches_the_differential_equation():
    """u″ = (u + t + 1)³/2, u(0) = u(1) = 0 has the solution 2/(2 − t) − t − 1; the scheme is of the second order."""

    def error(n):
        t = np.arange(1, n + 1) / (n + 1)
        (minimizer,) = nagbench.problem("discrete-boundary-value", dimension=n).minimizers
        return np.abs(minimizer - (2 / (2 - t) - t - 1)).max()

    assert error(49) / error(99) == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize(
    "name",
    ["extended-rosenbrock:dimension=3", "extended-powell:dimension=6", "watson:dimension=32", "watson:dimension=1",
     "penalty-1:dimension=0", "penalty-2:dimension=1.5", "linear-full-rank:equations=9", "linear-rank-1:equations=9",
     "linear-rank-1-zero:dimension=2", "chebyquad:dimension=0", "brown-almost-linear:dimension=2"],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(name):
    with pytest.raises(UsageError, match="not valid; allowed"):
        nagbench.problem(name)

"""Dual numbers and extrapolated differences against mpmath's derivatives and closed forms."""

import mpmath
import numpy as np
import pytest

from nagbench.problems.lookup import problem as make_problem
from nagbench.validation.checks import differentiation
from nagbench.validation.checks.differentiation import STEPS, _differences, reference_of
from nagbench.validation.checks.dual import Dual, directional_derivative
from nagbench.validation.checks.probe import NO_ROWS, Probe

MPMATH = {
    "exp2": lambda x: mpmath.mpf(2) ** x, "log2": lambda x: mpmath.log(x, 2), "arcsin": mpmath.asin,
    "arccos": mpmath.acos, "arctan": mpmath.atan,
}  # fmt: skip
NAMES = ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "arcsin", "arccos",
         "arctan", "sinh", "cosh", "tanh", "square"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_functions_of_one_argument(name):
    exact = MPMATH.get(name) or getattr(mpmath, name, None) or (lambda x: x * x)
    for x in (0.3, 0.71):
        _, slope = directional_derivative(lambda z: getattr(np, name)(z[0]), np.array([x]), np.array([1.0]))
        assert slope == pytest.approx(float(mpmath.diff(exact, x)), rel=1e-13)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: x**-2, lambda x: -2 * x**-3),
        (lambda x: 2.0**x, lambda x: np.log(2) * 2.0**x),
        (lambda x: x**x, lambda x: x**x * (np.log(x) + 1)),
        (lambda x: (3 - x) / (1 + x), lambda x: -4 / (1 + x) ** 2),
        (lambda x: 1 / x - (-x) + (+x), lambda x: 2 - x**-2),
        (lambda x: abs(x - 2.0), lambda x: -1.0),
        (lambda x: np.abs(-x), lambda x: 1.0),
        (lambda x: max(x, 5 * x), lambda x: 5.0),
        (lambda x: x if x > 3.0 else x * x, lambda x: 2 * x),
        (lambda x: np.arctan2(x, 2.0), lambda x: 2 / (4 + x * x)),
        (lambda x: np.arctan2(x, x * x), lambda x: -1 / (1 + x * x)),
        (lambda x: np.float64(2.0) * x - np.float64(1.0) / x, lambda x: 2 + x**-2),
    ],
)
def test_arithmetic_branches_and_absolute_values(f, slope):
    x = 1.3
    value, found = directional_derivative(lambda z: f(z[0]), np.array([x]), np.array([1.0]))
    assert value == pytest.approx(float(f(x)), rel=1e-15)
    assert found == pytest.approx(slope(x), rel=1e-14)


def test_arrays_of_dual_numbers_in_numpy():
    x, d = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0])
    matrix = np.arange(9.0).reshape(3, 3)
    _, slope = directional_derivative(lambda z: z @ matrix @ z + np.sum(np.sin(z)) + z.mean() - z.max(), x, d)
    assert slope == pytest.approx(d @ ((matrix + matrix.T) @ x + np.cos(x) + 1 / 3) - d[0], rel=1e-14)


@pytest.mark.parametrize("opaque", [float, np.isfinite, lambda z: np.array([0.0]).__setitem__(0, z), lambda z: 3.0])
def test_what_dual_numbers_cannot_follow_raises(opaque):
    with pytest.raises(TypeError):
        directional_derivative(lambda z: opaque(z[0]), np.array([1.0]), np.array([1.0]))


def test_overflow_and_division_by_zero_are_not_errors():
    with np.errstate(all="ignore"):
        assert directional_derivative(lambda z: np.exp(z[0]), np.array([1e4]), np.ones(1)) == (np.inf, np.inf)
        assert directional_derivative(lambda z: 1.0 / z[0], np.array([0.0]), np.ones(1))[0] == np.inf
        assert (Dual(1.0, 2.0) / 0.0).value == np.inf


def boyd_slope(x, axis):
    """∂/∂xᵢ of e^(x₁+3x₂−0.1) + e^(x₁−3x₂−0.1) + e^(−x₁−0.1) with 50 digits, rounded once."""
    with mpmath.workdps(50):
        u, v, shift = mpmath.mpf(float(x[0])), mpmath.mpf(float(x[1])), mpmath.mpf(-0.1)
        terms = [(mpmath.exp(i * u + j * v + shift), (i, j)) for i, j in ((1, 3), (1, -3), (-1, 0))]
        return float(sum(term * slopes[axis] for term, slopes in terms))


@pytest.mark.parametrize("seed", range(8))
def test_extrapolated_differences_know_their_error(seed, monkeypatch):
    """The uncertainty is a bound, also where the steps are rounded another way."""
    nudged = np.nextafter(STEPS, np.random.default_rng(seed).choice([0.0, 2.0], STEPS.size))
    monkeypatch.setattr(differentiation, "STEPS", nudged if seed else STEPS)
    probe = Probe(make_problem("boyd-3exp"))
    slope = _differences(probe)
    for x in probe.points:
        for axis, direction in enumerate(np.eye(2)):
            found, error = slope(x, direction, NO_ROWS)
            assert abs(found - boyd_slope(x, axis)) <= error
            assert error <= 1e-9 * abs(found)


def test_the_sharpest_way_that_works_is_taken():
    assert reference_of(Probe(make_problem("rosenbrock"))).name == "dual numbers"
    opaque = make_problem(lambda x: float(x[0]) ** 2, gradient=lambda x: 2 * x, start=[1.0])
    assert reference_of(Probe(opaque)).name.startswith("differences")
    jnp = pytest.importorskip("jax.numpy")
    traced = make_problem(lambda x: jnp.linalg.norm(x) ** 2, gradient=lambda x: 2 * x, start=[1.0, 2.0])
    assert reference_of(Probe(traced)).name == "JAX"
    derived = make_problem(lambda x: jnp.linalg.norm(x) ** 2, start=[1.0, 2.0])
    assert reference_of(Probe(derived)).name.startswith("differences")

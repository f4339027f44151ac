"""Estimated curvature against Hessians known in closed form and spectra known by construction."""

import mpmath
import numpy as np
import pytest

import nagbench
from nagbench.problems.curvature import estimate_curvature, find_curvature, hessian, largest_curvature


def rosenbrock_hessian(x, y):
    return np.array([[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200]])


def test_curvature_at_the_start_is_the_hessians():
    problem = nagbench.problem("rosenbrock")
    exact = rosenbrock_hessian(*problem.start)
    assert largest_curvature(problem, problem.start) == pytest.approx(np.linalg.eigvalsh(exact)[-1], rel=1e-5)


@pytest.mark.parametrize("point", [(-1.2, 1.0), (1.0, 1.0), (0.0, 0.5)])
def test_the_hessian_by_differences(point):
    problem = nagbench.problem("rosenbrock")
    np.testing.assert_allclose(hessian(problem, np.array(point)), rosenbrock_hessian(*point), rtol=1e-6, atol=1e-4)


def test_where_they_are_known_nothing_is_estimated():
    problem = nagbench.problem("ill-conditioned-1e4")
    found = find_curvature(problem)
    assert (found.place, found.estimated) == ("everywhere", False)
    assert (found.smoothness, found.strong_convexity) == (problem.smoothness, problem.strong_convexity)


def test_where_they_are_not_known_the_minimiser_comes_first():
    found = find_curvature(nagbench.problem("rosenbrock"))
    assert (found.place, found.estimated) == ("minimizer", True)
    low, high = np.linalg.eigvalsh(rosenbrock_hessian(1.0, 1.0))
    assert found.smoothness == pytest.approx(high, rel=1e-6)
    assert found.strong_convexity == pytest.approx(low, rel=1e-3)


@pytest.mark.parametrize("spectrum", ["log", "clusters"])
def test_lanczos_finds_the_ends_of_a_known_spectrum(spectrum):
    problem = nagbench.problem("quadratic", dimension=120, condition=1000, rotation=3, spectrum=spectrum)
    found = estimate_curvature(problem, problem.start, "start")
    assert found.spectrum is None
    assert found.smoothness == pytest.approx(problem.spectrum.max(), rel=1e-5)
    assert found.strong_convexity == pytest.approx(problem.spectrum.min(), rel=1e-2)


def test_a_negative_curvature_keeps_its_sign():
    problem = nagbench.problem("rosenbrock")
    exact = np.linalg.eigvalsh(rosenbrock_hessian(0.0, 2.0))
    found = estimate_curvature(problem, np.array([0.0, 2.0]), "start")
    assert found.strong_convexity == pytest.approx(exact[0], rel=1e-5)
    assert found.smoothness == pytest.approx(np.abs(exact).max(), rel=1e-5)


def test_a_flat_direction_is_not_told_from_zero():
    problem = nagbench.problem("quadratic", eigenvalues=[0.0, 1.0, 10.0], start=[1, 1, 1])
    assert estimate_curvature(problem, problem.start, "start").strong_convexity is None


def test_a_function_that_fails_has_no_estimate():
    def broken(x):
        raise ArithmeticError("not here")

    problem = nagbench.problem(broken, start=[1.0], gradient=broken)
    assert estimate_curvature(problem, problem.start, "start") is None


FITS = {
    "misra1a": (lambda b, t: b[0] * (1 - mpmath.exp(-b[1] * t)), 1.607e11),
    "rat43": (lambda b, t: b[0] / (1 + mpmath.exp(b[1] - b[2] * t)) ** (1 / b[3]), 9301703.0),
    "thurber": (
        lambda b, t: (b[0] + b[1] * t + b[2] * t**2 + b[3] * t**3) / (1 + b[4] * t + b[5] * t**2 + b[6] * t**3), 1.2744e9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_parameters_of_different_scales(name):
    """Against NIST's formulas, differentiated by differences of f in 60 digits; and L computed apart from either."""
    curve, largest = FITS[name]
    problem = nagbench.problem("nist", dataset=name)
    at = problem.minimizers[0]
    responses, predictors = problem.data.reshape(2, -1).tolist()

    def value(b):
        return mpmath.fsum((y - curve(b, mpmath.mpf(t))) ** 2 for y, t in zip(responses, predictors, strict=True))

    with mpmath.workdps(60):
        n, steps = at.size, [mpmath.mpf(abs(v)) * mpmath.mpf("1e-15") for v in at]

        def moved(i, a, j, b):
            point = [mpmath.mpf(v) for v in at]
            point[i] += a * steps[i]
            point[j] += b * steps[j]
            return value(point)

        exact = np.array(
            [
                [
                    float(
                        (moved(i, 1, j, 1) - moved(i, 1, j, -1) - moved(i, -1, j, 1) + moved(i, -1, j, -1))
                        / (4 * steps[i] * steps[j])
                    )
                    for j in range(n)
                ]
                for i in range(n)
            ]
        )
    # In units of the parameters' scales, in which no entry drowns in another.
    scale = np.outer(at, at)
    found = hessian(problem, at) * scale
    np.testing.assert_allclose(found, exact * scale, rtol=1e-6, atol=1e-7 * np.abs(found).max())
    assert estimate_curvature(problem, at, "minimizer").smoothness == pytest.approx(largest, rel=1e-3)
    assert largest_curvature(problem, at) == pytest.approx(largest, rel=1e-3)

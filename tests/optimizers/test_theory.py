"""Counts and trajectories against the closed form of the modes, evaluated with 60 digits by mpmath."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nagbench
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.theory import modal_factors, predict_iterations

METHODS = ("gradient-descent", "momentum", "nesterov")


def roots(method, s, m):
    """The characteristic polynomial's roots, in mpmath's numbers."""
    linear, constant = {
        "gradient-descent": (1 - s, mpmath.mpf(0)),
        "momentum": (1 + m - s, m),
        "nesterov": ((1 + m) * (1 - s), m * (1 - s)),
    }[method]
    root = mpmath.sqrt(mpmath.mpc(linear * linear - 4 * constant))
    return (linear + root) / 2, (linear - root) / 2


def mode(method, s, m, k):
    """x_k/x_0 = A·r₁ᵏ + (1 − A)·r₂ᵏ, and the limit of it where the roots coincide."""
    first, second = roots(method, s, m)
    if abs(first - second) < mpmath.mpf(10) ** -25:
        r = (first + second) / 2
        return (1 + k * ((1 - s) / r - 1)) * r**k if r != 0 else mpmath.mpf(1 if k == 0 else 0)
    a = (1 - s - second) / (first - second)
    return a * first**k + (1 - a) * second**k


def gradient_norm(method, eigenvalues, step, m, k):
    with mpmath.workdps(60):
        step, m = mpmath.mpf(step), mpmath.mpf(m)
        total = mpmath.mpf(0)
        for value in eigenvalues:
            value = mpmath.mpf(value)
            total += (value * abs(mode(method, step * value, m, k))) ** 2
        return mpmath.sqrt(total)


TOLERANCE = 1e-6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("condition", [10, 100, 1000, 10_000])
def test_counts_at_the_textbook_tunings_are_those_of_the_closed_form(method, condition):
    problem = nagbench.problem("quadratic", dimension=6, condition=condition)
    theory = find_algorithm(method).theory(problem.smoothness, problem.strong_convexity)
    run = nagbench.run(problem, nagbench.optimizer(method, **theory), tolerance=TOLERANCE, budget=200_000)
    assert run.status == "converged"

    def exact(k):
        return gradient_norm(method, problem.spectrum, theory["step_size"], theory.get("momentum", 0.0), k)

    assert exact(run.iterations) <= TOLERANCE
    # The first k: nowhere before is it within the tolerance. It oscillates, so every k of the last stretch is looked at.
    stretch = range(max(0, run.iterations - 60), run.iterations)
    assert all(exact(k) > TOLERANCE for k in stretch)
    assert run.predicted_iterations == run.iterations


@pytest.mark.parametrize("method", METHODS)
def test_the_whole_way_is_above_the_tolerance_before_the_count(method):
    problem = nagbench.problem("quadratic", eigenvalues=[1, 10, 100])
    theory = find_algorithm(method).theory(100.0, 1.0)
    run = nagbench.run(problem, nagbench.optimizer(method, **theory), tolerance=TOLERANCE)
    values = [
        gradient_norm(method, [1, 10, 100], theory["step_size"], theory.get("momentum", 0.0), k)
        for k in range(run.iterations + 1)
    ]
    assert min(values[:-1]) > TOLERANCE >= values[-1]


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    s=st.floats(1e-4, 1.3),
    momentum=st.floats(0.0, 0.99),
    k=st.integers(0, 2000),
)
def test_modal_factors_against_sixty_digits(method, s, momentum, k):
    with mpmath.workdps(60):
        expected = mpmath.re(mode(method, mpmath.mpf(s), mpmath.mpf(momentum), k))
        largest = max(abs(root) for root in roots(method, mpmath.mpf(s), mpmath.mpf(momentum)))
        scale = max(largest, mpmath.mpf(10) ** -30) ** k
    found = modal_factors(method, np.array([s]), momentum, np.array([float(k)]))[0, 0]
    assert abs(found - expected) <= 1e-9 * (1 + k) * scale + 1e-290


@pytest.mark.parametrize("method", ["momentum", "nesterov"])
def test_modal_factors_at_the_double_root_and_near_it(method):
    kappa = 100.0
    tuning = find_algorithm(method).theory(kappa, 1.0)
    k = np.arange(400.0)
    for nudge in (0.0, 1e-15, -1e-15, 1e-9, -1e-9):
        s = tuning["step_size"] * (1.0 + nudge)
        found = modal_factors(method, np.array([s]), tuning["momentum"], k)[0]
        with mpmath.workdps(60):
            exact = [float(mpmath.re(mode(method, mpmath.mpf(s), mpmath.mpf(tuning["momentum"]), int(i)))) for i in k]
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
@pytest.mark.parametrize("relative", [False, True])
def test_predictions_hold_for_every_measure_on_a_turned_quadratic(measure, relative):
    problem = nagbench.problem("quadratic", dimension=7, condition=300, rotation=5, spectrum="clusters")
    for method in METHODS:
        theory = find_algorithm(method).theory(problem.smoothness, problem.strong_convexity)
        run = nagbench.run(
            problem, nagbench.optimizer(method, **theory), measure=measure, relative=relative, tolerance=1e-5
        )
        assert run.status == "converged"
        assert run.predicted_iterations == run.iterations


@pytest.mark.parametrize("form", ["nesterov-two-sequence", "nesterov-quadratic-optimal"])
def test_predictions_hold_for_the_other_forms_of_the_same_iterates(form):
    problem = nagbench.problem("quadratic", dimension=5, condition=50, rotation=2)
    theory = find_algorithm(form).theory(problem.smoothness, problem.strong_convexity)
    run = nagbench.run(problem, nagbench.optimizer(form, **theory))
    assert run.status == "converged"
    assert run.predicted_iterations == run.iterations


def test_no_prediction_where_there_is_no_closed_form():
    adam = nagbench.optimizer("adam")
    assert predict_iterations(nagbench.problem("bowl"), adam, "gradient", 1e-6, 1000) is None
    nag = nagbench.optimizer("nesterov")
    assert predict_iterations(nagbench.problem("rosenbrock"), nag, "gradient", 1e-6, 1000) is None

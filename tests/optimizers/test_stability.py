"""Rates and edges read off the updates, against the closed forms of the literature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nagbench
from nagbench.optimizers.registry import algorithms, find_algorithm
from nagbench.optimizers.stability import asymptotic_rate, iteration_matrices, spectral_radii, stability_limit

EDGES = {
    "gradient-descent": lambda m: 2.0,
    "momentum": lambda m: 2.0 * (1.0 + m),
    "nesterov": lambda m: 2.0 * (1.0 + m) / (1.0 + 2.0 * m),
    "nesterov-two-sequence": lambda m: 2.0 * (1.0 + m) / (1.0 + 2.0 * m),
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.999])
def test_the_edge_is_the_closed_form(name, momentum):
    given = {} if name == "gradient-descent" else {"momentum": momentum}
    assert stability_limit(find_algorithm(name), given) == pytest.approx(EDGES[name](momentum), rel=1e-8)


@pytest.mark.parametrize(
    ("momentum", "nu"), [(0.9, 0.0), (0.9, 0.7), (0.5, 1.0), (0.99, 0.99), (0.999, 1.0), (0.9999, 1.0)]
)
def test_the_edge_of_the_quasi_hyperbolic_method(momentum, nu):
    """Gitman et al. 2019, theorem 1, for the averaged step; the last two edges are 3,998 and 39,998."""
    edge = stability_limit(find_algorithm("qhm"), {"momentum": momentum, "nu": nu})
    assert edge == pytest.approx(2 * (1 + momentum) / (1 + momentum - 2 * nu * momentum), rel=1e-8)


def test_the_edge_of_triple_momentum():
    rho = 0.9
    beta, gamma = rho**2 / (2 - rho), rho**2 / ((1 + rho) * (2 - rho))
    edge = stability_limit(find_algorithm("triple-momentum"), {"rho": rho})
    assert edge == pytest.approx(2 * (1 + beta) / (1 + 2 * gamma), rel=1e-8)


@pytest.mark.parametrize("m", [0.0, 0.5, 0.9])
def test_the_edge_of_the_averaged_form_of_nesterovs_method(m):
    edge = stability_limit(find_algorithm("ema-nesterov"), {"momentum": m})
    assert edge == pytest.approx(EDGES["nesterov"](m) / (1 - m), rel=1e-8)


def outer_radius(s, outer, m, inner):
    """Nesterov's method on 1 − (1 − s)^H, by the roots of its characteristic polynomial; of one inner iteration."""
    kept = 1 - outer * (1 - (1 - s) ** inner)
    return np.abs(np.roots([1, -(1 + m) * kept, m * kept])).max() ** (1 / inner)


@pytest.mark.parametrize(("outer", "m", "inner"), [(0.7, 0.9, 10), (1.0, 0.5, 3), (1.0, 0.0, 1), (1.9, 0.3, 4)])
def test_the_edge_and_the_rate_of_nesterovs_method_around_others(outer, m, inner):
    """A method of period H, against the characteristic polynomial of its outer iteration."""
    values = {"outer_step_size": outer, "momentum": m, "inner_steps": inner}
    for s in (0.05, 0.6, 1.4, 2.3):
        rate = asymptotic_rate(nagbench.optimizer("outer-nesterov", step_size=s, **values), [1.0])
        assert rate == pytest.approx(outer_radius(s, outer, m, inner), rel=1e-6)
    edge = stability_limit(find_algorithm("outer-nesterov"), values)
    below = np.linspace(1e-3, edge, 400)[:-1]
    assert max(outer_radius(s, outer, m, inner) for s in below) < 1 < outer_radius(edge * (1 + 1e-6), outer, m, inner)


@pytest.mark.parametrize("kappa", [10.0, 1e4])
def test_the_rate_of_nesterovs_method_around_others_at_its_theory(kappa):
    found = nagbench.optimizer("outer-nesterov", **find_algorithm("outer-nesterov").theory(kappa, 1.0))
    rate = (1 - np.sqrt(1 - (1 - 1 / kappa) ** 10)) ** 0.1
    assert asymptotic_rate(found, np.geomspace(1.0, kappa, 50)) == pytest.approx(rate, abs=1e-6)


def schedule_free_size(s, m, iterations):
    """|z| of Schedule-Free SGD on x²/2, written out from algorithm 1 of Defazio et al. 2024."""
    x = z = 1.0
    for t in range(1, iterations + 1):
        z -= s * ((1 - m) * z + m * x)
        x += (z - x) / t
    return abs(z)


@pytest.mark.parametrize("m", [0.0, 0.5, 0.9])
def test_the_edge_of_schedule_free_is_where_long_runs_begin_to_grow(m):
    edge = stability_limit(find_algorithm("schedule-free-sgd"), {"momentum": m})
    assert edge == pytest.approx(2 / (1 - m), rel=1e-8)
    for factor, grows in ((0.98, False), (1.02, True)):
        assert (schedule_free_size(factor * edge, m, 4000) > schedule_free_size(factor * edge, m, 3800)) == grows


def test_the_average_of_gradient_descent_is_as_stable_as_that():
    assert stability_limit(find_algorithm("averaged-gradient-descent"), {}) == pytest.approx(2.0, rel=1e-8)
    assert asymptotic_rate(nagbench.optimizer("averaged-gradient-descent", step_size=0.5), [1.0]) == 1.0


LESSARD = {
    "gradient-descent": lambda kappa: (kappa - 1) / (kappa + 1),
    "momentum": lambda kappa: (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1),
    "nesterov": lambda kappa: 1 - 1 / np.sqrt(kappa),
    "ema-nesterov": lambda kappa: 1 - 1 / np.sqrt(kappa),
    "qhm": lambda kappa: 1 - 1 / np.sqrt(kappa),
    "nesterov-quadratic-optimal": lambda kappa: 1 - 2 / np.sqrt(3 * kappa + 1),
    "triple-momentum": lambda kappa: 1 - 1 / np.sqrt(kappa),
}


@pytest.mark.parametrize("name", LESSARD)
@pytest.mark.parametrize("kappa", [10.0, 1e2, 1e4])
def test_rates_at_the_textbook_tunings(name, kappa):
    """Lessard, Recht & Packard 2016, proposition 1; Van Scoy et al. 2018 for triple momentum."""
    found = nagbench.optimizer(name, **find_algorithm(name).theory(kappa, 1.0))
    # Double roots: rounding of the matrix moves them by its square root.
    assert asymptotic_rate(found, np.geomspace(1.0, kappa, 50)) == pytest.approx(LESSARD[name](kappa), abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(list(EDGES)), s=st.floats(1e-3, 5.0), momentum=st.floats(0.0, 0.99))
def test_radii_are_the_roots_of_the_characteristic_polynomial(name, s, momentum):
    coefficients = {
        "gradient-descent": [1, -(1 - s)],
        "momentum": [1, -(1 + momentum - s), momentum],
    }.get(name, [1, -(1 + momentum) * (1 - s), momentum * (1 - s)])
    given = {"step_size": s} if name == "gradient-descent" else {"step_size": s, "momentum": momentum}
    radius = spectral_radii(nagbench.optimizer(name, **given), np.array([1.0]))[0]
    assert radius == pytest.approx(np.abs(np.roots(coefficients)).max(), abs=1e-6)


def test_the_matrix_makes_the_iterates():
    problem = nagbench.problem("quadratic", eigenvalues=[3.0], start=[2.0])
    for name in ("momentum", "nesterov", "qhm", "triple-momentum", "nesterov-two-sequence"):
        optimizer = nagbench.optimizer(name, step_size=0.1)
        matrix = iteration_matrices(optimizer, problem.spectrum)[0]
        state = np.zeros(len(matrix))
        state[: 2 if optimizer.method.look_ahead else 1] = problem.start[0]
        run = nagbench.run(problem, optimizer, budget=20, tolerance=1e-300, path=True)
        for point in run.path:
            np.testing.assert_allclose(state[0], point[0], rtol=1e-12, atol=1e-14)
            state = matrix @ state


def test_methods_that_are_not_linear_or_change_have_no_theory():
    for name in ("adam", "rmsprop", "rmsprop-epsilon-inside", "lion", "fista", "fista-gradient-restart", "ogm"):
        assert asymptotic_rate(nagbench.optimizer(name), np.array([1.0])) is None
        assert stability_limit(find_algorithm(name), {}) is None


@pytest.mark.parametrize("name", ["torch/sgd-nesterov", "keras/sgd-nesterov", "optax/sgd-nesterov"])
def test_a_librarys_nesterov_has_the_theory_of_nesterovs_method(name):
    m = 0.9
    edge = stability_limit(find_algorithm(name), {"momentum": m})
    assert edge == pytest.approx(EDGES["nesterov"](m), rel=1e-6)
    theirs, ours = (nagbench.optimizer(which, step_size=0.01, momentum=m) for which in (name, "nesterov"))
    spectrum = np.array([1.0, 30.0, 100.0])
    assert asymptotic_rate(theirs, spectrum) == pytest.approx(asymptotic_rate(ours, spectrum), abs=1e-6)


def test_a_librarys_gradient_descent_and_adam():
    assert stability_limit(find_algorithm("torch/sgd"), {"momentum": 0.0}) == pytest.approx(2.0, rel=1e-6)
    assert stability_limit(find_algorithm("torch/sgd"), {"momentum": 0.5}) == pytest.approx(3.0, rel=1e-6)
    assert asymptotic_rate(nagbench.optimizer("torch/adam", step_size=0.1), np.array([1.0])) is None


@nagbench.method(
    "secant-curvature", hyperparameters={"step_size": nagbench.Hyperparameter(default=0.01, tuning=(0.01, 1.0))}
)
def secant_curvature(k, gradient, iterate, y, state, hyper):
    """Estimate λ as ∇f(x)/x: linear in x, but not in the product of step size and λ."""
    for i in range(iterate.size):
        step = hyper[0] * gradient[i]
        iterate[i] = iterate[i] - step - 2.0 * step * step / iterate[i]


def test_the_edge_of_an_update_that_is_not_affine_in_the_eigenvalue():
    """|1 − p − 2p²| = 1 at p = (√17 − 1)/4."""
    edge = stability_limit(nagbench.optimizer(secant_curvature, step_size=0.1).method, {})
    assert edge == pytest.approx((np.sqrt(17.0) - 1.0) / 4.0, rel=1e-8)


def test_a_schedule_has_no_matrix():
    assert asymptotic_rate(nagbench.optimizer("momentum", schedule="inverse"), np.array([1.0])) is None


def test_every_method_is_answered():
    for name, method in algorithms().items():
        rate = asymptotic_rate(nagbench.optimizer(name), np.array([1.0, 10.0]))
        assert rate is None or 0.0 < rate < 1.0 or not method.autonomous


def test_no_positive_eigenvalue_no_rate():
    assert asymptotic_rate(nagbench.optimizer("momentum"), np.array([0.0, -1.0])) is None


@pytest.mark.parametrize("decay", [0.5, 3.0])
def test_weight_decay_has_no_edge_in_units_of_the_curvature(decay):
    """Stable for s(L + w) < 2: what s·L may be depends on s."""
    method, smoothness = find_algorithm("torch/sgd"), 1000.0
    assert stability_limit(method, {"weight_decay": decay}) is None
    for factor, stable in ((0.999, True), (1.001, False)):
        step = factor * 2.0 / (smoothness + decay)
        found = nagbench.optimizer("torch/sgd", step_size=step, weight_decay=decay)
        assert (asymptotic_rate(found, np.array([smoothness])) < 1.0) is stable

"""What is proved of the methods: tight bounds where they are reached, bounds that nothing exceeds, stable regions."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov
from thinned import thinned
from trajectories import walk

import nagbench
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.suites import suites

HORIZONS = [1, 2, 5, 10, 50]


def ogm_thetas(n):
    """θ₀ … θ_n, the last one by the rule of the last step."""
    theta = [1.0]
    for i in range(1, n + 1):
        theta.append((1 + np.sqrt(1 + (8 if i == n else 4) * theta[-1] ** 2)) / 2)
    return theta


def fista_t(n):
    """t_n, from t₁ = 1."""
    t = 1.0
    for _ in range(n - 1):
        t = (1 + np.sqrt(1 + 4 * t * t)) / 2
    return t


# Bounds on (f(x_n) − f*)/(L‖x₀ − x*‖²) with step size 1/L.
SUBLINEAR = {
    "gradient-descent": lambda n: 1 / (4 * n + 2),
    "fista": lambda n: 1 / (2 * fista_t(n) ** 2),
    "nesterov-estimate-sequence": lambda n: 1 / (2 * fista_t(n) ** 2),
    "nesterov-convex": lambda n: 2 / (n * n + 5 * n + 6),
    "ogm": lambda n: 1 / (4 * ogm_thetas(n)[n - 1] ** 2),
}


def run_to(name, problem, n, **hyperparameters):
    """The point after n iterations with step size 1/L."""
    optimizer = nagbench.optimizer(name, step_size=1 / problem.smoothness, **hyperparameters)
    return nagbench.run(problem, optimizer, budget=n, tolerance=1e-300).iterate


def huber(bound, L):
    """The Huber function on which n steps of 1/L from 1 stay in the linear part, and end at f = L·``bound`` if it is tight.

    They go c·δ far, to f = Lδ(1 − cδ) − Lδ²/2, which is largest for δ = 1/(2c + 1) and then is Lδ/2.
    """
    return nagbench.problem("huber", L=L, delta=2 * bound)


class TestTight:
    @pytest.mark.parametrize("L", [1.0, 3.0])
    @pytest.mark.parametrize("n", HORIZONS)
    @pytest.mark.parametrize("name", ["gradient-descent", "nesterov-convex", "ogm"])
    def test_the_bound_is_reached_on_a_huber_function(self, name, n, L):
        horizon = {"horizon": n} if name == "ogm" else {}
        bound = 1 / (2 * ogm_thetas(n)[n] ** 2) if horizon else SUBLINEAR[name](n)
        problem = huber(bound, L)
        assert problem.value(run_to(name, problem, n, **horizon)) == pytest.approx(L * bound, rel=1e-10)

    @pytest.mark.parametrize("n", HORIZONS)
    def test_the_optimized_gradient_method_reaches_it_on_a_quadratic_too(self, n):
        """The second worst case of Kim & Fessler 2017: y_k = (−1)ᵏ/θ_k·y₀ on Lx²/2."""
        theta = ogm_thetas(n)
        iterates, queries = walk("ogm", lambda x: 3.0 * x, [1.0], n, step_size=1 / 3.0, horizon=n)
        np.testing.assert_allclose(queries[:, 0], [(-1) ** k / theta[k] for k in range(n + 1)], rtol=1e-12)
        assert iterates[n, 0] == queries[n, 0]

    @pytest.mark.parametrize("n", HORIZONS)
    def test_fistas_bound_is_not_reached_there(self, n):
        """With c from its steps along a slope of 1; see `huber`."""
        far, _ = walk("fista", np.ones_like, [0.0], n, step_size=1.0)
        worst = 1 / (2 * (1 - 2 * far[n, 0]))
        problem = huber(worst, 1.0)
        assert problem.value(run_to("fista", problem, n)) == pytest.approx(worst, rel=1e-10)
        assert (worst < 0.999 * SUBLINEAR["fista"](n)) or n == 1

    @pytest.mark.parametrize("kappa", [2.0, 10.0, 1e4])
    def test_triple_momentum_on_the_extreme_modes(self, kappa):
        """x_k = ρᵏ at λ = μ and (−ρ)ᵏ√κ at λ = L, from the recurrence's roots ρ, ρ² and −ρ, 0."""
        tuning = find_algorithm("triple-momentum").theory(kappa, 1.0)
        rho, k = 1 - kappa**-0.5, np.arange(1, 200)
        x, _ = walk("triple-momentum", lambda x: np.array([1.0, kappa]) * x, [1.0, 1.0], 199, **tuning)
        np.testing.assert_allclose(x[1:, 0], rho**k, rtol=1e-9)
        np.testing.assert_allclose(x[1:, 1], (-rho) ** k * np.sqrt(kappa), rtol=1e-9)
        # The second is the bound ρ²ᵏ·Lκ/2 of the theorem, with equality.


CONVEX = [
    entry.name
    for entry in suites().values()
    if entry.name != "digits-softmax"  # 650 variables and 1797 rows: too slow here
]


@functools.cache
def convex_problem(name):
    """The problem, if bounds hold on it: convex, with L, the minimum and the minimiser known."""
    problem = suites()[name].problem()
    known = problem.smoothness is not None and problem.minimum is not None and problem.minimizers is not None
    return problem if known and not problem.composite and problem.kind in ("convex", "quadratic") else None


def gaps(problem, name, n, **values):
    """f(x_k) − f* for k = 1 … n, and ‖x₀ − x*‖² to the nearest minimiser."""
    run = nagbench.run(problem, nagbench.optimizer(name, **values), budget=n, tolerance=1e-300, path=True)
    away = ((problem.minimizers - problem.start) ** 2).sum(axis=1).min()
    return problem.values(run.path)[1:] - problem.minimum, away


def rounding(problem):
    """What f(x) − f* may be off by: the rounding of f, which is of the size of its largest values on the way."""
    return 1e-12 * max(1.0, abs(problem.value(problem.start)), abs(problem.minimum))


class TestNoBoundIsExceededOnAnyConvexProblem:
    N = 40

    def test_there_are_enough(self):
        assert sum(convex_problem(name) is not None for name in CONVEX) >= 30

    @pytest.mark.parametrize("name", thinned(SUBLINEAR, kept=("nesterov", "ogm")))
    def test_sublinear(self, name):
        for problem in filter(None, map(convex_problem, CONVEX)):
            found, away = gaps(problem, name, self.N, step_size=1 / problem.smoothness)
            k = np.arange(1, len(found) + 1)
            bound = problem.smoothness * away * np.array([SUBLINEAR[name](n) for n in k])
            assert (found <= bound + rounding(problem)).all(), problem.name
            if name == "fista":
                assert (bound <= 2 * problem.smoothness * away / (k + 1) ** 2 * (1 + 1e-12)).all()

    def test_the_optimized_gradient_method_at_its_horizon(self):
        for problem in filter(None, map(convex_problem, CONVEX)):
            away = ((problem.minimizers - problem.start) ** 2).sum(axis=1).min()
            for n in (1, 4, 20):
                bound = problem.smoothness * away / (2 * ogm_thetas(n)[n] ** 2)
                found = problem.value(run_to("ogm", problem, n, horizon=n)) - problem.minimum
                assert found <= bound + rounding(problem), problem.name

    @pytest.mark.parametrize("name", ["nesterov", "nesterov-two-sequence"])
    def test_linear(self, name):
        """(1 − √(μ/L))ⁿ·(f₀ − f* + μR²/2)."""
        for problem in filter(None, map(convex_problem, CONVEX)):
            if problem.strong_convexity:
                L, mu = problem.smoothness, problem.strong_convexity
                found, away = gaps(problem, name, self.N, **find_algorithm(name).theory(L, mu))
                above = problem.value(problem.start) - problem.minimum + mu * away / 2
                rate = (1 - np.sqrt(mu / L)) ** np.arange(1, len(found) + 1)
                assert (found <= rate * above + rounding(problem)).all(), problem.name

    def test_triple_momentum(self):
        """ρ²ⁿ·Lκ/2·R²."""
        for problem in filter(None, map(convex_problem, CONVEX)):
            if problem.strong_convexity:
                L, mu = problem.smoothness, problem.strong_convexity
                found, away = gaps(
                    problem, "triple-momentum", self.N, **find_algorithm("triple-momentum").theory(L, mu)
                )
                rate = (1 - np.sqrt(mu / L)) ** (2 * np.arange(1, len(found) + 1))
                assert (found <= rate * L * L / mu / 2 * away * (1 + 1e-9) + rounding(problem)).all(), problem.name


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_no_bound_is_exceeded_on_random_quadratics(spectrum, seed, n):
    L, mu = max(spectrum), min(spectrum)
    start = np.random.default_rng(seed).standard_normal(len(spectrum))
    eigenvalues, away = np.array(spectrum), start @ start

    def gap(name, **values):
        x = walk(name, lambda x: eigenvalues * x, start, n, **values)[0][n]
        return 0.5 * x @ (eigenvalues * x)

    for name, bound in SUBLINEAR.items():
        assert gap(name, step_size=1 / L) <= L * away * bound(n) * (1 + 1e-9)
    assert gap("ogm", step_size=1 / L, horizon=n) <= L * away / (2 * ogm_thetas(n)[n] ** 2) * (1 + 1e-9)
    factor = 1 - np.sqrt(mu / L)
    above = 0.5 * start @ (eigenvalues * start) + mu * away / 2
    linear = {
        "nesterov-two-sequence": factor**n * above,
        "nesterov-estimate-sequence": min(factor ** (n - 1), 1 / fista_t(n) ** 2) * L * away / 2,
        "triple-momentum": factor ** (2 * n) * L * L / mu * away / 2,
    }
    for name, bound in linear.items():
        assert gap(name, **find_algorithm(name).theory(L, mu)) <= bound * (1 + 1e-9) + 1e-25


SPAN = [
    ("gradient-descent", {}), ("momentum", {"momentum": 0.5}), ("nesterov-two-sequence", {"momentum": 0.9}), ("fista", {}),
    ("nesterov-convex", {}), ("nesterov-estimate-sequence", {"q": 1e-3}), ("nesterov-sutskever", {"momentum": 0.9}),
    ("fista-gradient-restart", {}), ("fista-function-restart", {}),
    ("ogm", {}), ("triple-momentum", {"rho": 0.9}), ("averaged-gradient-descent", {}),
    ("qhm", {"momentum": 0.5, "nu": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), SPAN, ids=[name for name, _ in SPAN])
def test_none_beats_the_lower_bound_on_nesterovs_worst_function(name, values):
    """After k iterations the coordinates beyond the k-th are 0, and there f ≥ (L/8)(1/(k + 1) − 1) (Nesterov 2004, 2.1.2).

    At k = (n − 1)/2 that is theorem 2.1.7: f(x_k) − f* ≥ 3L‖x₀ − x*‖²/(32(k + 1)²), whatever the step size.
    """
    k_last = 20
    problem = nagbench.problem("nesterov-worst", k=k_last, L=1.0)
    for step in (0.3, 1.0, 1.3):
        found, away = gaps(problem, name, k_last, step_size=step, **values)
        k = np.arange(1, k_last + 1)
        assert (found + problem.minimum >= (1 / (k + 1) - 1) / 8 * (1 - 1e-12)).all()
        assert found[-1] >= 3 * away / (32 * (k_last + 1) ** 2)


@pytest.mark.parametrize("name", [*(name for name, _ in SPAN), "nesterov", "adam", "rmsprop", "adagrad", "lion"])
def test_k_iterations_move_at_most_k_coordinates_of_nesterovs_worst_function(name):
    """The gradient at a point with k coordinates that are not 0 has at most k + 1: the Hessian is tridiagonal."""
    problem, values = nagbench.problem("nesterov-worst"), {"nesterov": {"momentum": 0.9}, **dict(SPAN)}.get(name, {})
    optimizer = nagbench.optimizer(name, step_size=0.3, **values)
    for k in (1, 2, 7):
        run = nagbench.run(problem, optimizer, tolerance=1e-300, budget=k, engine="python")
        assert not run.iterate[k:].any()
        assert np.count_nonzero(problem.gradient(run.iterate)) <= k + 1


# On quadratics stable where s·λ is below this, as their documentation says.
REGIONS = {
    "gradient-descent": lambda: 2.0,
    "momentum": lambda m: 2 * (1 + m),
    "nesterov": lambda m: 2 * (1 + m) / (1 + 2 * m),
    "nesterov-two-sequence": lambda m: 2 * (1 + m) / (1 + 2 * m),
    "qhm": lambda m, nu: 2 * (1 + m) / (1 + m - 2 * nu * m),
    "triple-momentum": lambda rho: 2 * (1 + rho**2 / (2 - rho)) / (1 + 2 * rho**2 / ((1 + rho) * (2 - rho))),
}


def spectral_radius(name, *numbers):
    """The largest modulus of an eigenvalue of the linear map that one iteration on x²/2 is, made of its columns."""
    method = find_algorithm(name)
    hyper = Optimizer(method, dict(zip(method.hyperparameters, numbers, strict=True))).hyper
    size = 1 + method.look_ahead + method.slots
    columns = []
    for unit in np.eye(size):
        x, slots = unit[:1].copy(), unit[size - method.slots :].reshape(-1, 1).copy()
        y = unit[1:2].copy() if method.look_ahead else x
        method.update(7, y.copy(), x, y, slots, hyper)
        columns.append(np.concatenate([x, y[: int(method.look_ahead)], slots.ravel()]))
    return np.abs(np.linalg.eigvals(np.array(columns).T)).max()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(REGIONS)), st.floats(0.0, 0.999), st.floats(0.0, 0.999))
def test_regions_of_stability(name, first, second):
    numbers = (first, second)[: len(find_algorithm(name).hyperparameters) - 1]
    bound = REGIONS[name](*numbers)
    assert spectral_radius(name, bound * (1 - 1e-4), *numbers) < 1
    assert spectral_radius(name, bound * (1 + 1e-4), *numbers) > 1


# The stationary variance of x on λx²/2 under gradient noise of variance σ²: this times s·σ²/λ, with a = s·λ.
VARIANCES = {
    "gradient-descent": lambda a, m: 1 / (2 - a),
    "momentum": lambda a, m: (1 + m) / ((1 - m) * (2 * (1 + m) - a)),
    "nesterov": lambda a, m: (1 + m * (1 - a)) / ((1 - m * (1 - a)) * (2 + 2 * m - (2 * m + 1) * a)),
}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(VARIANCES)), st.floats(0.01, 0.99), st.floats(0.0, 0.99))
def test_stationary_variance_under_noise(name, share, momentum):
    """Of the linear map and the noise's direction that the update itself is, by the discrete Lyapunov equation."""
    method, friction = find_algorithm(name), momentum if name != "gradient-descent" else 0.0
    edge = REGIONS[name](*((momentum,) if friction or name != "gradient-descent" else ()))
    step, curvature, sigma = share * edge / 5.0, 5.0, 0.7
    hyper = Optimizer(
        method, {"step_size": step, **({"momentum": friction} if name != "gradient-descent" else {})}
    ).hyper
    size = 1 + method.look_ahead + method.slots

    def after(state, noise):
        x, slots = state[:1].copy(), state[size - method.slots :].reshape(-1, 1).copy()
        y = state[1:2].copy() if method.look_ahead else x
        method.update(7, curvature * y + noise, x, y, slots, hyper)
        return np.concatenate([x, y[: int(method.look_ahead)], slots.ravel()])

    matrix = np.array([after(unit, 0.0) for unit in np.eye(size)]).T
    into = after(np.zeros(size), sigma)
    variance = solve_discrete_lyapunov(matrix, np.outer(into, into))[0, 0]
    expected = VARIANCES[name](step * curvature, friction) * step * sigma**2 / curvature
    assert variance == pytest.approx(expected, rel=1e-7)


LIMITS = [
    ("fista", {}, 4 / 3),
    ("nesterov-convex", {}, 4 / 3),
    ("ogm", {}, 1.0),
    ("nesterov-estimate-sequence", {"q": 0.01}, 2 * (1 + 0.9 / 1.1) / (1 + 2 * 0.9 / 1.1)),
    ("nesterov-sutskever", {"momentum": 0.9}, REGIONS["nesterov"](0.9)),
]


@pytest.mark.parametrize(("name", "values", "bound"), LIMITS, ids=[name for name, *_ in LIMITS])
def test_regions_in_the_long_run(name, values, bound):
    """The momentum tends to 1, to (1 − √q)/(1 + √q) or to its ceiling, and the region to that of the limit."""
    for factor, stable in ((0.98, True), (1.02, False)):
        x, _ = walk(name, lambda x: x, [1.0], 4000, step_size=factor * bound, **values)
        assert (np.abs(x[-20:]).max() < 1e-3) == stable


@pytest.mark.parametrize("epsilon", [1e-7, 1e-3])
def test_near_a_minimum_rmsprop_with_epsilon_inside_is_gradient_descent(epsilon):
    """With step size s/√ε, and stable for s·λ < 2√ε."""
    curvature, start = 5.0, 1e-3 * np.sqrt(epsilon) / 5.0
    for factor, stable in ((0.99, True), (1.01, False)):
        s = factor * 2 * np.sqrt(epsilon) / curvature
        x, _ = walk("rmsprop-epsilon-inside", lambda x: curvature * x, [start], 100, step_size=s, epsilon=epsilon)
        plain, _ = walk("gradient-descent", lambda x: curvature * x, [start], 100, step_size=s / np.sqrt(epsilon))
        np.testing.assert_allclose(x, plain, rtol=1e-2)
        assert (abs(x[-1, 0]) < start) == stable


@pytest.mark.parametrize("kappa", [1e2, 1e4])
def test_rates_at_the_theory_tunings(kappa):
    """Lessard, Recht & Packard 2016, proposition 1; Van Scoy, Freeman & Lynch 2018, theorem 1."""
    rates = {
        "nesterov-two-sequence": 1 - 1 / np.sqrt(kappa),
        "nesterov-quadratic-optimal": 1 - 2 / np.sqrt(3 * kappa + 1),
        "triple-momentum": 1 - 1 / np.sqrt(kappa),
    }
    eigenvalues = np.geomspace(1.0, kappa, 30)
    first, last = int(20 * np.sqrt(kappa)), int(40 * np.sqrt(kappa))
    for name, rate in rates.items():
        x, _ = walk(name, lambda x: eigenvalues * x, np.ones(30), last, **find_algorithm(name).theory(kappa, 1.0))
        sizes = np.linalg.norm(x[[first, last]], axis=1)
        # A double root adds a factor k, so the mean rate from k to 2k is above the root by 2^(1/k) at most.
        assert np.exp(np.log(sizes[1] / sizes[0]) / (last - first)) == pytest.approx(rate, abs=0.1 * (1 - rate))


def test_restarts_bring_back_the_rate_of_the_tuned_momentum():
    """O'Donoghue & Candès 2015, sect. 4: without knowing μ, within a small factor of the method that does."""
    problem = nagbench.problem("ill-conditioned-1e4")
    theory = {
        name: find_algorithm(name).theory(problem.smoothness, problem.strong_convexity)
        for name in ("fista", "nesterov")
    }
    counts = {
        name: nagbench.run(problem, nagbench.optimizer(name, **tuning), tolerance=1e-10, relative=True).iterations
        for name, tuning in {**theory, "fista-gradient-restart": theory["fista"]}.items()
    }
    assert counts["fista-gradient-restart"] < 2 * counts["nesterov"]
    assert counts["fista"] > 2 * counts["fista-gradient-restart"]

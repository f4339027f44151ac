"""Forms of Nesterov's method: which of them are one trajectory, from where on others part, and by which published form."""

import itertools

import numpy as np
import pytest
from trajectories import ROSENBROCK_START, SMOOTHNESS, first_difference, log_cosh, rosenbrock, walk

import nagbench

STEPS = 60
LR, M = 1e-4, 0.9
START = np.linspace(-1.0, 2.0, 6)


def same(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def path(step, start, steps, state):
    points, x = [np.array(start)], np.array(start)
    for k in range(steps):
        x, state = step(k, x, state)
        points.append(x)
    return np.array(points)


# The published forms, one line of arithmetic each: (parameter, velocity or buffer) → the same.
PUBLISHED = {
    "keras": lambda p, v, g: (p + M * (M * v - LR * g) - LR * g, M * v - LR * g),
    "pytorch, optax": lambda p, b, g: (p - LR * (g + M * (M * b + g)), M * b + g),
    "cs231n": lambda p, v, g: (p - M * v + (1 + M) * (M * v - LR * g), M * v - LR * g),
    "bengio": lambda p, v, g: (p + M * M * v - (1 + M) * LR * g, M * v - LR * g),
}


@pytest.mark.parametrize("published", PUBLISHED)
class TestOneTrajectorySeenAtTheQueryPoint:
    def theirs(self, published):
        def step(_k, p, state):
            return PUBLISHED[published](p, state, rosenbrock(p))

        return path(step, ROSENBROCK_START, STEPS, np.zeros(2))

    @pytest.mark.parametrize("name", ["nesterov", "nesterov-two-sequence"])
    def test_query_points(self, name, published):
        iterates, queries = walk(name, rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=M)
        same(queries, self.theirs(published))
        assert np.abs(iterates - queries).max() > 1e-3

    def test_qhm_is_tested_there(self, published):
        ours, _ = walk("qhm", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR / (1 - M), momentum=M, nu=M)
        same(ours, self.theirs(published))


def test_the_two_points_are_a_step_of_the_buffer_apart():
    """x_k = p_k + m·s·b_k, with PyTorch's parameter p and buffer b."""
    iterates, queries = walk("nesterov", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=M)
    buffer = np.zeros(2)
    for k in range(STEPS):
        buffer = M * buffer + rosenbrock(queries[k])
        same(iterates[k + 1], queries[k + 1] + M * LR * buffer)


def test_a_chain_that_traces_scaled_gradients_is_the_look_ahead_form():
    """Optax: `scale_by_learning_rate`, then `trace(m, nesterov=True)`: u = −s·g, t ← u + m·t, p ← p + u + m·t."""

    def step(k, p, t):
        u = -dropped(LR, 25, 0.1)[k] * rosenbrock(p)
        t = u + M * t
        return p + u + M * t, t

    _, queries = walk("nesterov", rosenbrock, ROSENBROCK_START, STEPS, step_size=dropped(LR, 25, 0.1), momentum=M)
    same(queries, path(step, ROSENBROCK_START, STEPS, np.zeros(2)))


def test_pytorchs_form_is_kerass_with_another_decay_of_the_velocity():
    """After a change of the step size: v ← (m·s_k/s_{k−1})·v − s_k·g, and then p ← p + m·v − s_k·g as in Keras."""
    steps = dropped(LR, 25, 0.1)

    def pytorch(k, p, b):
        b = M * b + rosenbrock(p)
        return p - steps[k] * (rosenbrock(p) + M * b), b

    def keras(k, w, v):
        decay = M * steps[k] / steps[max(k - 1, 0)]
        v = decay * v - steps[k] * rosenbrock(w)
        return w + M * v - steps[k] * rosenbrock(w), v

    both = [path(form, ROSENBROCK_START, STEPS, np.zeros(2)) for form in (pytorch, keras)]
    same(*both)
    buffer, _ = walk("qhm", rosenbrock, ROSENBROCK_START, STEPS, step_size=steps / (1 - M), momentum=M, nu=M)
    same(buffer, both[0])


@pytest.mark.parametrize("name", ["momentum", "nesterov", "nesterov-two-sequence"])
def test_along_a_constant_gradient_the_speed_tends_to_s_over_1_minus_m(name):
    x, _ = walk(name, np.ones_like, [0.0], 400, step_size=0.3, momentum=M)
    assert x[-2, 0] - x[-1, 0] == pytest.approx(0.3 / (1 - M), rel=1e-12)


def test_the_sign_flipped_form_is_the_look_ahead_form():
    def step(_k, x, v):
        v = M * v + LR * rosenbrock(x - M * v)
        return x - v, v

    ours, _ = walk("nesterov", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=M)
    same(ours, path(step, ROSENBROCK_START, STEPS, np.zeros(2)))


@pytest.mark.parametrize("name", ["nesterov-two-sequence", "nesterov-quadratic-optimal"])
def test_two_sequences_are_the_look_ahead_form(name):
    both = [walk(form, rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=M)[0] for form in ("nesterov", name)]
    same(*both)


def dropped(value, at, factor):
    return np.where(np.arange(STEPS) < at, value, value * factor)


def test_after_a_drop_of_the_step_size_a_velocity_and_a_buffer_part():
    """What is remembered is v = −s·b in one form and b in the other: the drop acts on the past of the second alone."""
    at, step = 25, dropped(LR, 25, 0.1)
    velocity = walk("nesterov", rosenbrock, ROSENBROCK_START, STEPS, step_size=step, momentum=M)
    extrapolated = walk("nesterov-two-sequence", rosenbrock, ROSENBROCK_START, STEPS, step_size=step, momentum=M)
    buffer, _ = walk("qhm", rosenbrock, ROSENBROCK_START, STEPS, step_size=step / (1 - M), momentum=M, nu=M)
    same(velocity, extrapolated)
    assert first_difference(velocity[1], buffer) == at + 1


def test_after_a_change_of_the_momentum_look_ahead_and_two_sequences_part():
    """The gradient of that iteration is taken ahead with the old momentum, and the velocity decays with the new one."""
    at, momentum = 25, dropped(M, 25, 0.5)
    look_ahead = walk("nesterov", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=momentum)[0]
    two = walk("nesterov-two-sequence", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=momentum)[0]
    assert first_difference(look_ahead, two) == at + 1


class TestSutskever:
    def scheduled(self, k, ceiling):
        return min(1.0 - 2.0 ** (-1.0 - np.log2(k // 250 + 1)), ceiling)

    @pytest.mark.parametrize("ceiling", [0.3, 0.9, 0.995])
    def test_against_the_papers_formula(self, ceiling):
        step_size = 0.3 / SMOOTHNESS

        def step(k, x, v):
            m = self.scheduled(k, ceiling)
            v = m * v - step_size * log_cosh(x + m * v)
            return x + v, v

        ours, _ = walk("nesterov-sutskever", log_cosh, START, 1300, step_size=step_size, momentum=ceiling)
        same(ours, path(step, START, 1300, np.zeros(6)))

    def test_it_leaves_constant_momentum_when_the_schedule_first_rises(self):
        step_size = 0.01 / SMOOTHNESS
        constant, _ = walk("nesterov", log_cosh, START, 400, step_size=step_size, momentum=0.5)
        rising, _ = walk("nesterov-sutskever", log_cosh, START, 400, step_size=step_size, momentum=0.99)
        # Iteration 250 is the first with m = 3/4, and x_251 its result.
        assert first_difference(constant, rising, 0.0) == 251

    def test_below_its_ceiling_it_is_nesterov(self):
        step_size = 0.3 / SMOOTHNESS
        same(
            walk("nesterov", log_cosh, START, 300, step_size=step_size, momentum=0.4)[0],
            walk("nesterov-sutskever", log_cosh, START, 300, step_size=step_size, momentum=0.4)[0],
        )


@pytest.mark.parametrize("s", [0.01, 0.3, 0.99])
def test_on_a_quadratic_nesterov_is_a_heavy_ball_with_less_momentum(s):
    """Sutskever et al. 2013, theorem 2.1: with momentum m(1 − s·λ) in the direction of the eigenvalue λ."""
    curvature = 7.0

    def gradient(x):
        return curvature * x

    nag, _ = walk("nesterov", gradient, [1.0], 100, step_size=s / curvature, momentum=0.95)
    ball, _ = walk("momentum", gradient, [1.0], 100, step_size=s / curvature, momentum=0.95 * (1 - s))
    same(nag, ball)


class TestEstimateSequence:
    S = 1.0 / SMOOTHNESS

    def test_without_strong_convexity_it_is_fista(self):
        fista = walk("fista", log_cosh, START, 400, step_size=self.S)
        same(fista, walk("nesterov-estimate-sequence", log_cosh, START, 400, step_size=self.S, q=0.0, t0=1.0))

    @pytest.mark.parametrize("q", [0.5, 1e-2, 1e-4])
    def test_started_at_its_limit_its_momentum_is_constant(self, q):
        root = np.sqrt(q)
        constant = walk(
            "nesterov-two-sequence", log_cosh, START, 400, step_size=self.S, momentum=(1 - root) / (1 + root)
        )
        same(constant, walk("nesterov-estimate-sequence", log_cosh, START, 400, step_size=self.S, q=q, t0=1 / root))

    @pytest.mark.parametrize(("gamma", "mu"), [(1.0, 0.0), (1.0, 0.01), (0.2, 0.01), (3.0, 0.1)])
    def test_against_the_general_scheme_in_three_sequences(self, gamma, mu):
        """Nesterov 2004, scheme 2.2.8 with L = 1/s: x, y and v, and γ from ``gamma``·L."""
        L = SMOOTHNESS
        gamma, mu = gamma * L, mu * L

        def step(_k, x, state):
            v, gamma = state
            alpha = max(np.roots([L, gamma - mu, -gamma]))
            following = (1 - alpha) * gamma + alpha * mu
            y = (alpha * gamma * v + following * x) / (gamma + alpha * mu)
            g = log_cosh(y)
            return y - g / L, (((1 - alpha) * gamma * v + alpha * mu * y - alpha * g) / following, following)

        theirs = path(step, START, 200, (START.copy(), gamma))
        alpha = max(np.roots([L, gamma - mu, -gamma]))
        ours, _ = walk("nesterov-estimate-sequence", log_cosh, START, 200, step_size=1 / L, q=mu / L, t0=1 / alpha)
        same(ours, theirs)

    def test_gamma_equal_to_l_is_fista_one_momentum_ahead(self):
        """The classic off-by-one: t₀ = t₂ = (1 + √5)/2, so the two part where FISTA's first momentum, 0, is skipped."""
        ours, _ = walk(
            "nesterov-estimate-sequence", log_cosh, START, 200, step_size=self.S, t0=0.5 * (1 + np.sqrt(5.0))
        )
        fista, _ = walk("fista", log_cosh, START, 200, step_size=self.S)
        assert first_difference(ours, fista) == 2

        def step(_k, x, state):
            y, t = state
            following = (1 + np.sqrt(1 + 4 * t * t)) / 2
            moved = y - self.S * log_cosh(y)
            return moved, (moved + (t - 1) / following * (moved - x), following)

        same(ours, path(step, START, 200, (START.copy(), (1 + np.sqrt(5.0)) / 2)))


def test_the_simplified_momentum_is_not_fistas():
    """(t₁ − 1)/t₂ = 0 = (1 − 1)/(1 + 2), but (t₂ − 1)/t₃ = 0.28 and (2 − 1)/(2 + 2) = 0.25."""
    fista, _ = walk("fista", log_cosh, START, 50, step_size=0.5 / SMOOTHNESS)
    simplified, _ = walk("nesterov-convex", log_cosh, START, 50, step_size=0.5 / SMOOTHNESS)
    assert first_difference(fista, simplified) == 3


class TestGradientRestart:
    S = 1.0 / SMOOTHNESS

    def test_it_is_fista_up_to_the_first_restart(self):
        fista, queries = walk("fista", log_cosh, START, 300, step_size=self.S)
        ours, _ = walk("fista-gradient-restart", log_cosh, START, 300, step_size=self.S)
        uphill = [log_cosh(y) @ (after - x) > 0 for y, x, after in zip(queries, fista, fista[1:], strict=False)]
        # The iteration whose step goes uphill keeps its step; the next one starts from there, without momentum.
        assert first_difference(fista, ours) == uphill.index(True) + 2

    def test_a_restart_keeps_the_step_and_starts_fista_anew_from_it(self):
        ours, queries = walk("fista-gradient-restart", log_cosh, START, 300, step_size=self.S)
        together = (ours == queries).all(axis=1)
        # x = y at a restart, and after the one step without momentum that follows it.
        restarts = [k for k in range(2, 301) if together[k] and not together[k - 1]]
        assert len(restarts) >= 3
        for first, then in itertools.pairwise(restarts):
            anew, _ = walk("fista", log_cosh, ours[first], then - first, step_size=self.S)
            same(anew, ours[first : then + 1])


class TestQuasiHyperbolic:
    def test_it_is_gradient_descent_without_the_buffer(self):
        plain, _ = walk("gradient-descent", rosenbrock, ROSENBROCK_START, STEPS, step_size=1e-3)
        same(plain, walk("qhm", rosenbrock, ROSENBROCK_START, STEPS, step_size=1e-3, momentum=0.9, nu=0.0)[0])

    def test_it_is_the_heavy_ball_with_the_buffer_alone(self):
        ball, _ = walk("momentum", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR, momentum=M)
        same(ball, walk("qhm", rosenbrock, ROSENBROCK_START, STEPS, step_size=LR / (1 - M), momentum=M, nu=1.0)[0])

    @pytest.mark.parametrize("rho", [0.3, 0.9, 0.99])
    def test_it_is_triple_momentum_at_the_query_point(self, rho):
        s, m = (1 + rho) / SMOOTHNESS, rho**2 / (2 - rho)
        _, theirs = walk("triple-momentum", log_cosh, START, 200, step_size=s, rho=rho)
        ours, _ = walk("qhm", log_cosh, START, 200, step_size=s / (1 - m), momentum=m, nu=(rho + m) / (1 + rho))
        same(ours, theirs)


@pytest.mark.parametrize("rho", [0.3, 0.9, 0.99])
def test_triple_momentum_as_published(rho):
    """Van Scoy, Freeman & Lynch 2018: ξ with its past, and x and y as extrapolations of ξ."""
    s, beta = (1 + rho) / SMOOTHNESS, rho**2 / (2 - rho)
    gamma, delta = rho**2 / ((1 + rho) * (2 - rho)), rho**2 / (1 - rho**2)
    xi = [START, START]
    expected = [START]
    for _ in range(200):
        y = (1 + gamma) * xi[-1] - gamma * xi[-2]
        xi.append((1 + beta) * xi[-1] - beta * xi[-2] - s * log_cosh(y))
        expected.append((1 + delta) * xi[-1] - delta * xi[-2])
    same(walk("triple-momentum", log_cosh, START, 200, step_size=s, rho=rho)[0], expected)


@pytest.mark.parametrize("horizon", [1, 2, 7, 40])
def test_ogm_is_the_method_with_the_optimal_step_coefficients(horizon):
    """Kim & Fessler 2016, proposition 3: y_{i+1} = y_i − (1/L)·Σ_k h_{i+1,k}·∇f(y_k)."""
    theta = [1.0]
    for i in range(1, horizon + 1):
        theta.append((1 + np.sqrt(1 + (8 if i == horizon else 4) * theta[-1] ** 2)) / 2)
    h = np.zeros((horizon + 1, horizon))
    for i in range(horizon):
        for k in range(i):
            h[i + 1, k] = (2 * theta[k] - h[k + 1 : i + 1, k].sum()) / theta[i + 1]
        h[i + 1, i] = 1 + (2 * theta[i] - 1) / theta[i + 1]
    points, slopes = [START], []
    for i in range(horizon):
        slopes.append(log_cosh(points[-1]))
        points.append(points[-1] - h[i + 1, : i + 1] @ np.array(slopes) / SMOOTHNESS)
    iterates, queries = walk("ogm", log_cosh, START, horizon, step_size=1 / SMOOTHNESS, horizon=horizon)
    same(queries, points)
    same(iterates[-1], points[-1])


def test_ogm_starts_anew_after_its_horizon_and_never_without_one():
    s = 1 / SMOOTHNESS
    twice, _ = walk("ogm", log_cosh, START, 24, step_size=s, horizon=12)
    same(walk("ogm", log_cosh, twice[12], 12, step_size=s, horizon=12)[0], twice[12:])
    endless, _ = walk("ogm", log_cosh, START, 24, step_size=s)
    assert first_difference(twice, endless) == 12


class TestAveraging:
    def test_the_average_of_the_iterates_of_gradient_descent(self):
        plain, _ = walk("gradient-descent", log_cosh, START, 100, step_size=0.02)
        ours, queries = walk("averaged-gradient-descent", log_cosh, START, 100, step_size=0.02)
        same(queries, plain)
        same(ours[1:], np.cumsum(plain[1:], axis=0) / np.arange(1, 101)[:, None])

    def test_the_burn_in_is_left_out(self):
        plain, _ = walk("gradient-descent", log_cosh, START, 100, step_size=0.02)
        ours, _ = walk("averaged-gradient-descent", log_cosh, START, 100, step_size=0.02, burn_in=30)
        same(ours[:32], plain[:32])
        same(ours[31:], [plain[31 : k + 1].mean(axis=0) for k in range(31, 101)])

    def test_closed_form_of_one_mode(self):
        """x̄_n = (r + r² + … + rⁿ)/n with r = 1 − s·λ."""
        r, n = 0.9, 200
        ours, _ = walk("averaged-gradient-descent", lambda x: x, [1.0], n, step_size=1 - r)
        assert ours[n, 0] == pytest.approx(r * (1 - r**n) / (n * (1 - r)), rel=1e-12)


class TestCountsAtTheTwoPoints:
    def counts(self, kappa, momentum):
        problem, s = nagbench.problem("quadratic", eigenvalues=[1.0, kappa], start=[1.0, 1.0]), 1 / kappa
        at_x = nagbench.optimizer("nesterov", step_size=s, momentum=momentum)
        at_query = nagbench.optimizer("qhm", step_size=s / (1 - momentum), momentum=momentum, nu=momentum)
        return [nagbench.run(problem, at, tolerance=1e-2, relative=True).iterations for at in (at_x, at_query)]

    @pytest.mark.parametrize("kappa", [3.0, 10.0, 100.0, 1000.0])
    def test_with_little_oscillation_they_differ_by_one_at_most(self, kappa):
        at_x, at_query = self.counts(kappa, (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1))
        assert abs(at_x - at_query) <= 1

    def test_with_much_a_ripple_meets_the_tolerance_at_one_point_and_misses_it_at_the_other(self):
        at_x, at_query = self.counts(5.1, 0.98)
        assert at_query - at_x > 5

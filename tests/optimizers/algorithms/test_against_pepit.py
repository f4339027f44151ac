"""Worst cases as PEPit finds them: of our own updates, run on its symbolic points, beside its examples and proved bounds."""

import math

import numpy as np
import pytest

from nagbench.analysis.worst_cases import Instance, worst_case
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import find_algorithm

pytest.importorskip("PEPit")
from PEPit import PEP, null_point
from PEPit.examples import unconstrained_convex_minimization as examples
from PEPit.functions import SmoothStronglyConvexFunction

pytestmark = pytest.mark.filterwarnings("ignore")

# Their one slot holds a number, not a point.
OF_NUMBERS = ("fista", "nesterov-estimate-sequence", "ogm")
# As accurate as PEPit's open solvers get: 1e-6 and better.
SOLVER = "CLARABEL"
L, KAPPA = 3.0, 10.0
MU = L / KAPPA


def worst(name, values, n, mu=0.0, start="distance"):
    """The largest f(x_n) − f* of our update over all functions with L and μ, where what ``start`` says is at most 1."""
    problem, method = PEP(), find_algorithm(name)
    f = problem.declare_function(SmoothStronglyConvexFunction, mu=mu, L=L)
    least, first = f.stationary_point(), problem.set_initial_point()
    height, distance = f(first) - f(least), (first - least) ** 2
    problem.set_initial_condition(
        {"distance": distance, "height": height, "both": height + mu / 2 * distance}[start] <= 1
    )
    iterate = np.array([first], dtype=object)
    query = iterate.copy() if method.look_ahead else iterate
    slots = np.full((method.slots, 1), 0.0 if name in OF_NUMBERS else null_point, dtype=object)
    for k in range(n):
        gradient = np.array([f.gradient(query[0])], dtype=object)
        method.update(k, gradient, iterate, query, slots, Optimizer(method, values).hyper)
    problem.set_performance_metric(f(iterate[0]) - f(least))
    return problem.solve(verbose=0, solver=SOLVER)


def theory(name, mu=0.0):
    return dict(find_algorithm(name).theory(L, mu))


def proved(name, values, n, mu=0.0, *, distance=1.0, height=0.0):
    step, momentum = values["step_size"] * L, values.get("momentum", 0.0)
    at = Instance(
        smoothness=L, strong_convexity=mu, distance=distance, height=height, step=step, momentum=momentum, given=values
    )
    return worst_case(name, at, n)


def ghadimi(mu):
    """Step size and momentum of PEPit's heavy ball, α = 1/(2L)."""
    alpha = 1 / (2 * L)
    return {"step_size": alpha, "momentum": math.sqrt((1 - alpha * mu) * (1 - L * alpha))}


@pytest.mark.parametrize("n", [1, 2, 5])
class TestPepitsOwnValues:
    """The worst case of our update is the one that PEPit's own example of the method computes."""

    def test_gradient_descent(self, n):
        theirs, _ = examples.wc_gradient_descent(L=L, gamma=1 / L, n=n, solver=SOLVER, verbose=-1)
        assert worst("gradient-descent", theory("gradient-descent"), n) == pytest.approx(theirs, abs=1e-5)

    def test_accelerated_gradient_for_convex_functions(self, n):
        theirs, _ = examples.wc_accelerated_gradient_convex(mu=0, L=L, n=n, solver=SOLVER, verbose=-1)
        assert worst("fista", theory("fista"), n) == pytest.approx(theirs, abs=1e-5)

    def test_accelerated_gradient_for_strongly_convex_functions(self, n):
        theirs, _ = examples.wc_accelerated_gradient_strongly_convex(mu=MU, L=L, n=n, solver=SOLVER, verbose=-1)
        for name in ("nesterov", "nesterov-two-sequence"):
            assert worst(name, theory(name, MU), n, MU, "both") == pytest.approx(theirs, abs=1e-5)

    def test_heavy_ball(self, n):
        values = ghadimi(MU)
        theirs, _ = examples.wc_heavy_ball_momentum(
            mu=MU, L=L, alpha=values["step_size"], beta=values["momentum"], n=n, solver=SOLVER, verbose=-1
        )
        assert worst("momentum", values, n, MU, "height") == pytest.approx(theirs, abs=1e-5)

    def test_optimized_gradient_method(self, n):
        theirs, _ = examples.wc_optimized_gradient(L=L, n=n, solver=SOLVER, verbose=-1)
        assert worst("ogm", {"step_size": 1 / L, "horizon": n}, n) == pytest.approx(theirs, abs=1e-5)

    def test_triple_momentum(self, n):
        theirs, _ = examples.wc_triple_momentum(mu=MU, L=L, n=n, solver=SOLVER, verbose=-1)
        assert worst("triple-momentum", theory("triple-momentum", MU), n, MU) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("n", [1, 3])
class TestBounds:
    """`analysis.worst_cases`: equal to PEPit's value where tight, above it elsewhere."""

    def test_tight(self, n):
        rho = 1 - KAPPA**-0.5
        assert proved("gradient-descent", theory("gradient-descent"), n) == pytest.approx(L / (4 * n + 2))
        assert worst("gradient-descent", theory("gradient-descent"), n) == pytest.approx(L / (4 * n + 2), abs=1e-5)
        tuned = theory("triple-momentum", MU)
        bound = proved("triple-momentum", tuned, n, MU)
        assert bound == pytest.approx(rho ** (2 * n) * L * KAPPA / 2)
        assert worst("triple-momentum", tuned, n, MU) == pytest.approx(bound, abs=1e-5)

    @pytest.mark.parametrize("name", ["fista", "nesterov-convex", "nesterov-estimate-sequence", "ogm"])
    def test_convex(self, name, n):
        """The momentum of `nesterov-convex` is the i/(i + 3) of Taylor, Hendrickx & Glineur 2017: 2L/(n² + 5n + 6)."""
        found, bound = worst(name, theory(name), n), proved(name, theory(name), n)
        assert found <= bound + 1e-6
        assert bound <= 4 * found
        if name == "nesterov-convex":
            assert found == pytest.approx(2 * L / (n * n + 5 * n + 6), abs=1e-5)

    def test_strongly_convex(self, n):
        tuned = theory("nesterov", MU)
        both = proved("nesterov", tuned, n, MU, distance=0.0, height=1.0)
        assert worst("nesterov", tuned, n, MU, "both") <= both + 1e-6
        scheme = theory("nesterov-estimate-sequence", MU)
        assert worst("nesterov-estimate-sequence", scheme, n, MU) <= (
            proved("nesterov-estimate-sequence", scheme, n, MU) + 1e-6
        )
        ball = ghadimi(MU)
        assert worst("momentum", ball, n, MU, "height") <= proved("momentum", ball, n, MU, height=1.0) + 1e-6

    def test_gradient_descent_at_other_steps(self, n):
        for step, mu in ((0.4 / L, 0.0), (1.2 / L, MU), (2 / (L + MU), MU)):
            values = {"step_size": step}
            assert worst("gradient-descent", values, n, mu) <= proved("gradient-descent", values, n, mu) + 1e-6


def test_no_bound_is_claimed_where_it_does_not_hold():
    assert proved("nesterov-convex", {"step_size": 1.1 / L}, 5) == math.inf
    assert proved("ogm", {"step_size": 1 / L, "horizon": 3.0}, 5) == math.inf
    assert proved("momentum", {"step_size": 1.5 / L, "momentum": 0.9}, 5, MU, height=1.0) == math.inf
    assert proved("triple-momentum", {"step_size": 1 / L, "rho": 0.5}, 5, MU) == math.inf
    assert proved("adam", {"step_size": 1 / L}, 5) == math.inf

"""Iterations that suffice in the worst case: the first at which a bound is low enough, also where bounds jump."""

import math

import numpy as np
import pytest

import nagbench
from nagbench.analysis.proved_bounds import BOUNDS, Instance
from nagbench.analysis.worst_cases import iterations_at_most, published_bound
from nagbench.optimizers.algorithm import textbook_hyperparameters
from nagbench.optimizers.registry import find_algorithm

# f = 2/2·‖x‖², from a distance of 5; as a convex function, with μ = 0, and as a strongly convex one.
L, DISTANCE = 2.0, 25.0
SPEC = "quadratic:eigenvalues=[1,2],rotation=1"


@pytest.fixture(scope="module")
def problem():
    found = nagbench.problem(SPEC, start=[3.0, 4.0])
    assert ((found.minimizers[0] - found.start) ** 2).sum() == pytest.approx(DISTANCE)
    return found


def first(values, target):
    """The least n at which the value is at most the target, by looking at each."""
    return next((n for n in sorted(values) if values[n] <= target), None)


def thetas(n, last_factor):
    """θ_n of the optimal methods, θ₀ = 1, the last by another factor."""
    theta = 1.0
    for k in range(1, n + 1):
        theta = (1 + math.sqrt(1 + (last_factor if k == n else 4) * theta**2)) / 2
    return theta


@pytest.mark.parametrize("target", [1.0, 0.1, 0.03, 1e-2, 1e-3])
class TestPublishedSequences:
    """The bounds written down anew, and looked through one by one."""

    def test_silver_steps_are_bounded_after_powers_of_two_less_one(self, problem, target):
        """Altschuler & Parrilo 2024, theorem 1.1, with ρ²ʲ from the recursion of Pell numbers: ρʲ = Pⱼρ + Pⱼ₋₁."""
        sequence, pell, before = {}, 1, 0
        for j in range(1, 24):
            power = pell * (1 + math.sqrt(2)) + before
            sequence[2**j - 1] = L * DISTANCE / (1 + math.sqrt(4 * power**2 - 3))
            pell, before = 2 * pell + before, pell
        expected = first(sequence, target)
        assert (expected + 1).bit_count() == 1
        optimizer = nagbench.optimizer("silver-steps", step_size=1 / L)
        assert iterations_at_most(problem, optimizer, "value", target, problem.start) == expected

    @pytest.mark.parametrize("horizon", [1, 5, 100, 400])
    def test_methods_with_a_horizon_are_bounded_there_and_ogm_before_it_too(self, problem, target, horizon):
        end = thetas(horizon, 8)
        ogm = {n: L * DISTANCE / (n + 1) ** 2 for n in range(1, horizon)}
        ogm[horizon] = L * DISTANCE / (2 * end**2)
        # The thetas of OGM-G are those of OGM in reverse.
        height = problem.value(problem.start)
        for name, measure, sequence, wanted in (
            ("ogm", "value", ogm, target),
            ("optista", "value", {horizon: L * DISTANCE / (2 * (end**2 - 1))}, target),
            ("ogm-g", "gradient", {horizon: 2 * L * height / end**2}, target**2),
        ):
            optimizer = nagbench.optimizer(name, step_size=1 / L, horizon=horizon)
            assert iterations_at_most(problem, optimizer, measure, target, problem.start) == first(sequence, wanted)

    def test_item_is_bounded_in_the_distance(self, problem, target):
        q, weight, sequence = 0.5, 0.0, {0: DISTANCE}
        for n in range(1, 60):
            weight = ((math.sqrt(1 + weight) + math.sqrt(1 + q * weight)) / (1 - q)) ** 2
            sequence[n] = DISTANCE / (1 + q * weight)
        optimizer = nagbench.optimizer("item", step_size=1 / L, q=q)
        for measure, wanted in (("distance", target**2), ("value", 2 * target / L), ("gradient", (target / L) ** 2)):
            assert iterations_at_most(problem, optimizer, measure, target, problem.start) == first(sequence, wanted)


@pytest.mark.parametrize("mu", [0.0, 0.02])
@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_every_bound_says_where_it_is_proved_and_falls_from_there_to_there(name, mu):
    given = dict(textbook_hyperparameters(find_algorithm(name), 1.0, mu) or {})
    if name == "ac-sa":
        given["step_size"] = 0.5
    if name == "momentum":
        given = {"step_size": 0.5, "momentum": math.sqrt((1 - 0.5 * mu) * 0.5)}
    for horizon in (0, 7):
        if horizon and "horizon" not in find_algorithm(name).hyperparameters:
            continue
        values = given | ({"horizon": horizon} if horizon else {})
        at = Instance(1.0, mu, 1.0, 0.5, values.get("step_size", math.nan), values.get("momentum", 0.0), values)
        for bound in BOUNDS[name]:
            values_at = [bound.formula(at, k) for k in range(600)]
            proved = [k for k in bound.proved_at(at)[:600] if k < 600]
            elsewhere = np.isfinite(np.delete(values_at, proved))
            assert not elsewhere.any()
            assert (np.diff([values_at[k] for k in proved if math.isfinite(values_at[k])]) <= 1e-15).all()


@pytest.mark.parametrize(
    ("name", "values", "measure"),
    [
        ("silver-steps", {}, "value"),
        ("ogm", {"horizon": 60}, "value"),
        ("ogm-g", {"horizon": 60}, "gradient"),
        ("item", {"q": 0.5}, "distance"),
        ("item", {"q": 0.5}, "value"),
        ("optista", {"horizon": 60}, "value"),
    ],
)
def test_no_run_needs_more_than_what_suffices(problem, name, values, measure):
    optimizer = nagbench.optimizer(name, step_size=1 / L, **values)
    most = iterations_at_most(problem, optimizer, measure, 0.3, problem.start)
    run = nagbench.run(problem, optimizer, measure=measure, tolerance=0.3, budget=most, engine="python")
    assert run.status == "converged"
    assert run.iterations <= most


def test_a_bound_counts_only_for_what_it_takes_at_the_start():
    at = Instance(1.0, 0.0, 0.0, 1.0, 1.0, 0.0, {"step_size": 1.0})
    assert math.isnan(published_bound("fista", at, 5, "value", "height"))
    assert math.isnan(published_bound("fista", at, 5, "value", "both"))

"""What is called rounding, and what is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nagbench
from nagbench.optimizers.registry import find_algorithm
from nagbench.validation.equivalence.lockstep import Noise, follow, target_of
from nagbench.validation.equivalence.rounding import allowance, compare, distances, ulps

STEPS = 60
PATHS = arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6))


def verified(*names, **settings):
    return nagbench.verify(*names, **settings).pairs.set_index("scenario")


@pytest.fixture(scope="module")
def pairs():
    names = ("reordered", "off_1e_12", "late", "forgets", "breaks")
    return {name: verified("momentum", f"planted:{name}") for name in names}


class TestPlanted:
    def test_the_same_sums_in_another_order_are_rounding(self, pairs):
        changed = pairs["reordered"].loc[["constant", "step-drop", "momentum", "float32"]]
        assert set(changed["verdict"]) == {"rounding"}
        assert changed["ulps"].between(1, 20).all()

    def test_an_error_of_1e_12_is_found(self, pairs):
        assert pairs["off_1e_12"].loc["constant", "verdict"] == "different"
        # Single precision cannot hold such a step size.
        assert pairs["off_1e_12"].loc["float32", "verdict"] == "identical"

    def test_a_scenario_that_changes_what_an_implementation_does_not_take_is_left_out(self, pairs):
        assert "dampening" not in pairs["reordered"].index

    def test_an_off_by_one_in_the_momentum_shows_when_the_momentum_changes(self, pairs):
        late = pairs["late"]
        assert late.loc["constant", "verdict"] != "different"
        assert late.loc["momentum", "verdict"] == "different"
        # Iteration 30 is the first with another momentum; x_31 is its result.
        assert late.loc["momentum", "parts_at"] == 31

    @pytest.mark.parametrize("scenario", ["constant", "step-drop", "momentum", "float32"])
    def test_the_step_of_the_parting_is_exact(self, pairs, scenario):
        assert pairs["forgets"].loc[scenario, ["verdict", "parts_at"]].tolist() == ["different", 18]

    def test_an_end_in_nan_is_a_parting(self, pairs):
        at_zero = pairs["breaks"].loc["zero-momentum"]
        assert at_zero[["verdict", "parts_at", "distance"]].tolist() == ["different", 6, "inf"]


def test_an_off_by_one_in_nesterovs_momentum_is_found_at_once():
    pairs = verified("planted:wrong_nesterov", "nesterov-two-sequence", scenarios=["constant"])
    assert pairs.loc["constant", ["mapped_verdict", "mapped_parts_at"]].tolist() == ["different", 1]
    assert pairs.loc["constant", "explanation"] == ""


class TestChaos:
    """RMSprop with a step size of 1e-2 on Rosenbrock's valley makes 1e-3 of the last bit within a hundred steps."""

    def walk(self, start, noise=None):
        target = target_of(nagbench.problem("rosenbrock"))
        values = {"step_size": 1e-2, "decay": 0.9, "epsilon": 1e-8}
        schedule = {name: np.full(301, value) for name, value in values.items()}
        return follow(find_algorithm("rmsprop"), schedule, target, start, 300, noise).points

    def test_one_bit_at_the_start_is_rounding_however_far_it_leads(self):
        start = nagbench.problem("rosenbrock").start
        beside = np.nextafter(start, 0.0)
        path, other = self.walk(start), self.walk(beside)
        allowed = allowance(path, [self.walk(start, Noise(seed, start)) for seed in range(3)])
        found = compare(path, other, allowed)
        assert found.distance > 1e-6
        assert found.verdict == "rounding"
        # And the certificate says from where on that means nothing.
        assert found.told_until < 300

    def test_where_nothing_is_amplified_little_is_allowed(self):
        problem = nagbench.problem("bowl")
        schedule = {"step_size": np.full(61, 0.1)}

        def walk(noise=None):
            return follow(
                find_algorithm("gradient-descent"), schedule, target_of(problem), problem.start, 60, noise
            ).points

        allowed = allowance(walk(), [walk(Noise(seed, problem.start)) for seed in range(3)])
        assert allowed[-1] < 1e-13 * np.abs(problem.start).max()


def test_a_run_shifted_by_noise_is_the_run_itself_where_there_is_no_unit_to_round_to():
    """The disturbed run differs from the plain one by rounding errors alone, not by how it is made."""
    problem = nagbench.problem("rosenbrock-10")
    schedule = {"step_size": np.full(61, 1e-4), "momentum": np.full(61, 0.9)}
    noise = Noise(0, problem.start)
    noise._unit = 0.0
    plain, shifted = (
        follow(find_algorithm("momentum"), schedule, target_of(problem), problem.start, STEPS, n).points
        for n in (None, noise)
    )
    np.testing.assert_array_equal(plain, shifted)


class TestLaws:
    @given(PATHS)
    def test_a_path_is_identical_to_itself(self, path):
        found = compare(path, path.copy(), np.zeros(4))
        assert (found.verdict, found.distance, found.ulps, found.parts_at) == ("identical", 0.0, 0.0, None)

    @given(PATHS, PATHS)
    def test_distances_are_a_distance(self, a, b):
        np.testing.assert_array_equal(distances(a, b), distances(b, a))
        np.testing.assert_array_equal(ulps(a, b), ulps(b, a))
        np.testing.assert_array_equal(distances(a, b) == 0.0, (a == b).all(axis=1))
        np.testing.assert_allclose(distances(a, b), np.abs(a - b).max(axis=1), rtol=1e-15)

    @given(PATHS, st.integers(0, 3), st.integers(0, 2), st.integers(1, 1000))
    def test_ulps_count_numbers_at_the_largest_coordinate(self, path, step, coordinate, count):
        path[step] = np.clip(path[step], -1.0, 1.0)
        path[step, coordinate] = 1.5
        other = path.copy()
        for _ in range(count):
            other[step, coordinate] = np.nextafter(other[step, coordinate], 2.0)
        assert ulps(path, other)[step] == count

    @given(PATHS, PATHS, st.floats(0.0, 1e6))
    def test_a_larger_allowance_never_parts_earlier(self, a, b, allowed):
        less, more = (compare(a, b, np.full(4, scale * allowed)) for scale in (1.0, 2.0))
        assert more.parts_at is None or (less.parts_at is not None and less.parts_at <= more.parts_at)

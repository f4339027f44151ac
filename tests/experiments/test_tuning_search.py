"""The search of a tuning: its blocks, its prefix property, and what it asks for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nagbench.experiments.names import resolve_variants
from nagbench.experiments.specification import validate_spec
from nagbench.experiments.tuning import Search, block_sizes, point_of, values_of


@given(st.integers(1, 5000))
def test_blocks_hold_all_trials_and_one_ends_at_half_of_them(trials):
    sizes = block_sizes(trials)
    assert sum(sizes) == trials
    assert trials // 2 in {0, *np.cumsum(sizes).tolist()}


def _searched(trials, count, starts=3):
    """All requests of a search in which f(point, start) is the number of iterations."""
    spec = validate_spec({"trials": trials, "finalists": 3, "budget": 10**6})
    (variant,) = resolve_variants(["momentum"])
    search, asked = Search(spec, variant, starts, None, 0), []
    for number in range(search.passes):
        requests = list(search.requests(number))
        outcomes = []
        for request in requests:
            scores = np.array([[count(x, s) for s in range(request.first, request.last)] for x in request.points])
            outcomes.append((request, scores.reshape(len(request.points), -1), np.zeros(scores.shape)))
        search.observe(outcomes)
        asked += requests
    return asked


def _valley(point, start):
    return 100.0 + 1e4 * ((point - 0.37) ** 2).sum() + start


def test_every_trial_runs_from_the_first_start_and_finalists_from_all_others():
    asked = _searched(64, _valley)
    first = np.concatenate([request.numbers for request in asked if request.first == 0])
    assert first.tolist() == list(range(64))
    others = [request for request in asked if request.first == 1]
    assert [request.numbers.size for request in others] == [3, 3, 3, 3]
    assert all(request.last == 3 for request in others)


def test_the_first_half_of_the_trials_is_a_tuning_with_half_as_many():
    half, whole = ([r for r in _searched(n, _valley) if r.first == 0] for n in (64, 128))
    for one, other in zip(half, whole, strict=False):
        np.testing.assert_array_equal(one.points, other.points)


def test_the_search_closes_in_on_the_best():
    asked = _searched(256, _valley)
    last = np.concatenate([request.points for request in asked if request.first == 0])
    distance = np.abs(last - 0.37).max(axis=1)
    assert distance[-128:].min() < 0.02
    assert distance[-128:].min() < distance[:32].min()


def test_runs_from_the_first_start_end_at_a_small_multiple_of_the_best_count():
    budgets = [request.budget for request in _searched(64, _valley) if request.first == 0]
    assert budgets[0] == 10**6
    assert all(4 * 100 <= budget <= 8 * 10_000 for budget in budgets[1:])


def test_runs_of_finalists_end_at_a_small_multiple_of_the_best_median():
    budgets = [request.budget for request in _searched(64, _valley) if request.first == 1]
    assert budgets[0] == 10**6
    assert all(8 * 100 <= budget <= 16 * 10_000 for budget in budgets[1:])


def test_a_search_that_has_settled_ends_at_the_best():
    asked = [request for request in _searched(4096, _valley) if request.first == 0]
    points = np.concatenate([request.points for request in asked])
    assert len(points) < 1000
    assert min(_valley(point, 0) for point in points) < 101.0


def test_a_search_that_solves_nothing_gives_up_at_half_of_its_trials():
    asked = _searched(128, lambda point, start: np.inf)
    first, others = ([request for request in asked if request.first == start] for start in (0, 1))
    assert sum(request.numbers.size for request in first) == 64
    assert [request.budget for request in first] == [10**6, *[10**6 // 16] * 3]
    # Two trials say so from all starts, with the whole budget.
    assert [(request.numbers.size, request.budget) for request in others] == [(2, 10**6)]


@settings(max_examples=20)
@given(st.tuples(*[st.floats(0.001, 0.999)] * 2), st.sampled_from([1.0, 0.01]))
def test_a_point_is_where_its_values_lie(point, unit):
    (variant,) = resolve_variants(["nesterov"])
    values = {name: column[0] for name, column in values_of(variant, unit, np.array([point])).items()}
    assert point_of(variant, unit, values) == pytest.approx(point, abs=1e-9)


def test_an_earlier_specification_means_what_it_meant():
    earlier = {
        "name": "default", "problems": ["bowl"], "optimizers": ["nesterov"], "suites": [], "trials": 3, "grid": 10, "starts": 1,
        "seeds": 1, "oracles": ["exact"], "measure": "gradient", "relative": False, "tolerances": [1e-3, 1e-6], "budget": 2000,
        "timing": True, "repeats": 2, "curves": True,
    }  # fmt: skip
    spec = validate_spec(earlier)
    assert (spec.replicates, spec.finalists, spec.textbook, spec.held_out, spec.moved) == (1, 0, False, 0, 0)
    assert validate_spec({"trials": 3}).replicates == 8
    assert validate_spec(spec.model_dump()) == spec

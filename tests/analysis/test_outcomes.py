"""Intervals of outcomes with crossed random factors, against simulated data whose truth is known."""

import math

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings
from scipy import stats

from nagbench.analysis.outcomes import _mean_ranks, crossed_spread, median_of, outcome_interval

BLOCKS = hnp.arrays(
    float,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=7),
    elements=st.integers(-40, 40).map(lambda k: k / 8),
)


def _simulated(random, of_replicates, of_starts, of_rest, mean=0.0, shape=(8, 10)):
    r, s = shape
    return (
        mean
        + of_replicates * random.standard_normal((r, 1))
        + of_starts * random.standard_normal((1, s))
        + of_rest * random.standard_normal((r, s))
    )


@pytest.mark.parametrize(
    "spreads", [(0.2, 0.2, 0.2), (0.5, 0.0, 0.1), (0.0, 0.5, 0.1), (0.0, 0.0, 0.3), (0.3, 0.1, 0.0)]
)
def test_the_interval_covers_the_mean_as_often_as_it_says(spreads):
    random = np.random.default_rng(7)
    found = [outcome_interval(_simulated(random, *spreads, mean=0.4), 0.95) for _ in range(1500)]
    covered = np.mean([low <= 0.4 <= high for _, low, high in found])
    # Three standard errors of 1,500 draws at 95 %; the bound on components makes it wider where one is 0.
    assert covered > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 1500)


@pytest.mark.parametrize("spreads", [(0.3, 0.3, 0.1), (0.0, 0.5, 0.1)])
def test_with_censored_outcomes_equal_optimizers_are_rarely_called_different(spreads):
    random = np.random.default_rng(8)
    wrong = 0
    for _ in range(200):
        block = _simulated(random, *spreads)
        block[np.abs(block) > 0.6] *= np.inf
        found = outcome_interval(block, 0.95)
        wrong += found.low > 0.0 or found.high < 0.0
    assert wrong / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_one_factor_is_students_interval():
    values = np.array([0.1, 0.4, 0.35, 0.2, 0.6])
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    for block in (values[None], values[:, None]):
        np.testing.assert_allclose(outcome_interval(block, 0.95), (values.mean(), low, high), rtol=1e-12)


def test_mean_squares_are_those_of_a_textbook():
    # Two-way layout without replication; Σ by hand: rows 1, 3, 5 and columns 2, 4 about a mean of 3, rest ±1/2 but for one row.
    block = np.array([[0.5, 1.5], [1.5, 4.5], [4.0, 6.0]])
    spread = crossed_spread(block)
    rows = 2 * ((block.mean(1) - 3) ** 2).sum() / 2
    columns = 3 * ((block.mean(0) - 3) ** 2).sum() / 1
    rest = ((block - block.mean(1, keepdims=True) - block.mean(0) + 3) ** 2).sum() / 2
    assert (rows, columns, rest) == (8.0, 6.0, 0.5)
    assert spread.variance == pytest.approx((8.0 + 6.0 - 0.5) / 6)
    assert spread.freedom == pytest.approx(13.5**2 / (8.0**2 / 2 + 6.0**2 / 1 + 0.5**2 / 2))


@settings(max_examples=30)
@given(BLOCKS, st.sampled_from([0.9, 0.95, 0.995]))
def test_swapping_the_two_sides_mirrors_the_interval(block, level):
    there, back = outcome_interval(block, level), outcome_interval(-block, level)
    np.testing.assert_allclose(there, (-back.estimate, -back.high, -back.low), atol=1e-12)


@settings(max_examples=30)
@given(BLOCKS, st.integers(0, 2**32 - 1), st.floats(0.0, 0.5))
def test_censored_intervals_are_mirrored_too_and_no_order_matters(block, seed, share):
    random = np.random.default_rng(seed)
    block = np.where(random.random(block.shape) < share, np.copysign(np.inf, random.random(block.shape) - 0.5), block)
    assume(np.isinf(block).any())
    there, back = outcome_interval(block, 0.95), outcome_interval(-block, 0.95)
    assert there == (-back.estimate, -back.high, -back.low)
    shuffled = block[random.permutation(len(block))][:, random.permutation(block.shape[1])]
    again = outcome_interval(shuffled, 0.95)
    assert (again.low > 0, again.high < 0) == (there.low > 0, there.high < 0)


def test_if_one_side_alone_converges_it_wins_and_the_ratio_has_no_bound():
    assert outcome_interval(np.full((8, 10), np.inf), 0.995) == (math.inf, math.inf, math.inf)
    block = np.full((8, 10), np.inf)
    block[:, :2] = 0.3
    found = outcome_interval(block, 0.995)
    assert found.estimate == math.inf
    assert found.low > 0.0
    assert found.high == math.inf


def test_too_few_censored_outcomes_decide_nothing():
    assert outcome_interval(np.array([[np.inf, np.inf, 0.5]]), 0.95)[1:] == (-math.inf, math.inf)


def test_medians_and_ranks():
    assert median_of(np.array([1.0, np.inf, np.inf, 2.0])) == math.inf
    assert median_of(np.array([np.inf, np.inf, -np.inf])) == math.inf
    values = np.array([3.0, 1.0, 3.0, np.inf, np.inf, 2.0])
    np.testing.assert_array_equal(_mean_ranks(values), stats.rankdata(values))

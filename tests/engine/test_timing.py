"""How long a timed block gets, on a clock made up for the test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nagbench.core.clock import Seconds
from nagbench.engine import timing


@given(cost=st.floats(1e-9, 1e-2), taken_off=st.floats(0.0, 1e-5))
def test_a_block_is_long_enough_and_not_much_longer(cost, taken_off):
    """What a call costs is taken off, too much of it even: short times come out as nothing or less."""
    asked = []

    def seconds(repeats):
        asked.append(repeats)
        return Seconds(repeats * cost - taken_off)

    repeats = timing._grown(seconds)
    assert repeats == asked[-1]
    assert seconds(repeats).wall >= timing._BLOCK or repeats == timing._MOST
    assert max(asked) * cost <= max(cost, 11 * (timing._BLOCK + taken_off))


def test_growth_ends_where_nothing_is_ever_measured():
    assert timing._grown(lambda repeats: Seconds()) == timing._MOST


@pytest.mark.parametrize("cost", [1e-9, 1e-6])
def test_growth_takes_few_steps(cost):
    calls = []
    timing._grown(lambda repeats: calls.append(repeats) or Seconds(repeats * cost))
    assert len(set(calls)) <= 8

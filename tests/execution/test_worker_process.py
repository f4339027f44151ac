"""What a driver believes of the numbers in the memory that it shares with a worker."""

import math

import pytest

from nagbench.execution.worker import COMPILING
from nagbench.execution.worker_process import _checked_allowance


@pytest.mark.parametrize("written", [math.nan, math.inf, -math.inf, -1.0, 2.0 * COMPILING])
def test_user_code_that_writes_there_gains_no_time(written):
    assert _checked_allowance(written) == 0.0


@pytest.mark.parametrize("asked", [0.0, 1.0, COMPILING])
def test_a_worker_gets_the_time_that_it_asks_for(asked):
    assert _checked_allowance(asked) == asked

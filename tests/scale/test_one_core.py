"""Timing keeps to one core, and gives the others back."""

import os

import pytest

from nagbench.machine import one_core


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not let a thread choose its cores")
def test_one_core_and_all_of_them_afterwards():
    before = os.sched_getaffinity(0)
    with one_core():
        within = os.sched_getaffinity(0)
    assert len(within) == 1
    assert within <= before
    assert os.sched_getaffinity(0) == before

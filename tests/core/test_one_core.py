"""Timing keeps to one core, and gives the others back."""

import os

import pytest
import threadpoolctl
from tunings import ONE_START

import nagbench
from nagbench.core.environment import one_core
from nagbench.experiments.stages import Progress


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not let a thread choose its cores")
def test_one_core_and_all_of_them_afterwards():
    before = os.sched_getaffinity(0)
    with one_core():
        within = os.sched_getaffinity(0)
    assert len(within) == 1
    assert within <= before
    assert os.sched_getaffinity(0) == before


def test_one_thread_within_a_sweep_and_as_many_as_before_afterwards(tmp_path):
    """As threadpoolctl, and a library that is loaded later, see it, while cells are counted and timed in this process."""

    def threads():
        return {pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}

    stages, before = {}, threads()

    class Looking(Progress):
        stage_now = ""

        def stage(self, name, total):
            self.stage_now = name

        def advance(self, count, statuses):
            stages.setdefault(self.stage_now, set()).update(threads().values())
            assert os.environ["OMP_NUM_THREADS"] == "1"

    given = os.environ.get("OMP_NUM_THREADS")
    nagbench.sweep(
        problems=["bowl"],
        optimizers=["nesterov"],
        trials=2,
        **ONE_START,
        repeats=1,
        budget=50,
        out=tmp_path,
        progress=Looking(),
    )
    assert stages == {"counting": {1}, "tracing": {1}, "timing": {1}}
    assert before.items() <= threads().items()
    assert os.environ.get("OMP_NUM_THREADS") == given

"""nagbench's own two loops: the replay that it times, and the pass that counts iterations."""

from __future__ import annotations

import numpy as np

import nagbench
from benchmarks.peers.cases import Case, Floats
from benchmarks.peers.measure import Peer
from nagbench.engine import loop
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.single_run import make_cell

_UNREACHABLE = 1e-300
_ENDLESS = np.iinfo(np.int64).max // 2


def peers() -> list[Peer]:
    """Return the timed replay, and the count with the gradient's norm taken in every iteration."""
    return [Peer("nagbench", Replay), Peer("nagbench, counting", Count)]


def through_pointers(case: Case) -> list[Peer]:
    """Return the replay through function pointers, of a case that otherwise has a fused loop."""
    return [] if _job(case).fused_spec is None else [Peer("nagbench, function pointers", Pointers)]


def _job(case: Case) -> BatchRun:
    nesterov = nagbench.optimizer("nesterov", step_size=case.step_size, momentum=case.momentum)
    cell = make_cell(case.problem, nesterov, measure="gradient", tolerances=(_UNREACHABLE,), budget=_ENDLESS)
    return BatchRun(LoadedBatch(case.problem, nesterov.method, [cell]))


class Replay:
    """`loop.replay`: gradient and update, nothing measured."""

    def __init__(self, case: Case) -> None:
        self.job = _job(case)
        self.draws, _ = self.job.draws(self.job.batch.cells[0], 0)

    def reset(self) -> None:
        self._replay(0, 0)

    def advance(self, iterations: int) -> None:
        self._replay(1, 1 + iterations)

    def iterate(self) -> Floats:
        return self.job.work.iterate

    def _replay(self, first: int, last: int) -> None:
        self.job.replay(0, self.draws, first, last)


class Pointers(Replay):
    """`loop.replay` itself, which calls gradient and update through function pointers."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.job.__dict__["fused_spec"] = None


class Count:
    """`loop.count`: also f, ‖∇f‖ at the iterate, the tolerance, divergence and cycles, in every iteration."""

    def __init__(self, case: Case) -> None:
        self.job = _job(case)
        self.draws, _ = self.job.draws(self.job.batch.cells[0], 0)
        self.rule = loop.StoppingRule(
            measure=0, relative=0, tolerances=np.array([_UNREACHABLE]), budget=_ENDLESS, every=1, autonomous=1,
            look_ahead=1, observing=0,
        )  # fmt: skip
        self.trace = loop.Trace(np.zeros(0, np.int64), np.zeros(0, loop.CURVE), np.zeros((0, case.n)))
        self.progress, self.hits = np.zeros(1, loop.PROGRESS), np.zeros((1, 1), loop.HIT)
        self.points = np.zeros((1, 1, case.n))
        # The state is kept, to find cycles, at iterations 1, 3, 7, 15 and so on: five times in the first 31, and where a
        # block is no longer than that, a sixth of its time. A count has thousands of iterations.
        self.lead = 2**21 if self.job.counts_fused else 32
        self.job.compile_count()

    def reset(self) -> None:
        self.progress[:] = np.zeros(1, loop.PROGRESS)
        self._count(1)  # sets up the first iteration, and makes none

    def advance(self, iterations: int) -> None:
        goal = self.progress["k"][0] + iterations
        if self.job.counts_fused and self.progress["k"][0] >= self.lead:
            # As a count goes on after half a second.
            while (left := int(goal - self.progress["k"][0])) > 0 and self.progress["cell"][0] == 0:
                if self.job.count_fused(0, self.trace, self.progress, left) < left:
                    self._count(1)
        else:
            self._count(iterations)
        if self.progress["k"][0] != goal:
            raise RuntimeError(f"the count ended after {self.progress['k'][0]} of {goal} iterations")

    def iterate(self) -> Floats:
        return self.job.work.iterate

    def _count(self, allowance: int) -> None:
        job = self.job
        job.engine.count(
            job.value, job.gradient, job.observe, job.update, job.problem_data, 0, job.all_rows, self.draws, self.rule,
            job.hypers, job.schedule, job.starts, job.work, self.trace, self.progress, self.hits, self.points, allowance,
        )  # fmt: skip

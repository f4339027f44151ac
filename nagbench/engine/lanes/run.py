"""Batches of many small cells, counted in the lanes of vector registers where that is possible."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.engine.lanes.lockstep import Lanes, Sizes, compiled_count, make_lanes
from nagbench.engine.lanes.recording import Iteration, Kernels, record_iteration
from nagbench.engine.lanes.symbols import UntraceableError
from nagbench.engine.lanes.vector_code import VectorCode, compile_iteration, make_layout
from nagbench.engine.loop import StoppingRule, Workspace
from nagbench.problems.evaluation import ProblemData
from nagbench.problems.problem import Floats

# The most coordinates, and the fewest cells for which compiling pays.
MOST_COORDINATES, FEWEST_CELLS = 16, 64
# Iterations of all lanes between two looks at the clock, at first.
_SLICE_SECONDS, _FIRST_SLICE = 0.05, 1_000


class LaneRun:
    """Cells that are counted in lock-step.

    Parameters
    ----------
    kernels
        The kernels of the problem and the algorithm.
    problem
        The problem's data.
    rule
        When a run is measured and when it stops.

    Raises
    ------
    UntraceableError
        If a kernel cannot be recorded.
    """

    def __init__(self, kernels: Kernels, problem: ProblemData, rule: StoppingRule) -> None:
        self._problem, self._rule = problem, rule
        self._data = np.concatenate([problem.data, problem.minimizers, [problem.minimum]])
        iteration = _recorded(kernels, problem)
        self._layout = layout = make_layout(kernels, iteration)
        self._code: VectorCode = compile_iteration(iteration, layout, autonomous=rule.autonomous == 1)
        self._state_count = kernels.state_count
        self._sizes = Sizes(
            layout.n, layout.moving, layout.hypers, layout.width, layout.pieces, int(kernels.look_ahead),
            int(iteration.squared),
        )  # fmt: skip

    def count(
        self,
        gradient: Any,
        hypers: Floats,
        starts: Floats,
        work: Workspace,
        hits: NDArray[Any],
        points: Floats,
        pulse: Callable[[], None],
    ) -> None:
        """Count all cells.

        Parameters
        ----------
        gradient
            The entry of the problem's gradient.
        hypers, starts
            Hyperparameters and starts, one cell a row.
        work
            Memory for one run.
        hits, points
            The outcomes; see `loop.count`.
        pulse
            Called about every 50 ms.
        """
        lanes: Lanes = make_lanes(self._layout, self._state_count, self._data, self._code.functions)
        count, no_rows, slice_size, finished = compiled_count(), np.zeros(0, np.int64), _FIRST_SLICE, 0
        while finished < len(hypers):
            began = time.perf_counter()
            finished = count(
                self._code.address, gradient, self._problem, no_rows, self._rule, hypers, starts, self._sizes, lanes,
                work, hits, points, slice_size,
            )  # fmt: skip
            seconds = time.perf_counter() - began
            slice_size = int(slice_size * min(10.0, max(0.1, _SLICE_SECONDS / max(seconds, 1e-9)))) + 1
            pulse()


_RECORDED: dict[tuple[Kernels, bytes], Iteration | UntraceableError] = {}


def _recorded(kernels: Kernels, problem: ProblemData) -> Iteration:
    """Return the recorded iteration, or raise again what recording it raised before."""
    content = (problem.data, problem.shape, problem.minimizers, np.float64(problem.minimum))
    key = kernels, b"\0".join(part.tobytes() for part in content)
    if key not in _RECORDED:
        try:
            _RECORDED[key] = record_iteration(kernels, problem.data, problem.shape, problem.minimum, problem.minimizers)
        except UntraceableError as error:
            _RECORDED[key] = error
    found = _RECORDED[key]
    if isinstance(found, UntraceableError):
        raise found
    return found

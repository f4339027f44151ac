"""Batches of many small cells, counted in the lanes of vector registers where that is possible."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.engine.lanes.lockstep import compiled_count
from nagbench.engine.lanes.recording import Kernels, record_iteration
from nagbench.engine.lanes.state import Sizes, make_lanes
from nagbench.engine.lanes.symbols import UntraceableError
from nagbench.engine.lanes.vector_code import compile_iteration, make_layout
from nagbench.engine.loop import StoppingRule, Workspace
from nagbench.problems.evaluation import ProblemData
from nagbench.problems.problem import Floats

# The most coordinates, and the fewest cells that are worth it.
MOST_COORDINATES, FEWEST_CELLS = 16, 4
_MOST_DATA = 2_000
# Iterations of all lanes between two looks at the clock, at first.
_SLICE_SECONDS, _FIRST_SLICE = 0.05, 1_000


class LaneRun:
    """What counts cells of a problem and an algorithm in lock-step.

    Parameters
    ----------
    kernels
        The kernels of the problem and the algorithm.
    problem
        The problem's data.
    autonomous
        Whether a state that recurs means that a run has stalled.

    Raises
    ------
    UntraceableError
        If a kernel cannot be recorded.
    """

    def __init__(self, kernels: Kernels, problem: ProblemData, autonomous: bool) -> None:
        if problem.data.size + problem.minimizers.size > _MOST_DATA:
            raise UntraceableError("more data than can be worth it")
        self._data = np.concatenate([problem.data, problem.minimizers, [problem.minimum]])
        iteration = record_iteration(kernels, problem.data, problem.shape, problem.minimum, problem.minimizers)
        self._layout = layout = make_layout(kernels, iteration)
        self._code = compile_iteration(iteration, layout, autonomous=autonomous)
        self._state_count = kernels.state_count
        self._sizes = Sizes(
            layout.n, layout.moving, layout.hypers, layout.width, layout.pieces, int(kernels.look_ahead),
            int(iteration.squared), layout.powers,
        )  # fmt: skip
        calls = sum(node.name.startswith("call ") for node in iteration.nodes) - layout.powers
        self.seconds = 1e-9 * layout.lanes * (len(iteration.nodes) + 30 * calls)
        """About the time of one iteration of all lanes, on a slow machine."""
        self.agree: bool | None = None
        """Whether the first cells that were counted had the outcomes that they have alone; None before that is known."""

    def count(
        self,
        gradient: Any,
        problem: ProblemData,
        rule: StoppingRule,
        cells: tuple[Floats, Floats],
        work: Workspace,
        outcomes: tuple[NDArray[Any], Floats],
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        """Count cells.

        Parameters
        ----------
        gradient
            The entry of the problem's gradient.
        problem, rule, work
            As in `loop.count`; the rule measures every iteration.
        cells
            Hyperparameters and starts, one cell a row.
        outcomes
            Where the outcomes are written, ``hits`` and ``points`` of `loop.count`.
        pulse
            Called about every 50 ms.
        """
        lanes = make_lanes(self._layout, self._state_count, self._data, self._code.functions)
        count, no_rows, slice_size, finished = compiled_count(), np.zeros(0, np.int64), _FIRST_SLICE, 0
        while finished < len(cells[0]):
            began = time.perf_counter()
            finished = count(
                self._code.address, gradient, problem, no_rows, rule, *cells, self._sizes, lanes, work, *outcomes, slice_size
            )  # fmt: skip
            seconds = time.perf_counter() - began
            slice_size = int(slice_size * min(10.0, max(0.1, _SLICE_SECONDS / max(seconds, 1e-9)))) + 1
            pulse()


# What was made for the last pairs, None for those that cannot be counted in lanes. The data are part of the key.
_MADE: dict[tuple[Kernels, bytes, bool], LaneRun | None] = {}
_KEPT = 64


def make_lane_run(kernels: Kernels, problem: ProblemData, autonomous: bool) -> LaneRun | None:
    """Return what counts cells of a problem and an algorithm in lock-step; None if their kernels cannot be recorded.

    Parameters
    ----------
    kernels, problem, autonomous
        See `LaneRun`.
    """
    content = (problem.data, problem.shape, problem.minimizers, np.float64(problem.minimum))
    digest = hashlib.blake2b(b"\0".join(part.tobytes() for part in content), digest_size=16).digest()
    key = kernels, digest, autonomous
    if key not in _MADE:
        while len(_MADE) >= _KEPT:
            del _MADE[next(iter(_MADE))]
        try:
            _MADE[key] = LaneRun(kernels, problem, autonomous)
        except UntraceableError:
            _MADE[key] = None
    return _MADE[key]

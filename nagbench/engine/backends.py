"""The engines that run the one loop: numba, plain Python and mixed.

The loops are compiled once against the type of a kernel's entry (see `nagbench.core.entries`), so that the next process finds
everything on disk. Engine mixed is for optimizers of libraries: the loop in Python, the problem's kernels and the sums
compiled, to the same bits as either of the others.
"""

from __future__ import annotations

import functools
import types as python_types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import float64, int64, typeof, types, void

from nagbench.core import kernels
from nagbench.core.compilation import Function, compile_loop, source_hash, without_warnings
from nagbench.core.entries import SIGNATURES, mixed_entry, numba_entry, python_entry
from nagbench.engine import loop
from nagbench.engine.loop import asking, counting, memory, recording, records, replaying, step
from nagbench.optimizers import schedules
from nagbench.problems.evaluation import PROBLEM_DATA

_VECTOR, _MATRIX = float64[::1], float64[:, ::1]
# The loops call helpers of these modules too.
_HELPERS = (schedules.__name__,)


@dataclass(frozen=True)
class Engine:
    """A way to run the loop.

    Parameters
    ----------
    name
        As users write it.
    entry
        Makes a kernel of a kind ("value", "gradient", "observe", "update") ready to be called by the loops.
    count, replay, call_oracle
        The loops; see `nagbench.engine.loop`.
    count_asking, replay_asking
        The loops of algorithms that ask; see `nagbench.engine.asking`.
    whole
        Whether a replay cannot stop between iterations.
    asks
        Whether ``count`` and ``replay`` take an update that asks.
    prepare, prepare_asking
        Compiles the counting loop, or loads it.
    """

    name: str
    entry: Callable[[Function, str], Function]
    count: Function
    replay: Function
    call_oracle: Function
    count_asking: Function
    replay_asking: Function
    whole: bool = field(default=False, kw_only=True)
    asks: bool = field(default=False, kw_only=True)
    prepare: Callable[[], object] = field(default=lambda: None, kw_only=True)
    prepare_asking: Callable[[], object] = field(default=lambda: None, kw_only=True)


def _mixed_loop() -> dict[str, Function]:
    """Return the loop in Python, with copies by NumPy and compiled sums: what runs over all coordinates has to be fast."""

    def reset(work: Any, start: Any) -> None:
        work.iterate[:] = start
        work.y[:] = start
        work.state[:] = 0.0

    def add_noise(k: int, draws: Any, grad: Any) -> None:
        if draws.noise.shape[0] > 0:
            grad += draws.noise[k - draws.first]

    replaced: dict[str, Function] = {
        "reset": reset,
        "add_noise": add_noise,
        "copy": lambda source, target: np.copyto(target, source),
        "equal": lambda _n, a, b: np.array_equal(a, b),
        "norm": _late(kernels, "norm"),
        "distance": _late(kernels, "distance"),
    }
    scope: dict[str, Any] = {}
    for module in (records, memory, recording, step, counting, replaying, asking):
        scope.update(vars(module))
    for name, thing in list(scope.items()):
        if isinstance(thing, python_types.FunctionType) and thing.__module__.startswith(f"{loop.__name__}."):
            scope[name] = python_types.FunctionType(thing.__code__, scope, name, thing.__defaults__)
    scope.update(replaced)
    return scope


def _signatures() -> dict[str, Any]:
    """Return the types of the loops, and of the sums that the loop in Python calls."""
    kinds = ("value", "gradient", "observe", "update", "penalty", "prox", "asking")
    value, gradient, observe, update, penalty, prox, asking = (types.FunctionType(SIGNATURES[kind]) for kind in kinds)
    floats, ints = float64[::1], int64[::1]
    draws = types.NamedTuple([int64, ints, ints, _MATRIX], loop.Draws)
    rule = types.NamedTuple([int64, int64, floats, *[int64] * 5], loop.StoppingRule)
    work = types.NamedTuple([floats, floats, _MATRIX, floats, floats, floats, _MATRIX, floats, floats], loop.Workspace)
    trace = types.NamedTuple([ints, typeof(np.zeros(1, loop.CURVE)), _MATRIX], loop.Trace)
    plan = typeof(np.zeros(1, schedules.SCHEDULE_DTYPE))
    progress, hits = typeof(np.zeros(1, loop.PROGRESS)), typeof(np.zeros((1, 1), loop.HIT))
    own = value, gradient, observe, update
    counted = rule, _MATRIX, plan, _MATRIX, work, trace, progress, hits, float64[:, :, ::1]
    replayed = floats, plan, floats, work
    asked = value, gradient, penalty, prox
    span = int64, int64
    return {
        "norm": float64(int64, _VECTOR),
        "distance": float64(int64, _VECTOR, _VECTOR, int64),
        "count": int64(*own, PROBLEM_DATA, int64, ints, draws, *counted, int64),
        "replay": void(*own, PROBLEM_DATA, ints, draws, int64, *replayed, *span, int64),
        "call_oracle": void(value, gradient, PROBLEM_DATA, ints, draws, int64, work, *span),
        "count_asking": int64(
            *asked, penalty, asking, PROBLEM_DATA, int64, ints, draws, *counted, floats, float64, int64
        ),
        "replay_asking": void(*asked, asking, PROBLEM_DATA, int64, ints, draws, *replayed, floats, *span, int64),
    }


@functools.cache
def _compiled(module: python_types.ModuleType, name: str) -> Function:
    """Return a function of a module compiled for its types, or loaded from the disk."""
    function = getattr(module, name)
    return compile_loop(function, _signatures()[name], source_hash(function, modules=_HELPERS))


def _late(module: python_types.ModuleType, name: str) -> Function:
    """Return a function that is compiled, or loaded, when it is first called."""
    return lambda *arguments: _compiled(module, name)(*arguments)


_LOOPS = ("count", "replay", "call_oracle", "count_asking", "replay_asking")
NUMBA = Engine(
    "numba",
    numba_entry,
    *(_late(loop, name) for name in _LOOPS),
    prepare=lambda: _compiled(loop, "count"),
    prepare_asking=lambda: _compiled(loop, "count_asking"),
)
PYTHON = Engine("python", python_entry, *(without_warnings(getattr(loop, name)) for name in _LOOPS))
MIXED = Engine("mixed", mixed_entry, *(without_warnings(_mixed_loop()[name]) for name in _LOOPS))
ENGINES = {engine.name: engine for engine in (NUMBA, PYTHON, MIXED)}

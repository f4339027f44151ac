"""Fused loops: the kernels of a problem and an algorithm compiled together with the loop around them.

Through function pointers an iteration passes its vectors in memory, which at one or two coordinates takes longer than the
arithmetic. Fused, with the number of coordinates known, they stay in registers. The source of the loop is the same, so are the
operations and their order, and nothing may be contracted or reassociated: the bits are the same. From three coordinates on
nothing is gained.

A loop is compiled once for each pair of problem and algorithm and kept on disk. Whether a replay runs fused depends on the
problem and the oracle alone, so that all algorithms of a comparison are timed in the same way.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import types as python_types
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, cast

import numba
from llvmlite import ir
from numba import carray, float64, int64, types, void
from numba.core import cgutils
from numba.extending import intrinsic

from nagbench.core import compilation, entries
from nagbench.core.kernels import offset_pointer
from nagbench.engine import loop
from nagbench.engine.loop.counting import count_uninterrupted
from nagbench.engine.loop.records import Kernels, Measurement, ProblemView, RunView, StepOptions
from nagbench.engine.loop.replaying import repeat_steps
from nagbench.engine.loop.step import gradient_at, inlined, value_at
from nagbench.optimizers import schedules
from nagbench.optimizers.schedules import SCHEDULE_DTYPE
from nagbench.problems.evaluation import ProblemData

Function = Callable[..., Any]

# The most coordinates that are kept in registers.
MOST = 2

_FLOATS, _INTS = types.CPointer(float64), types.CPointer(int64)


@dataclass(frozen=True)
class FusedSpec:
    """What determines a fused loop: the kernels, and the numbers of coordinates, state vectors and hyperparameters."""

    value: Function
    gradient: Function
    observe: Function
    update: Function
    n: int
    state_count: int
    hypers: int
    look_ahead: bool
    scheduled: bool

    @property
    def plain(self) -> bool:
        """Whether an iteration is a gradient and an update, without schedule and observing."""
        return not self.scheduled and self.observe is loop.ignore


@intrinsic(prefer_literal=True)
def stack_floats(_context: Any, size: Any) -> Any:
    """Reserve floats on the stack."""
    length = size.literal_value if isinstance(size, types.IntegerLiteral) else 1

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        return cgutils.alloca_once(builder, context.get_value_type(types.float64), size=length)

    return _FLOATS(size), generate


@intrinsic
def memory_barrier(_context: Any, pointer: Any) -> Any:
    """Make the compiler believe that the memory is read and written here, so that it neither drops nor moves what is around."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [arguments[0].type])
        builder.asm(function, "", "r,~{memory}", arguments, side_effect=True)
        return context.get_dummy_value()

    return types.none(pointer), generate


@intrinsic
def depend_on(_context: Any, pointer: Any, number: Any) -> Any:
    """Return the pointer with a fake data dependency on ``number``, so that the processor cannot load from it early."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        # A zero that the compiler does not know for one.
        nothing = builder.asm(ir.FunctionType(word, [word]), "", "=r,0", [word(0)], side_effect=False)
        offset = builder.and_(builder.bitcast(arguments[1], word), nothing)
        return builder.gep(arguments[0], [offset])

    return pointer(pointer, number), generate


@inlined
def view_stack(
    memory: Any, y: Any, grad: Any, state: Any, state_count: int, hyper_size: int, hyper: Any, given: Any
) -> Any:
    """Return the view of a run whose vectors lie in one block of memory at these offsets."""
    return RunView(
        memory,
        offset_pointer(memory, y),
        offset_pointer(memory, grad),
        state_count,
        offset_pointer(memory, state),
        hyper_size,
        hyper,
        given,
    )


# The vectors of a run are copied to the stack by loops in the templates themselves: N is known there when they are compiled,
# so that the loops vanish and the vectors become registers. In a function of its own they would stay loops, and the vectors
# in memory.
#
# In the templates, as they are compiled: the entries `value`, `gradient`, `observe` and `update`, and these numbers.
N = STATE_COUNT = HYPERS = OFFSET_Y = OFFSET_GRAD = OFFSET_STATE = ROOM = 0
SCHEDULED = OBSERVING = True
value = gradient = observe = update = entries.kernel


def _replay(
    first: int,
    last: int,
    repeats: int,
    start: Any,
    iterate: Any,
    y: Any,
    state: Any,
    hyper: Any,
    given: Any,
    schedule: Any,
    data_size: int,
    data: Any,
    shape_size: int,
    shape: Any,
    rows: Any,
) -> None:
    kernels = Kernels(value, gradient, observe, update)
    problem = ProblemView(N, data_size, data, shape_size, shape, 0, rows, 0, data)
    options = StepOptions(SCHEDULED, OBSERVING, False, False)
    run = view_stack(
        stack_floats(ROOM),
        OFFSET_Y,
        OFFSET_GRAD,
        OFFSET_STATE,
        STATE_COUNT,
        HYPERS,
        hyper if SCHEDULED else given,
        given,
    )
    for i in range(N):
        run.x[i] = iterate[i]
        run.y[i] = y[i]
    for i in range(STATE_COUNT * N):
        run.state[i] = state[i]
    for _ in range(repeats):
        if first == 0:
            # Without this a processor runs several short replays at a time, each five times as fast as it is.
            for i in range(N):
                run.x[i] = depend_on(start, run.x[i])[i]
                run.y[i] = run.x[i]
            for i in range(STATE_COUNT * N):
                run.state[i] = 0.0
        repeat_steps(first, last, kernels, problem, run, options, carray(schedule, (1,))[0])
    for i in range(N):
        iterate[i] = run.x[i]
        y[i] = run.y[i]
    for i in range(STATE_COUNT * N):
        state[i] = run.state[i]


def _call_oracle(
    times: int, y: Any, grad: Any, data_size: int, data: Any, shape_size: int, shape: Any, rows: Any
) -> None:
    kernels = Kernels(value, gradient, observe, update)
    problem = ProblemView(N, data_size, data, shape_size, shape, 0, rows, 0, data)
    for _ in range(times):
        memory_barrier(y)
        if OBSERVING:
            grad[0] = value_at(kernels, problem, y)
            memory_barrier(grad)
        gradient_at(kernels, problem, y, grad)
    memory_barrier(grad)


def _count(
    until: int,
    kind: int,
    gradient_known: int,
    autonomous: int,
    minimum: float,
    threshold: float,
    iterate: Any,
    y: Any,
    state: Any,
    given: Any,
    saved: Any,
    samples: Any,
    minimizers_size: int,
    minimizers: Any,
    schedule: Any,
    now: Any,
    data_size: int,
    data: Any,
    shape_size: int,
    shape: Any,
    rows: Any,
) -> None:
    kernels = Kernels(value, gradient, observe, update)
    problem = ProblemView(N, data_size, data, shape_size, shape, 0, rows, 0, data)
    options = StepOptions(False, False, True, gradient_known == 1)
    measured = Measurement(kind, threshold, minimum, minimizers_size, minimizers, autonomous == 1, saved, samples)
    run = view_stack(stack_floats(ROOM), OFFSET_Y, OFFSET_GRAD, OFFSET_STATE, STATE_COUNT, HYPERS, given, given)
    for i in range(N):
        run.x[i] = iterate[i]
        run.y[i] = y[i]
    for i in range(STATE_COUNT * N):
        run.state[i] = state[i]
    count_uninterrupted(
        kernels, problem, run, options, carray(schedule, (1,))[0], measured, until, carray(now, (1,))[0]
    )
    for i in range(N):
        iterate[i] = run.x[i]
        y[i] = run.y[i]
    for i in range(STATE_COUNT * N):
        state[i] = run.state[i]


_DATA = (int64, _FLOATS, int64, _INTS, _INTS)
_SCHEDULE, _PROGRESS = (types.CPointer(numba.from_dtype(kind)) for kind in (SCHEDULE_DTYPE, loop.PROGRESS))
_SIGNATURES: dict[Function, Any] = {
    _replay: void(int64, int64, int64, *[_FLOATS] * 6, _SCHEDULE, *_DATA),
    _call_oracle: void(int64, _FLOATS, _FLOATS, *_DATA),
    _count: void(*[int64] * 4, *[float64] * 2, *[_FLOATS] * 6, int64, _FLOATS, _SCHEDULE, _PROGRESS, *_DATA),
}


@functools.cache
def _fused(template: Function, spec: FusedSpec) -> Function:
    """Return the template compiled for these kernels, or loaded from the disk, as a function of addresses and numbers."""
    kernels = {kind: getattr(spec, kind) for kind in Kernels._fields}
    n = spec.n
    scope: dict[str, Any] = {
        **globals(),
        "N": n,
        "STATE_COUNT": spec.state_count,
        "HYPERS": spec.hypers,
        "OFFSET_Y": n if spec.look_ahead else 0,
        "OFFSET_GRAD": 2 * n,
        "OFFSET_STATE": 3 * n,
        "ROOM": (3 + spec.state_count) * n,
        "SCHEDULED": spec.scheduled,
        "OBSERVING": spec.observe is not loop.ignore,
    }
    scope |= {kind: entries.numba_entry(kernel, kind) for kind, kernel in kernels.items()}
    names = [
        f"{kernel.__module__}.{kernel.__qualname__}_{kernel.__code__.co_firstlineno}" for kernel in kernels.values()
    ]
    digest = hashlib.blake2b(repr((template.__name__, *names, *astuple(spec)[4:])).encode(), digest_size=8).hexdigest()
    function = python_types.FunctionType(template.__code__, scope, template.__name__)
    function.__qualname__ = f"fused{template.__name__}_{digest}"
    function.__module__ = __name__
    sources = compilation.source_hash(*kernels.values(), repeat_steps, template, modules=(schedules.__name__,))
    signature = _SIGNATURES[template]
    built: Any = compilation.compile_cached(function, signature, f"{sources}-{digest}", numba.cfunc, forceinline=True)
    numbers: dict[Any, Any] = {int64: ctypes.c_int64, float64: ctypes.c_double}
    prototype = ctypes.CFUNCTYPE(None, *(numbers.get(kind, ctypes.c_void_p) for kind in signature.args))
    call: Any = prototype(built.address)
    call.owner = built
    return cast(Function, call)


def _address(array: Any) -> int:
    return int(array.ctypes.data)


@dataclass(frozen=True, eq=False)
class FusedRun:
    """One cell of a batch whose replays and uninterrupted counts run fused.

    Parameters
    ----------
    spec
        What decides the compiled code.
    problem
        The problem's data.
    all_rows
        An empty array, which stands for all rows.
    given
        The cell's hyperparameters.
    schedule
        One row of `schedules.SCHEDULE_DTYPE`.
    work
        The workspace of the run.
    """

    spec: FusedSpec
    problem: ProblemData
    all_rows: Any
    given: Any
    schedule: Any
    work: loop.Workspace

    @property
    def _data(self) -> tuple[int, ...]:
        problem = self.problem
        return (
            problem.data.size,
            _address(problem.data),
            problem.shape.size,
            _address(problem.shape),
            _address(self.all_rows),
        )

    def replay(self, start: Any, first: int, last: int, repeats: int = 1) -> None:
        """Run `loop.replay` with the exact oracle."""
        work = self.work
        vectors = (start, work.iterate, work.y, work.state, work.hyper, self.given, self.schedule)
        _fused(_replay, self.spec)(first, last, repeats, *map(_address, vectors), *self._data)

    def call_oracle(self, times: int) -> None:
        """Run `loop.call_oracle` with the exact oracle."""
        _fused(_call_oracle, self.spec)(times, _address(self.work.y), _address(self.work.grad), *self._data)

    def count(self, rule: loop.StoppingRule, trace: loop.Trace, progress: Any, most: int) -> None:
        """Go on with a count, by at most so many iterations; it ends where `loop.count` has an event to handle.

        For a rule that measures every iteration, after iteration 0, without schedule and observing.
        """
        now = progress[0]
        if now["due_at"] != now["k"]:  # `loop.count` has measured this iteration, and not made it
            k = int(now["k"])
            self.replay(self.given, k, k + 1)
            now["k"] += 1
            now["work"] += 1.0
            most -= 1
        until = loop.next_event(now, most, rule.budget, bool(rule.autonomous), trace)
        threshold = loop.safe_threshold(now, rule.relative, rule.tolerances[now["reached"]])
        gradient_known = int(rule.look_ahead == 0 and rule.measure == loop.GRADIENT)
        work, problem = self.work, self.problem
        vectors = (work.iterate, work.y, work.state, self.given, work.saved_iterate, work.samples)
        _fused(_count, self.spec)(
            until,
            rule.measure,
            gradient_known,
            rule.autonomous,
            problem.minimum,
            threshold,
            *map(_address, vectors),
            problem.minimizers.size,
            _address(problem.minimizers),
            _address(self.schedule),
            _address(progress),
            *self._data,
        )


def compile_count(spec: FusedSpec) -> None:
    """Compile what `FusedRun.count` runs, or load it."""
    _fused(_count, spec)
    _fused(_replay, spec)

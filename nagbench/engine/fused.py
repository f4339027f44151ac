"""Loops in one piece: the kernels of a problem and of a method compiled together with the loop around them.

Through function pointers an iteration hands its vectors over in memory, and at one or two coordinates that takes longer than
the arithmetic. In one piece, with the number of coordinates known, they stay in registers. The source of the loop is the
same, the operations and their order are too, and nothing may be contracted or reassociated: so are the bits. From three
coordinates on nothing is gained.

A piece is compiled once for each pair of problem and method, and kept on disk. Whether a replay runs in one piece is decided by
the problem and the oracle alone, so that the methods of a comparison are all timed alike.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import types as python_types
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numba
from llvmlite import ir
from numba import carray, float64, int64, types, void
from numba.core import cgutils
from numba.extending import intrinsic

from nagbench.core import compilation, entries
from nagbench.engine import loop
from nagbench.engine.loop.counting import leap as leaping
from nagbench.engine.loop.replaying import walk, walk_on
from nagbench.optimizers import schedules
from nagbench.optimizers.schedules import SCHEDULE_DTYPE
from nagbench.problems.evaluation import ProblemData

Function = Callable[..., Any]

# The most coordinates that are kept in registers.
MOST = 2

_FLOATS, _INTS = types.CPointer(float64), types.CPointer(int64)


@dataclass(frozen=True)
class FusedSpec:
    """What decides a piece: the kernels, and how many coordinates, slots and hyperparameters there are."""

    value: Function
    gradient: Function
    observe: Function
    update: Function
    n: int
    slots: int
    hypers: int
    look_ahead: bool
    scheduled: bool

    @property
    def plain(self) -> bool:
        """Whether gradient and update are all that there is to an iteration."""
        return not self.scheduled and self.observe is loop.ignore


@intrinsic(prefer_literal=True)
def stack_floats(_context: Any, size: Any) -> Any:
    """So many floats on the stack."""
    length = size.literal_value if isinstance(size, types.IntegerLiteral) else 1

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        return cgutils.alloca_once(builder, context.get_value_type(types.float64), size=length)

    return _FLOATS(size), generate


@intrinsic
def offset_pointer(_context: Any, pointer: Any, offset: Any) -> Any:
    """The address so many elements further."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, offset), generate


@intrinsic
def memory_barrier(_context: Any, pointer: Any) -> Any:
    """As if somebody else read and wrote what is there: what comes before must be done, and what follows done again."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [arguments[0].type])
        builder.asm(function, "", "r,~{memory}", arguments, side_effect=True)
        return context.get_dummy_value()

    return types.none(pointer), generate


@intrinsic
def depend_on(_context: Any, pointer: Any, number: Any) -> Any:
    """The address, as late as the number is known: the processor cannot begin with what is read there before."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        # A zero that the compiler does not know for one.
        nothing = builder.asm(ir.FunctionType(word, [word]), "", "=r,0", [word(0)], side_effect=False)
        offset = builder.and_(builder.bitcast(arguments[1], word), nothing)
        return builder.gep(arguments[0], [offset])

    return pointer(pointer, number), generate


# In the templates, as they are compiled: the entries `value`, `gradient`, `observe` and `update`, and these numbers.
N = COUNT = HYPERS = QUERY = SLOPE = SLOTS = ROOM = 0
PLAIN = SCHEDULED = OBSERVING = True
value = gradient = observe = update = entries.kernel


def _replay(  # type: ignore[no-untyped-def]
    first, last, repeats, start, iterate, query, slots, hyper, given, plan, data_size, data, shape_size, shape, rows
):
    memory = stack_floats(ROOM)
    x, q, slope, own = (
        memory,
        offset_pointer(memory, QUERY),
        offset_pointer(memory, SLOPE),
        offset_pointer(memory, SLOTS),
    )
    for i in range(N):
        x[i] = iterate[i]
        q[i] = query[i]
    for i in range(COUNT * N):
        own[i] = slots[i]
    for _ in range(repeats):
        if first == 0:
            # Without this a processor runs several short replays at a time, each five times as fast as it is.
            for i in range(N):
                x[i] = depend_on(start, x[i])[i]
                q[i] = x[i]
            for i in range(COUNT * N):
                own[i] = 0.0
        if PLAIN:
            walk(
                gradient, update, first, last, N, x, q, slope, COUNT, own, HYPERS, given, data_size, data, shape_size, shape,
                0, rows,
            )  # fmt: skip
        else:
            walk_on(
                value, gradient, observe, update, first, last, SCHEDULED, OBSERVING, carray(plan, (1,))[0], given, N, x, q,
                slope, COUNT, own, HYPERS, hyper if SCHEDULED else given, data_size, data, shape_size, shape, 0, rows,
            )  # fmt: skip
    for i in range(N):
        iterate[i] = x[i]
        query[i] = q[i]
    for i in range(COUNT * N):
        slots[i] = own[i]


def _query(times, query, slope, data_size, data, shape_size, shape, rows):  # type: ignore[no-untyped-def]
    for _ in range(times):
        memory_barrier(query)
        if OBSERVING:
            slope[0] = value(N, query, data_size, data, shape_size, shape, 0, rows)
            memory_barrier(slope)
        gradient(N, query, data_size, data, shape_size, shape, 0, rows, slope)
    memory_barrier(slope)


def _leap(  # type: ignore[no-untyped-def]
    until, measure, reuse, autonomous, minimum, threshold, iterate, query, slots, given, saved, samples, stars_size, stars,
    now, data_size, data, shape_size, shape, rows,
):  # fmt: skip
    memory = stack_floats(ROOM)
    x, q, slope, own = (
        memory,
        offset_pointer(memory, QUERY),
        offset_pointer(memory, SLOPE),
        offset_pointer(memory, SLOTS),
    )
    for i in range(N):
        x[i] = iterate[i]
        q[i] = query[i]
    for i in range(COUNT * N):
        own[i] = slots[i]
    leaping(
        value, gradient, update, until, N, x, q, slope, COUNT, own, HYPERS, given, data_size, data, shape_size, shape, 0, rows,
        stars_size, stars, saved, samples, measure, reuse == 1, autonomous == 1, minimum, threshold, carray(now, (1,))[0],
    )  # fmt: skip
    for i in range(N):
        iterate[i] = x[i]
        query[i] = q[i]
    for i in range(COUNT * N):
        slots[i] = own[i]


_REST = (int64, _FLOATS, int64, _INTS, _INTS)
_SIGNATURES: dict[Function, Any] = {
    _replay: void(int64, int64, int64, *[_FLOATS] * 6, types.CPointer(numba.from_dtype(SCHEDULE_DTYPE)), *_REST),
    _query: void(int64, _FLOATS, _FLOATS, *_REST),
    _leap: void(
        *[int64] * 4,
        *[float64] * 2,
        *[_FLOATS] * 6,
        int64,
        _FLOATS,
        types.CPointer(numba.from_dtype(loop.PROGRESS)),
        *_REST,
    ),
}


@functools.cache
def _piece(template: Function, kind: FusedSpec) -> Function:
    """The template compiled for these kernels, or loaded from the disk, as a function of addresses and whole numbers."""
    words = ("value", "gradient", "observe", "update")
    kernels = {word: getattr(kind, word) for word in words}
    n = kind.n
    scope = {
        **globals(),
        **{word: entries.numba_entry(kernel, word) for word, kernel in kernels.items()},
        "N": n, "COUNT": kind.slots, "HYPERS": kind.hypers, "QUERY": n if kind.look_ahead else 0, "SLOPE": 2 * n,
        "SLOTS": 3 * n, "ROOM": (3 + kind.slots) * n, "PLAIN": kind.plain, "SCHEDULED": kind.scheduled,
        "OBSERVING": kind.observe is not loop.ignore,
    }  # fmt: skip
    names = [
        f"{kernel.__module__}.{kernel.__qualname__}_{kernel.__code__.co_firstlineno}" for kernel in kernels.values()
    ]
    digest = hashlib.blake2b(repr((template.__name__, *names, *astuple(kind)[4:])).encode(), digest_size=8).hexdigest()
    function = python_types.FunctionType(template.__code__, scope, template.__name__)
    function.__qualname__ = f"piece{template.__name__}_{digest}"
    function.__module__ = __name__
    sources, signature = (
        compilation.source_hash(*kernels.values(), walk, template, modules=(schedules.__name__,)),
        _SIGNATURES[template],
    )
    built = compilation.compile_cached(function, signature, f"{sources}-{digest}", numba.cfunc, forceinline=True)
    numbers: dict[Any, Any] = {int64: ctypes.c_int64, float64: ctypes.c_double}
    taken = [numbers.get(kind, ctypes.c_void_p) for kind in signature.args]
    call = ctypes.CFUNCTYPE(None, *taken)(built.address)  # type: ignore[attr-defined]
    call.owner = built  # type: ignore[attr-defined]
    return call


def _at(array: Any) -> int:
    return int(array.ctypes.data)


def _rest(formula: ProblemData, everything: Any) -> tuple[int, ...]:
    return formula.data.size, _at(formula.data), formula.shape.size, _at(formula.shape), _at(everything)


def replay(
    kind: FusedSpec,
    formula: ProblemData,
    everything: Any,
    given: Any,
    plan: Any,
    start: Any,
    state: loop.State,
    first: int,
    last: int,
    repeats: int,
) -> None:
    """`loop.replay` with the exact oracle, in one piece."""
    vectors = (start, state.iterate, state.query, state.slots, state.hyper, given, plan)
    _piece(_replay, kind)(first, last, repeats, *map(_at, vectors), *_rest(formula, everything))


def query(kind: FusedSpec, formula: ProblemData, everything: Any, state: loop.State, times: int) -> None:
    """`loop.query` with the exact oracle, in one piece."""
    _piece(_query, kind)(times, _at(state.query), _at(state.slope), *_rest(formula, everything))


def compile_count(kind: FusedSpec) -> None:
    """Compiles what `count_uninterrupted` runs, or loads it."""
    _piece(_leap, kind)
    _piece(_replay, kind)


def count_uninterrupted(
    kind: FusedSpec,
    formula: ProblemData,
    everything: Any,
    rule: loop.Rule,
    given: Any,
    plan: Any,
    state: loop.State,
    trace: loop.Trace,
    progress: Any,
    most: int,
) -> None:
    """At most so many iterations of a count that goes on in a cell, in one piece; it ends where `loop.count` has to look.

    For a plain kind and a rule that measures every iteration, after iteration 0.
    """
    now = progress[0]
    if now["due_at"] != now["k"]:  # `count` has measured this iteration, and not made it
        k = int(now["k"])
        replay(kind, formula, everything, given, plan, given, state, k, k + 1, 1)
        now["k"] += 1
        now["work"] += 1.0
        most -= 1
    until = loop.until_when(now, most, rule.budget, bool(rule.autonomous), trace)
    threshold = loop.safe_threshold(now, rule.relative, rule.tolerances[now["reached"]])
    reuse = int(rule.look_ahead == 0 and rule.measure == loop.GRADIENT)
    vectors = (state.iterate, state.query, state.slots, given, state.saved_iterate, state.samples)
    _piece(_leap, kind)(
        until, rule.measure, reuse, rule.autonomous, formula.minimum, threshold, *map(_at, vectors), formula.minimizers.size,
        _at(formula.minimizers), _at(progress), *_rest(formula, everything),
    )  # fmt: skip

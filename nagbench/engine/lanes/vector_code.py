"""A recorded iteration as machine code that advances many runs at once, one run a lane of vector registers.

Every operation of the recording becomes one vector instruction. There is no contraction and no reassociation, and functions
such as exp are called lane by lane, so every lane has the bits of a run that is counted alone.

Memory holds one row of lanes for each number of a run. A *piece* is as many lanes as one operation takes; the pieces of a row
are advanced one after the other, and since none needs another's results, the processor works on several at a time.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from llvmlite import binding, ir

from nagbench.core.compilation import cached_object
from nagbench.engine.lanes.functions import compiled_address
from nagbench.engine.lanes.powers import Power, PowerWriter, powers_of
from nagbench.engine.lanes.recording import Iteration, Kernels
from nagbench.engine.lanes.symbols import Node

# Iterations whose measures are kept before they have to be looked at.
HISTORY = 256
# The rows after those of the run: see `Layout`.
TRACKED = ("previous", "least", "rise", "rises", "threshold", "ceiling", "active", "first", "value", "event")

_F, _I, _B = ir.DoubleType(), ir.IntType(64), ir.IntType(1)
_FLOATS, _INTS = _F.as_pointer(), _I.as_pointer()


@dataclass(frozen=True)
class Layout:
    """Where the numbers of the runs lie.

    Parameters
    ----------
    n, moving, hypers
        The numbers of coordinates, of numbers that an update moves (iterate, gradient's point, state), and of
        hyperparameters. The rows begin with the moving ones, hyperparameters follow, then `TRACKED`, then the saved iterate,
        then two rows for each power (`powers`).
    width
        Number of lanes of a piece.
    pieces
        Number of pieces.
    powers
        Number of powers that are carried along.
    """

    n: int
    moving: int
    hypers: int
    width: int
    pieces: int
    powers: int

    @property
    def lanes(self) -> int:
        """The number of runs that are advanced together."""
        return self.width * self.pieces

    def row(self, name: str) -> int:
        """Return the row of one of `TRACKED`."""
        return self.moving + self.hypers + TRACKED.index(name)

    @property
    def saved(self) -> int:
        """The first row of the saved iterate."""
        return self.moving + self.hypers + len(TRACKED)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.saved + self.n + 2 * self.powers


@functools.cache
def vector_width() -> int:
    """Return how many floats a vector register of this processor holds."""
    features = binding.get_host_cpu_features()
    return 8 if features.get("avx512f") else 4


def make_layout(kernels: Kernels, iteration: Iteration) -> Layout:
    """Return the layout for a recorded iteration."""
    width = vector_width()
    powers = powers_of(iteration, _needed(iteration))
    return Layout(kernels.n, len(iteration.moved), kernels.hypers, width, 32 // width, len(powers))


@dataclass(frozen=True, eq=False)
class VectorCode:
    """Machine code of an iteration, and what it reads.

    Parameters
    ----------
    address
        The function ``advance(block, measures, first, last, first_piece, last_piece, force, data, functions, pending)``.
        It makes the iterations from row ``first`` of the measures to ``last`` and returns the row that it came to: one
        beyond that in which something happens in a lane. Pieces in which something happens are marked in ``pending`` and
        make no update. With ``force``, updates are made whatever happens.
    functions
        Addresses of the scalar functions that it calls.
    """

    address: int
    functions: tuple[int, ...]


def compile_iteration(iteration: Iteration, layout: Layout, *, autonomous: bool) -> VectorCode:
    """Compile a recorded iteration, or load it from the cache.

    Parameters
    ----------
    iteration, layout
        What is computed, and where its numbers lie.
    autonomous
        Whether an iterate that equals the saved one is an event.
    """
    needed = _needed(iteration)
    names = sorted({iteration.nodes[i].name[5:] for i in needed if iteration.nodes[i].name.startswith("call ")})
    text = _Writer(iteration, layout, needed, names, autonomous).text()
    return VectorCode(cached_object(text, "advance"), tuple(compiled_address(name) for name in names))


def _needed(iteration: Iteration) -> list[int]:
    """Return the nodes that results depend on, in order."""
    found, pending = set[int](), [iteration.value, iteration.measure, *iteration.moved]
    while pending:
        index = pending.pop()
        if index not in found:
            found.add(index)
            if iteration.nodes[index].name not in ("row", "k", "data", "constant"):
                pending.extend(iteration.nodes[index].arguments)
    return sorted(found)


class _Writer:
    """Writes the function of an iteration."""

    def __init__(
        self, iteration: Iteration, layout: Layout, needed: list[int], names: list[str], autonomous: bool
    ) -> None:
        self._iteration, self._layout, self._needed, self._names = iteration, layout, needed, names
        self._autonomous = autonomous
        module = ir.Module("lanes")
        module.triple = binding.get_process_triple()
        signature = ir.FunctionType(_I, [_FLOATS, _FLOATS, *[_I] * 5, _FLOATS, _INTS, _INTS])
        self._function = ir.Function(module, signature, "advance")
        self._module = module
        self._scalars: dict[int, Any] = {}
        self._vectors: dict[int, Any] = {}
        self._powers = powers_of(iteration, needed)

    def text(self) -> str:
        """Return the module's source."""
        self._write()
        # A selection between a number in memory and a new one would become a masked store, which some processors take a
        # dozen cycles for; a volatile store stays as it is.
        return str(self._module).replace("store <", "store volatile <")

    def _vector(self, kind: str) -> ir.VectorType:
        return ir.VectorType({"f": _F, "i": _I, "b": _B}[kind], self._layout.width)

    def _write(self) -> None:
        block, measures, first, last, first_piece, last_piece, force, data, functions, pending = self._function.args
        entry, loop, piece, update, event, following, after, done = (
            self._function.append_basic_block(name)
            for name in ("entry", "loop", "piece", "update", "event", "following", "after", "done")
        )
        self._builder = b = ir.IRBuilder(entry)
        self._data, self._addresses = data, self._load_functions(functions)
        for index in self._needed:
            node = self._iteration.nodes[index]
            if node.uniform:
                self._scalars[index] = self._scalar(node)
        b.cbranch(b.icmp_signed("<", first, last), loop, done)
        b.position_at_end(loop)
        t = b.phi(_I, "t")
        b.branch(piece)
        b.position_at_end(piece)
        p, happened = b.phi(_I, "p"), b.phi(_I, "happened")
        lanes, width = self._layout.lanes, self._layout.width
        at = b.gep(block, [b.mul(p, _I(width))])
        self._memory, self._t = at, t
        # Powers first: a call has to save all numbers that are in registers.
        first_row = self._layout.saved + self._layout.n
        sums = [pair for i, power in enumerate(self._powers) for pair in self._power(power, first_row + 2 * i)]
        for index in self._needed:
            if not self._iteration.nodes[index].uniform:
                self._get(index)
        f, measure = self._get(self._iteration.value), self._get(self._iteration.measure)
        self._save(b.gep(measures, [b.add(b.mul(t, _I(lanes)), b.mul(p, _I(width)))]), measure)
        events = self._events(f, measure)
        some = b.icmp_unsigned("!=", b.bitcast(events, ir.IntType(width)), ir.IntType(width)(0))
        b.cbranch(b.and_(some, b.icmp_signed("==", force, _I(0))), event, update)
        b.position_at_end(event)
        self._store("value", f)
        self._store("event", b.select(events, self._splat(_F(1.0)), self._splat(_F(0.0))))
        b.store(_I(1), b.gep(pending, [p]))
        b.branch(following)
        b.position_at_end(update)
        self._track(f)
        for row, index in enumerate(self._iteration.moved):
            node = self._iteration.nodes[index]
            if (node.name, node.arguments) != ("row", (row,)):
                self._save(self._row(row), self._get(index))
        for row, number in sums:
            self._save(self._row(row), number)
        b.branch(following)
        b.position_at_end(following)
        seen = b.phi(_I)
        seen.add_incoming(_I(1), event)
        seen.add_incoming(happened, update)
        next_piece = b.add(p, _I(1))
        b.cbranch(b.icmp_signed("<", next_piece, last_piece), piece, after)
        p.add_incoming(first_piece, loop)
        p.add_incoming(next_piece, following)
        happened.add_incoming(_I(0), loop)
        happened.add_incoming(seen, following)
        b.position_at_end(after)
        next_t = b.add(t, _I(1))
        going_on = b.and_(b.icmp_signed("==", seen, _I(0)), b.icmp_signed("<", next_t, last))
        b.cbranch(going_on, loop, done)
        t.add_incoming(first, entry)
        t.add_incoming(next_t, after)
        b.position_at_end(done)
        reached = b.phi(_I)
        reached.add_incoming(first, entry)
        reached.add_incoming(next_t, after)
        b.ret(reached)

    def _load_functions(self, functions: Any) -> dict[str, Any]:
        loaded = {}
        for i, name in enumerate(self._names):
            count = max(
                len(self._iteration.nodes[j].arguments)
                for j in self._needed
                if self._iteration.nodes[j].name[5:] == name
            )
            kind = ir.FunctionType(_F, [_F] * count).as_pointer()
            loaded[name] = self._builder.inttoptr(self._builder.load(self._builder.gep(functions, [_I(i)])), kind)
        return loaded

    def _row(self, row: int) -> Any:
        return self._builder.gep(self._memory, [_I(row * self._layout.lanes)])

    def _load(self, row: int) -> Any:
        pointer = self._builder.bitcast(self._row(row), self._vector("f").as_pointer())
        return self._builder.load(pointer, align=8 * self._layout.width)

    def _save(self, address: Any, vector: Any) -> None:
        pointer = self._builder.bitcast(address, self._vector("f").as_pointer())
        self._builder.store(vector, pointer, align=8 * self._layout.width)

    def _store(self, name: str, vector: Any) -> None:
        self._save(self._row(self._layout.row(name)), vector)

    def _tracked(self, name: str) -> Any:
        return self._load(self._layout.row(name))

    def _splat(self, scalar: Any) -> Any:
        kind = ir.VectorType(scalar.type, self._layout.width)
        if isinstance(scalar, ir.Constant):
            return ir.Constant(kind, [scalar] * self._layout.width)
        one = self._builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self._layout.width), [ir.IntType(32)(0)] * self._layout.width)
        return self._builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def _get(self, index: int) -> Any:
        """Return the vector of a node, written here if it is the first time."""
        if index in self._scalars:
            return self._splat(self._scalars[index])
        if index not in self._vectors:
            self._vectors[index] = self._operation(index)
        return self._vectors[index]

    def _scalar(self, node: Node) -> Any:
        """Write a node that is the same in all lanes."""
        if node.name == "data":
            return self._builder.load(self._builder.gep(self._data, [_I(node.arguments[0])]))
        if node.name == "constant":
            return _F(float.fromhex(node.arguments[0])) if node.kind == "f" else _I(node.arguments[0])
        return self._compute(node, [self._scalars[i] for i in node.arguments], None)

    def _operation(self, index: int) -> Any:
        """Write a node that differs between lanes."""
        node, b = self._iteration.nodes[index], self._builder
        if node.name == "row":
            return self._load(node.arguments[0])
        if node.name == "k":
            begun = b.fptosi(self._tracked("first"), self._vector("i"))
            return b.add(begun, self._splat(self._t))
        if node.name == "sitofp" and self._iteration.nodes[node.arguments[0]].name == "k":
            # As a float from the beginning: exact, and vector instructions for integers are rare.
            return b.fadd(self._tracked("first"), self._splat(b.sitofp(self._t, _F)))
        return self._compute(node, [self._get(i) for i in node.arguments], self._layout.width)

    def _power(self, power: Power, row: int) -> list[tuple[int, Any]]:
        """Write a power, and return what its two rows are after this iteration."""
        writer = PowerWriter(self._builder, self._vector("f"))
        base = self._get(power.base)
        high, low = writer.multiplied(self._load(row), self._load(row + 1), base)
        function = self._addresses["pow"]
        self._vectors[power.node] = writer.rounded(high, low, power, base, self._get(power.exponent), function)
        return [(row, high), (row + 1, low)]

    def _compute(self, node: Node, operands: list[Any], width: int | None) -> Any:
        b, name = self._builder, node.name
        if name.startswith("call "):
            function = self._addresses[name[5:]]
            if width is None:
                return b.call(function, operands)
            result = ir.Constant(self._vector("f"), ir.Undefined)
            for lane in range(width):
                position = ir.IntType(32)(lane)
                called = b.call(function, [b.extract_element(operand, position) for operand in operands])
                result = b.insert_element(result, called, position)
            return result
        if name in ("sqrt", "fabs"):
            kind = operands[0].type
            suffix = "f64" if width is None else f"v{width}f64"
            function = self._module.globals.get(f"llvm.{name}.{suffix}") or ir.Function(
                self._module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{suffix}"
            )
            return b.call(function, operands)
        if name.startswith("fcmp "):
            compare = b.fcmp_unordered if name == "fcmp !=" else b.fcmp_ordered
            return compare(name[5:], *operands)
        if name.startswith("icmp "):
            return b.icmp_signed(name[5:], *operands)
        if name == "sitofp":
            return b.sitofp(operands[0], _F if width is None else self._vector("f"))
        if name == "not":
            return b.not_(operands[0])
        if name == "select":
            return b.select(*operands)
        if name == "fneg":
            zero = _F(-0.0)
            return b.fsub(zero if width is None else self._splat(zero), operands[0])
        if name == "fadd":
            for zero, other in (node.arguments, reversed(node.arguments)):
                if self._iteration.is_zero(zero) and self._iteration.is_never_negative_zero(other):
                    return operands[node.arguments.index(other)]
        write = {
            "fadd": b.fadd, "fsub": b.fsub, "fmul": b.fmul, "fdiv": b.fdiv, "iadd": b.add, "isub": b.sub, "imul": b.mul,
            "ifloordiv": b.udiv, "irem": b.urem, "and": b.and_, "or": b.or_,
        }[name]  # fmt: skip
        return write(*operands)

    def _events(self, f: Any, measure: Any) -> Any:
        """Write where something happens: a tolerance is met, a run diverges, or an iterate recurs."""
        b = self._builder
        fine = b.and_(
            b.fcmp_ordered(">", measure, self._tracked("threshold")),
            b.fcmp_ordered("<=", measure, self._tracked("ceiling")),
        )
        fine = b.and_(fine, b.fcmp_ordered("==", b.fsub(f, f), self._splat(_F(0.0))))
        happens = b.not_(fine)
        if self._autonomous:
            same = None
            for i in range(self._layout.n):
                equal = b.fcmp_ordered("==", self._load(i), self._load(self._layout.saved + i))
                same = equal if same is None else b.and_(same, equal)
            happens = b.or_(happens, same)
        return b.and_(happens, b.fcmp_ordered("!=", self._tracked("active"), self._splat(_F(0.0))))

    def _track(self, f: Any) -> None:
        """Write how f has risen and its least value, as `recording.record_measure` keeps them."""
        b = self._builder
        rises, rose = self._tracked("rises"), b.fcmp_ordered(">", f, self._tracked("previous"))
        self._store("rises", b.select(rose, b.fadd(rises, self._splat(_F(1.0))), rises))
        least, rise = self._tracked("least"), self._tracked("rise")
        above = b.fsub(f, least)
        self._store("rise", b.select(b.fcmp_ordered(">", above, rise), above, rise))
        self._store("least", b.select(b.fcmp_ordered("<", f, least), f, least))
        self._store("previous", f)

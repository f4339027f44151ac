"""Numbers that record what is computed with them: a kernel called with them leaves the expressions of its results.

Equal expressions are one node, so what a value and a gradient have in common is computed once. No rule of algebra is
applied: every operation of the kernel is an operation of the recording, with the operands in the same order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple


class UntraceableError(Exception):
    """A kernel does something that cannot be recorded."""


class Node(NamedTuple):
    """One operation.

    Parameters
    ----------
    name
        What it is; "row", "k", "data" and "constant" are its leaves.
    arguments
        Indices of nodes, before this one; of a leaf, what it stands for.
    kind
        "f" for a float, "i" for an integer, "b" for a truth value.
    uniform
        Whether it has the same value in every lane and iteration: it depends on data and constants alone.
    """

    name: str
    arguments: tuple[Any, ...]
    kind: str
    uniform: bool


class Recording:
    """The operations that were recorded, each once.

    Parameters
    ----------
    most
        Largest number of operations; more raise UntraceableError.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.nodes: list[Node] = []
        self._known: dict[tuple[str, tuple[Any, ...]], Symbol] = {}
        self._arrays: list[list[Any]] = []

    def leaf(self, name: str, *content: Any, kind: str = "f", value: Any = None) -> Symbol:
        """Return a leaf: a row of the lanes' memory, the iteration, an element of the data or a constant."""
        return self._make(name, content, kind, name in ("data", "constant"), value)

    def constant(self, value: Any) -> Symbol:
        """Return a constant, a float or an integer."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UntraceableError(f"{value!r} is no number")
        kind = "i" if isinstance(value, int) else "f"
        return self.leaf("constant", float(value).hex() if kind == "f" else int(value), kind=kind, value=value)

    def operation(self, name: str, kind: str, *operands: Symbol, value: Any = None) -> Symbol:
        """Return the result of an operation."""
        uniform = all(self.nodes[operand.index].uniform for operand in operands)
        return self._make(name, tuple(operand.index for operand in operands), kind, uniform, value)

    def _make(self, name: str, arguments: tuple[Any, ...], kind: str, uniform: bool, value: Any) -> Symbol:
        found = self._known.get((name, arguments))
        if found is None:
            if len(self.nodes) >= self.most:
                raise UntraceableError("too many operations")
            self.nodes.append(Node(name, arguments, kind, uniform))
            found = Symbol(self, len(self.nodes) - 1, kind, value if uniform else None)
            self._known[name, arguments] = found
        return found

    def lift(self, value: Any) -> Symbol:
        """Return a symbol for a number, and a symbol as it is."""
        return value if isinstance(value, Symbol) else self.constant(value)

    def array(self, items: Sequence[Any]) -> Array:
        """Return an array that kernels may write to; see `snapshot`."""
        storage = list(items)
        self._arrays.append(storage)
        return Array(storage, 0, len(storage))

    def snapshot(self) -> list[list[Any]]:
        """Return the contents of all arrays."""
        return [list(storage) for storage in self._arrays]

    def restore(self, contents: list[list[Any]]) -> None:
        """Give all arrays the contents of a snapshot."""
        for storage, content in zip(self._arrays, contents, strict=True):
            storage[:] = content

    def merge(self, condition: Symbol, contents: list[list[Any]]) -> None:
        """Give all arrays the contents of a snapshot where a condition is true."""
        for storage, content in zip(self._arrays, contents, strict=True):
            storage[:] = [self.select(condition, a, b) for a, b in zip(content, storage, strict=True)]

    def select(self, condition: Symbol, if_true: Any, if_false: Any) -> Any:
        """Return one or the other by a condition."""
        if if_true is if_false:
            return if_true
        a, b = _unified(self.lift(if_true), self.lift(if_false))
        return self.operation("select", a.kind, condition, a, b)


class Symbol:
    """A number of a recording. Python's operators record; a truth value cannot be had unless it is the same for all lanes.

    Parameters
    ----------
    recording
        Where it belongs.
    index
        Its node.
    kind
        See `Node`.
    value
        Its value, if it is uniform and known when kernels are recorded.
    """

    __slots__ = ("index", "kind", "recording", "value")
    # NumPy's numbers leave their operators to ours.
    __array_ufunc__ = None

    def __init__(self, recording: Recording, index: int, kind: str, value: Any) -> None:
        self.recording, self.index, self.kind, self.value = recording, index, kind, value

    def __bool__(self) -> bool:
        if self.value is None:
            raise UntraceableError("a branch depends on the lane")
        return bool(self.value)

    def __neg__(self) -> Symbol:
        if self.kind != "f":
            raise UntraceableError("the negative of an integer")
        return self.recording.operation("fneg", "f", self, value=None if self.value is None else -self.value)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        if self.kind != "f":
            raise UntraceableError("the magnitude of an integer")
        return self.recording.operation("fabs", "f", self, value=None if self.value is None else abs(self.value))

    def to_float(self) -> Symbol:
        """Return the number as a float."""
        if self.kind == "f":
            return self
        if self.kind == "b":
            raise UntraceableError("a truth value as a number")
        return self.recording.operation("sitofp", "f", self, value=None if self.value is None else float(self.value))

    __hash__ = None  # type: ignore[assignment]


def _unified(a: Symbol, b: Symbol) -> tuple[Symbol, Symbol]:
    """Return two numbers as numbers of one kind, as Numba does: floats unless both are integers."""
    return (a, b) if a.kind == b.kind else (a.to_float(), b.to_float())


def _divide(a: Any, b: Any) -> float:
    """Divide two known numbers as compiled code does."""
    if b == 0:
        raise UntraceableError("a division by zero")
    return float(a / b)


def _binary(name: str, compute: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return an operator and the one with its operands exchanged."""

    def record(a: Symbol, b: Symbol) -> Symbol:
        if name == "div":
            a, b = a.to_float(), b.to_float()
        a, b = _unified(a, b)
        if a.kind == "b":
            raise UntraceableError(f"{name} of truth values")
        if a.kind == "f" and name in ("floordiv", "rem"):
            return a.recording.operation(f"call {name}", "f", a, b)
        if name in ("floordiv", "rem") and not (isinstance(b.value, int) and b.value > 0):
            raise UntraceableError("a division of integers by what is not a positive constant")
        value = None if a.value is None or b.value is None else compute(a.value, b.value)
        return a.recording.operation(("f" if a.kind == "f" else "i") + name, a.kind, a, b, value=value)

    def forward(self: Symbol, other: Any) -> Symbol:
        return record(self, self.recording.lift(other))

    def backward(self: Symbol, other: Any) -> Symbol:
        return record(self.recording.lift(other), self)

    return forward, backward


_ARITHMETIC: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "add": ("add", operator.add), "sub": ("sub", operator.sub), "mul": ("mul", operator.mul), "truediv": ("div", _divide),
    "floordiv": ("floordiv", operator.floordiv), "mod": ("rem", operator.mod),
}  # fmt: skip
for _name, (_operation, _compute) in _ARITHMETIC.items():
    _forward, _backward = _binary(_operation, _compute)
    setattr(Symbol, f"__{_name}__", _forward)
    setattr(Symbol, f"__r{_name}__", _backward)


def _comparison(predicate: str, compute: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def compare(self: Symbol, other: Any) -> Symbol:
        a, b = _unified(self, self.recording.lift(other))
        if a.kind == "b":
            raise UntraceableError("a comparison of truth values")
        value = None if a.value is None or b.value is None else compute(a.value, b.value)
        return self.recording.operation(f"{a.kind}cmp {predicate}", "b", a, b, value=value)

    return compare


for _name, _predicate in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Symbol, f"__{_name}__", _comparison(_predicate, getattr(operator, f"__{_name}__")))


class Array:
    """A flat array of symbols and numbers, or a slice of one, as far as kernels use arrays."""

    def __init__(self, storage: list[Any], first: int, size: int) -> None:
        self.storage, self.first, self.size = storage, first, size

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements."""
        return (self.size,)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.size))

    def _at(self, i: Any) -> int:
        if isinstance(i, Symbol) or not -self.size <= i < self.size:
            raise UntraceableError("an index that depends on the lane or is out of range")
        return int(self.first + (i % self.size))

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            start, stop, step = i.indices(self.size)
            if step != 1:
                raise UntraceableError("a slice with a step")
            return Array(self.storage, self.first + start, max(0, stop - start))
        return self.storage[self._at(i)]

    def __setitem__(self, i: Any, value: Any) -> None:
        if isinstance(i, slice) or not isinstance(value, (Symbol, int, float)):
            raise UntraceableError("an assignment of more than one number")
        self.storage[self._at(i)] = value.to_float() if isinstance(value, Symbol) else float(value)


class Matrix:
    """Arrays as the rows of a matrix."""

    def __init__(self, rows: Sequence[Array]) -> None:
        self.rows = list(rows)
        self.shape = len(self.rows), self.rows[0].size
        self.size = self.shape[0] * self.shape[1]

    def __getitem__(self, i: Any) -> Any:
        return self.rows[i[0]][i[1]] if isinstance(i, tuple) else self.rows[i]

    def __setitem__(self, i: tuple[int, int], value: Any) -> None:
        self.rows[i[0]][i[1]] = value

"""One iteration of a problem and an algorithm, recorded from their kernels: measure, observe, gradient, update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nagbench.core.kernels import norm
from nagbench.engine.lanes.branches import Function, rewrite
from nagbench.engine.lanes.symbols import Array, Matrix, Node, Recording, Symbol, UntraceableError
from nagbench.engine.loop.recording import distance_to_nearest
from nagbench.engine.loop.records import DISTANCE, GRADIENT

# More would take long to compile, and gain little: they do not fit into registers.
MOST_OPERATIONS = 1_500


@dataclass(frozen=True)
class Kernels:
    """What is recorded.

    Parameters
    ----------
    value, gradient, update
        The kernels, as their authors wrote them.
    observe
        The algorithm's kernel that takes f; None if it has none.
    n, state_count, hypers
        The numbers of coordinates, of state vectors and of hyperparameters.
    look_ahead
        Whether the gradient is taken elsewhere than at the iterate.
    measure
        `GRADIENT`, `VALUE` or `DISTANCE`.
    """

    value: Function
    gradient: Function
    update: Function
    observe: Function | None
    n: int
    state_count: int
    hypers: int
    look_ahead: bool
    measure: int


@dataclass(frozen=True)
class Iteration:
    """A recorded iteration.

    Parameters
    ----------
    nodes
        The operations, every one after its operands.
    value, measure
        The nodes of f and of the measure at the iterate. Where ``squared``, the measure is the root of this one.
    moved
        The nodes of the iterate, the gradient's point (with look-ahead) and the state after the update.
    squared
        Whether the root of the measure is left out.
    """

    nodes: tuple[Node, ...]
    value: int
    measure: int
    moved: tuple[int, ...]
    squared: bool

    def is_zero(self, index: int) -> bool:
        """Tell whether a node is the constant 0.0, with which sums begin."""
        node = self.nodes[index]
        return node.name == "constant" and node.kind == "f" and node.arguments == ((0.0).hex(),)

    def is_never_negative_zero(self, index: int) -> bool:
        """Tell whether a node is known never to be −0.0: then it is the same number, bit for bit, after 0.0 is added."""
        node = self.nodes[index]
        terms = node.arguments if node.name == "fadd" else (index,)
        return any(self._is_square(term) for term in terms)

    def _is_square(self, index: int) -> bool:
        """Tell whether a node is a·a, or c·a·a with a positive constant c."""
        node = self.nodes[index]
        if node.name != "fmul":
            return False
        a, b = node.arguments
        if a == b:
            return True
        inner = self.nodes[a]
        return inner.name == "fmul" and inner.arguments[1] == b and self._is_positive(inner.arguments[0])

    def _is_positive(self, index: int) -> bool:
        node = self.nodes[index]
        return node.name == "constant" and node.kind == "f" and float.fromhex(node.arguments[0]) > 0.0


def record_iteration(kernels: Kernels, data: Any, shape: Any, minimum: float, minimizers: Any) -> Iteration:
    """Record one iteration.

    Parameters
    ----------
    kernels
        The kernels and their sizes.
    data, shape
        The problem's data. A branch that depends on them is recorded as it is taken.
    minimum, minimizers
        The facts that measures are taken from.

    Raises
    ------
    UntraceableError
        If a kernel does something that cannot be recorded.
    """
    try:
        return _record(kernels, data, shape, minimum, minimizers)
    except UntraceableError:
        raise
    except Exception as error:  # kernels are anybody's code
        raise UntraceableError(f"{type(error).__name__}: {error}") from error


def _record(kernels: Kernels, data: Any, shape: Any, minimum: float, minimizers: Any) -> Iteration:
    recording, known = Recording(MOST_OPERATIONS), dict[Function, Function]()
    n = kernels.n

    def rows(first: int, count: int) -> list[Symbol]:
        return [recording.leaf("row", first + i) for i in range(count)]

    def uniform(values: Any, first: int) -> Array:
        symbols = [recording.leaf("data", first + i, value=v) for i, v in enumerate(values.tolist())]
        return Array(symbols, 0, len(symbols))

    # Leaves are no operations: the most are added again.
    recording.most += 2 * (data.size + minimizers.size) + n * (3 + kernels.state_count) + kernels.hypers + 1
    numbers, sizes = uniform(data, 0), Array([int(v) for v in shape], 0, shape.size)
    stars, no_rows = uniform(minimizers, data.size), Array([], 0, 0)
    x = recording.array(rows(0, n))
    at = n
    y = x
    if kernels.look_ahead:
        y, at = recording.array(rows(n, n)), 2 * n
    state = Matrix([recording.array(rows(at + i * n, n)) for i in range(kernels.state_count)])
    hyper = recording.array(rows(at + kernels.state_count * n, kernels.hypers))
    k = recording.leaf("k", kind="i")
    value, gradient, update = (rewrite(f, known) for f in (kernels.value, kernels.gradient, kernels.update))

    f: Any = recording.lift(value(x, numbers, sizes, no_rows)).to_float()
    if kernels.measure == GRADIENT:
        grad = recording.array([np.nan] * n)
        gradient(x, numbers, sizes, no_rows, grad)
        measure = rewrite(norm, known)(n, grad)
    elif kernels.measure == DISTANCE:
        measure = rewrite(distance_to_nearest, known)(n, x, stars.size, stars)
    else:
        measure = f - recording.leaf("data", data.size + stars.size, value=minimum)
    measure = recording.lift(measure)
    if kernels.observe is not None:
        rewrite(kernels.observe, known)(k, f, x, y, state, hyper)
    grad = recording.array([np.nan] * n)
    gradient(y, numbers, sizes, no_rows, grad)
    update(k, grad, x, y, state, hyper)
    points = [x, *([y] if kernels.look_ahead else []), *state.rows]
    moved = tuple(recording.lift(value).to_float().index for point in points for value in point)
    top = recording.nodes[measure.index]
    squared = top.name == "sqrt"
    return Iteration(
        tuple(recording.nodes), f.index, top.arguments[0] if squared else measure.index, moved, squared
    )  # fmt: skip

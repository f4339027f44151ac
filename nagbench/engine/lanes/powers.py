"""Powers βᵏ⁺¹ that are known to the last bit without a call in most iterations.

Adam and its relatives take βᵏ⁺¹ in every iteration k, and ``pow``, which is called lane by lane, took most of their time. But β
is the same during a run, so here each lane carries βᵏ as the unrounded sum of two floats and multiplies it by β. That sum is
within 2⁻⁸⁰ of βᵏ in relative terms. The result of ``pow`` in glibc is the rounded value of a number within 2⁻⁵⁸ of βᵏ⁺¹ where
βᵏ⁺¹ > 2⁻⁶⁰ (its source, ``sysdeps/ieee754/dbl-64/e_pow.c``, states an error before rounding of 0.011 ulp and a little more for
small powers). Where all numbers within twice that are rounded to the same float, ``pow`` returns it; elsewhere it is called.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

from llvmlite import binding, ir

from nagbench.engine.lanes.recording import Iteration

# What the true power may be off in relative terms, and below which power it is not relied on.
_MARGIN, _SMALLEST = 2.0**-57, 2.0**-60
# Powers below this are taken as 0: they would end among the denormal numbers, a hundred times as slow, and stay there, because
# 0.9 times the smallest one rounds to the smallest one.
_NOTHING = 2.0**-900
_ONE = (1.0).hex()


@dataclass(frozen=True)
class Power:
    """A recorded βᵏ⁺¹.

    Parameters
    ----------
    node, base, exponent
        The nodes of the power, of β and of k + 1.
    from_one
        Whether all that is done with it is to compute 1 − βᵏ⁺¹. Then it only has to be known to the last bit of that.
    """

    node: int
    base: int
    exponent: int
    from_one: bool


def powers_of(iteration: Iteration, needed: list[int]) -> list[Power]:
    """Return the powers of hyperparameters to k + 1; none where the errors of ``pow`` are not known.

    Parameters
    ----------
    iteration
        What is recorded.
    needed
        The nodes that results depend on.
    """
    if not _is_known():
        return []
    found, nodes = [], iteration.nodes
    for index in needed:
        node = nodes[index]
        if node.name != "call pow":
            continue
        base, exponent = node.arguments
        if _is_hyper(iteration, base) and _is_next(nodes, exponent):
            users = [nodes[i] for i in needed if _is_operation(nodes[i]) and index in nodes[i].arguments]
            from_one = index not in (iteration.value, iteration.measure, *iteration.moved) and all(
                user.name == "fsub" and _is_one(nodes[user.arguments[0]]) for user in users
            )
            found.append(Power(index, base, exponent, from_one))
    return found


def _is_known() -> bool:
    """Tell whether ``pow`` is glibc's and the processor multiplies and adds with one rounding."""
    try:
        glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):
        glibc = False
    machine = platform.machine()
    return glibc and (
        machine == "aarch64" or (machine == "x86_64" and binding.get_host_cpu_features().get("fma", False))
    )


def _is_operation(node: Any) -> bool:
    return node.name not in ("row", "k", "data", "constant")


def _is_one(node: Any) -> bool:
    return bool(node.name == "constant" and node.arguments[0] == _ONE)


def _is_hyper(iteration: Iteration, index: int) -> bool:
    node = iteration.nodes[index]
    return bool(node.name == "row" and node.arguments[0] >= len(iteration.moved))


def _is_next(nodes: Any, index: int) -> bool:
    """Tell whether a node is k + 1.0."""
    if nodes[index].name != "fadd":
        return False
    k, one = (nodes[i] for i in nodes[index].arguments)
    return bool(k.name == "sitofp" and nodes[k.arguments[0]].name == "k" and _is_one(one))


class PowerWriter:
    """Writes powers as vector instructions.

    Parameters
    ----------
    builder
        What writes the instructions.
    vector
        The type of a vector of floats.
    """

    def __init__(self, builder: ir.IRBuilder, vector: ir.VectorType) -> None:
        self._builder, self._vector, self._module = builder, vector, builder.function.module

    def _constant(self, value: float) -> Any:
        return ir.Constant(self._vector, [ir.DoubleType()(value)] * self._vector.count)

    def multiplied(self, high: Any, low: Any, base: Any) -> tuple[Any, Any]:
        """Write (high + low)·base as a sum of two floats (Dekker 1971): the product rounded, and what that leaves.

        A sum below `_NOTHING`, far below all that `rounded` relies on, becomes 0.
        """
        b = self._builder
        product = b.fmul(high, base)
        rest = self._intrinsic(
            "fma", low, base, self._intrinsic("fma", high, base, b.fsub(self._constant(-0.0), product))
        )
        total = b.fadd(product, rest)
        left, zero = b.fsub(rest, b.fsub(total, product)), self._constant(0.0)
        tiny = b.fcmp_ordered("<", self._intrinsic("fabs", total), self._constant(_NOTHING))
        return b.select(tiny, zero, total), b.select(tiny, zero, left)

    def rounded(self, high: Any, low: Any, power: Power, base: Any, exponent: Any, function: Any) -> Any:
        """Write the power as ``pow`` returns it.

        Parameters
        ----------
        high, low
            The power as a sum.
        power
            Which power it is.
        base, exponent
            What ``pow`` is called with where the sum does not tell.
        function
            The function ``pow``.
        """
        b, one = self._builder, self._constant(1.0)
        margin = b.fadd(
            b.fmul(self._intrinsic("fabs", high), self._constant(_MARGIN)), self._constant(_SMALLEST * 2.0**-53)
        )
        ends = b.fadd(high, b.fsub(low, margin)), b.fadd(high, b.fadd(low, margin))
        seen = [b.fsub(one, end) for end in ends] if power.from_one else ends
        # True for nan, too.
        doubtful = b.fcmp_unordered("!=", *seen)
        mask = b.bitcast(doubtful, ir.IntType(self._vector.count))
        before, call, after = b.block, b.append_basic_block("call"), b.append_basic_block("known")
        b.cbranch(b.icmp_unsigned("!=", mask, mask.type(0)), call, after).set_weights([1, 20])
        b.position_at_end(call)
        called = b.call(self._calls(), [ends[0], mask, base, exponent, function])
        b.branch(after)
        b.position_at_end(after)
        result = b.phi(self._vector)
        result.add_incoming(ends[0], before)
        result.add_incoming(called, call)
        return result

    def _intrinsic(self, name: str, *operands: Any) -> Any:
        """Write an operation of LLVM's on vectors."""
        vector = self._vector
        full = f"llvm.{name}.v{vector.count}f64"
        kind = ir.FunctionType(vector, [vector] * len(operands))
        return self._builder.call(self._module.globals.get(full) or ir.Function(self._module, kind, full), operands)

    def _calls(self) -> Any:
        """Return the function that replaces some lanes of a vector by what ``pow`` returns."""
        known = self._module.globals.get("call_some")
        if known is not None:
            return known
        vector, number, count = self._vector, ir.DoubleType(), self._vector.count
        pow_type = ir.FunctionType(number, [number, number]).as_pointer()
        kind = ir.FunctionType(vector, [vector, ir.IntType(count), vector, vector, pow_type])
        made = ir.Function(self._module, kind, "call_some")
        made.linkage = "internal"
        made.attributes.add("noinline")
        found, mask, base, exponent, function = made.args
        b = ir.IRBuilder(made.append_basic_block("entry"))
        for lane in range(count):
            at, before = ir.IntType(32)(lane), b.block
            with b.if_then(b.trunc(b.lshr(mask, mask.type(lane)), ir.IntType(1))):
                result = b.call(function, [b.extract_element(base, at), b.extract_element(exponent, at)])
                replaced, inside = b.insert_element(found, result, at), b.block
            merged = b.phi(vector)
            merged.add_incoming(found, before)
            merged.add_incoming(replaced, inside)
            found = merged
        b.ret(found)
        return made

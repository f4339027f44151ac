"""Terms of the sums over coordinates that several algorithms take, for `nagbench.core.kernels.blocked_sum`."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable


@jitable
def product(i: int, a: Any, b: Any, _c: Any) -> Any:
    """Return aᵢbᵢ."""
    return a[i] * b[i]


@jitable
def product_with_difference(i: int, a: Any, b: Any, c: Any) -> Any:
    """Return aᵢ(bᵢ − cᵢ)."""
    return a[i] * (b[i] - c[i])


@jitable
def square_of_difference(i: int, a: Any, b: Any, _c: Any) -> Any:
    """Return (aᵢ − bᵢ)²."""
    return (a[i] - b[i]) * (a[i] - b[i])

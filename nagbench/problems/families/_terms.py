"""Terms of sums that several families share; see `nagbench.core.kernels.blocked_sum`."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable


@jitable
def entry_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    """Return xᵢ."""
    return x[i]


@jitable
def square_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    """Return xᵢ²."""
    return x[i] * x[i]


@jitable
def product_term(i: int, a: Any, b: Any, _c: Any) -> Any:
    """Return aᵢbᵢ."""
    return a[i] * b[i]


@jitable
def square_from_one_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    """Return (xᵢ − 1)²."""
    return (x[i] - 1.0) * (x[i] - 1.0)

"""Newton's method for minima and roots without a closed form, to the last digits, when a problem is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.arguments import check_memory
from nagbench.problems.problem import Floats

# The constant of Armijo's rule, the halvings of a step at most, and the relative rounding error of f.
_ARMIJO = 1e-4
_HALVINGS = 60
_ROUNDING = 1e-10


def minimize_newton(
    value: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    hessian: Callable[[Floats], Floats],
    start: ArrayLike,
    *,
    tolerance: float = 1e-12,
    iterations: int = 200,
) -> Floats:
    """Find a minimizer x with ‖∇f(x)‖₂ ≤ tolerance, by Newton's method with Armijo backtracking from ``start``.

    Where the Hessian is not positive definite, the least multiple of the identity (by powers of ten) that makes it so
    is added. Within the tolerance the method goes on for as long as a step halves the gradient, so the minimizer is as
    good as rounding allows.

    Raises RuntimeError if the tolerance is not reached in that many iterations.
    """
    x = np.array(start, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        grad = gradient(x)
        for _ in range(iterations):
            moved = _step(value, gradient, x, grad, _direction(hessian(x), grad))
            next_grad = gradient(moved)
            progress = np.linalg.norm(next_grad) < 0.5 * np.linalg.norm(grad)
            if not progress and np.linalg.norm(grad) <= tolerance:
                return x
            x, grad = moved, next_grad
    raise RuntimeError(f"Newton's method stopped at ‖∇f‖ = {np.linalg.norm(grad):.3g}, above {tolerance:g}")


def _direction(hessian: Floats, grad: Floats) -> Floats:
    """Compute −(H + shift·I)⁻¹∇f with the smallest shift, 0 or a power of ten times the scale of H, that makes it definite.

    The norm of H bounds its eigenvalues, so ten times the norm always does.
    """
    if not np.isfinite(hessian).all():
        raise RuntimeError("Newton's method met a Hessian that is not finite")
    identity = np.eye(grad.size)
    scale = float(np.linalg.norm(hessian, np.inf)) or 1.0
    for shift in (0.0, *(scale * 10.0**power for power in range(-12, 2))):
        shifted = hessian + shift * identity
        if _is_definite(shifted):
            break
    return np.asarray(-np.linalg.solve(shifted, grad))


def _is_definite(matrix: Floats) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _step(
    value: Callable[[Floats], float], gradient: Callable[[Floats], Floats], x: Floats, grad: Floats, direction: Floats
) -> Floats:
    """Return the first of x + d, x + d/2, … that decreases f enough; x itself if none does.

    The last steps change f by less than its rounding: there a full step counts if it halves the gradient.
    """
    here, full = value(x), x + direction
    level = value(full) <= here + _ROUNDING * max(1.0, abs(here))
    if level and np.linalg.norm(gradient(full)) <= 0.5 * np.linalg.norm(grad):
        return full
    gain = _ARMIJO * float(grad @ direction)
    for halvings in range(_HALVINGS):
        moved = x + 0.5**halvings * direction
        if value(moved) < here + 0.5**halvings * gain:
            return moved
    return x


def find_root(residuals: Callable[[Any], Any], start: Floats) -> Floats:
    """Return the root that Newton's method reaches from the start, with derivatives by complex steps; to rounding.

    ``residuals`` takes one point a row. Raises RuntimeError if the method does not converge.
    """
    x = start
    # Complex points and residuals, and the Jacobian.
    check_memory(f"Newton's method in {x.size} dimensions", 8.0 * x.size * x.size)
    step = 1e-30
    for _ in range(50):
        jacobian = residuals(x + 1j * step * np.eye(x.size)).imag.T / step
        move = np.linalg.solve(jacobian, residuals(x[None])[0])
        x = x - move
        if np.linalg.norm(move) <= 1e-14 * np.linalg.norm(x):
            return x
    raise RuntimeError("Newton's method found no root")

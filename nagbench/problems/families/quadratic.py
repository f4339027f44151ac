"""Convex quadratics with a known spectrum."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nagbench.core.arguments import check_memory
from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._dense_quadratics import dense_gradient, dense_value
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _diagonal_term(i: int, x: Any, eigenvalues: Any, _: Any) -> Any:
    return eigenvalues[i] * x[i] * x[i]


def diagonal_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return ½ Σ λᵢxᵢ² with the eigenvalues λ as data."""
    return 0.5 * blocked_sum(_diagonal_term, x.size, x, data, data)


def diagonal_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write λᵢxᵢ, the gradient of `diagonal_value`."""
    for i in range(x.size):
        out[i] = data[i] * x[i]


# Of n × n numbers, while a rotation is made.
_MATRICES = 5


@family
def quadratic(
    *,
    eigenvalues: list[float] | None = None,
    dimension: int | None = None,
    condition: float | None = None,
    spectrum: Literal["log", "linear", "clusters"] = "log",
    rotation: int | None = None,
) -> Problem:
    """f(x) = ½ xᵀHx with the eigenvalues of H given, from a start of ones in H's eigenvectors.

    Parameters
    ----------
    eigenvalues
        The eigenvalues of H, finite and at least 0, one of them above 0.
    dimension
        n, instead of eigenvalues, with condition.
    condition
        κ ≥ 1, for eigenvalues from 1 to κ.
    spectrum
        How the eigenvalues lie between: "log", evenly in the logarithm; "linear", evenly; "clusters", half of them
        within 1 % above 1 and half within 1 % below κ.
    rotation
        The seed from which the eigenvectors are drawn, uniformly among all orthogonal matrices. By default H is
        diagonal.

    Notes
    -----
    Known: f* = 0 at x* = 0, L and μ the extreme eigenvalues, the spectrum and the eigenvectors.
    """
    values = _spectrum(eigenvalues, dimension, condition, spectrum)
    n = values.size
    vectors = None
    start = np.ones(n)
    data = values
    if rotation is not None:
        check_memory(f"family quadratic with dimension {n} and a rotation", _MATRICES * n * n)
        vectors = _haar(n, check_whole_number("quadratic", "rotation", rotation, 0))
        start = vectors @ start
        matrix = (vectors * values) @ vectors.T
        data = np.concatenate([(0.5 * (matrix + matrix.T)).ravel(), np.zeros(n + 1)])
    definite = bool(values.min() > 0)
    return Problem(
        name="quadratic",
        family="quadratic",
        value_kernel=diagonal_value if vectors is None else dense_value,
        gradient_kernel=diagonal_gradient if vectors is None else dense_gradient,
        data=np.ascontiguousarray(data),
        start=start,
        minimum=0.0,
        minimizers=np.zeros((1, n)) if definite else None,
        smoothness=float(values.max()),
        strong_convexity=float(values.min()),
        spectrum=values,
        eigenvectors=vectors,
        domain=np.array([[-1.2, 1.2]] * n),
        kind="quadratic",
        source="closed form",
    )


def _spectrum(eigenvalues: Any, dimension: Any, condition: Any, spectrum: str) -> Floats:
    """Return the eigenvalues that the parameters of the family stand for. Raises UsageError."""
    if eigenvalues is not None:
        if dimension is not None or condition is not None:
            raise UsageError("family quadratic: give eigenvalues, or dimension and condition, not both")
        values = np.array(eigenvalues, dtype=np.float64)
        if (
            values.ndim != 1
            or values.size == 0
            or not (np.isfinite(values).all() and (values >= 0).all() and values.max() > 0)
        ):
            raise UsageError(
                "family quadratic: eigenvalues must be a list of finite numbers ≥ 0, at least one of them > 0"
            )
        return values
    if dimension is None or condition is None:
        raise UsageError("family quadratic: give eigenvalues, or both dimension and condition")
    n, kappa = check_whole_number("quadratic", "dimension", dimension, 1), float(condition)
    if not 1.0 <= kappa < np.inf:
        raise UsageError(
            f"family quadratic: condition={condition!r} is not valid; allowed: a finite number of at least 1"
        )
    if spectrum == "log":
        values = np.logspace(0.0, np.log10(kappa), n)
    elif spectrum == "linear":
        values = np.linspace(1.0, kappa, n)
    elif spectrum == "clusters":
        near = np.linspace(0.0, 0.01, n - n // 2)
        values = np.concatenate([1.0 + near, kappa * (1.0 - near[: n // 2][::-1])])
    else:
        raise UsageError(f"family quadratic: spectrum={spectrum!r} is not valid; allowed: log, linear, clusters")
    values[0], values[-1] = (1.0, kappa) if n > 1 else (kappa, kappa)
    return values


def _haar(n: int, seed: int) -> Floats:
    """Draw a uniform orthogonal matrix: Q of a Gaussian matrix, with the signs of R's diagonal (Mezzadri 2007)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    return np.asarray(q * np.sign(np.diag(r)))

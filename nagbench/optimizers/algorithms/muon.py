"""Muon: momentum whose step on a matrix is made nearly orthogonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method

_A, _B, _C = 3.4445, -4.775, 2.0315
_ITERATIONS = 5


@jitable
def _gram(x: Any, out: Any) -> None:
    """Compute X·Xᵀ."""
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            total = 0.0
            for k in range(x.shape[1]):
                total += x[i, k] * x[j, k]
            out[i, j] = total


@jitable
def _orthogonalize(x: Any, epsilon: float) -> None:
    """Apply five Newton–Schulz iterations to a matrix with at most as many rows as columns, in place."""
    rows, columns = x.shape
    square = 0.0
    for i in range(rows):
        for j in range(columns):
            square += x[i, j] * x[i, j]
    size = max(math.sqrt(square), epsilon)
    for i in range(rows):
        for j in range(columns):
            x[i, j] /= size
    gram, mixed, column = np.empty((rows, rows)), np.empty((rows, rows)), np.empty(rows)
    for _ in range(_ITERATIONS):
        _gram(x, gram)
        # The Gram matrix is symmetric, so that G·G = G·Gᵀ.
        _gram(gram, mixed)
        for i in range(rows):
            for j in range(rows):
                mixed[i, j] = _B * gram[i, j] + _C * mixed[i, j]
        for j in range(columns):
            for i in range(rows):
                total = 0.0
                for k in range(rows):
                    total += mixed[i, k] * x[k, j]
                column[i] = _A * x[i, j] + total
            for i in range(rows):
                x[i, j] = column[i]


@method(
    "muon",
    slots=1,
    blocks=True,
    hyperparameters={
        "step_size": step_size(2e-2, tuning=(1e-4, 1.0), unit="1"),
        "momentum": fraction(0.95, tuning=(0.0, 0.99)),
        "epsilon": Hyperparameter(default=1e-7),
        "weight_decay": Hyperparameter(default=0.0),
    },
    source="Jordan et al. 2024, in double precision",
)
def muon(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """B ← m·B + (1 − m)·G; X ← (1 − s·w)·X − s·√max(1, rows/columns)·NS₅((1 − m)·G + m·B), on every block X of x.

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).
    epsilon
        ε ≥ 0, the least norm by which a matrix is divided.
    weight_decay
        w ≥ 0.

    Notes
    -----
    G is the gradient of the block. NS₅ divides a matrix by its Frobenius norm, and applies X ← a·X + (b·A + c·A²)·X with
    A = X·Xᵀ five times, (a, b, c) = (3.4445, −4.775, 2.0315): this brings most singular values near 1, between 0.7 and 1.2.
    A block that is a vector counts as a matrix with one column, and so does x if the problem has no blocks: its step has a
    length of about s·√n, whatever the gradient is. So x ends up circling a minimum.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, kellerjordan.github.io/posts/muon;
       code: github.com/KellerJordan/Muon.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("factorisation:rows=4,columns=3,rank=2", "muon:step_size=0.01", tolerance=0.05, budget=1000)
    >>> run.status, run.iterations
    ('converged', 177)
    """
    step, decay, epsilon, weight_decay, count = hyper[0], hyper[1], hyper[2], hyper[3], int(hyper[4])
    average, at = state[0], 0
    for block in range(max(count, 1)):
        rows = int(hyper[5 + 2 * block]) if count > 0 else iterate.size
        columns = int(hyper[6 + 2 * block]) if count > 0 else 1
        wide = rows <= columns
        direction = np.empty((min(rows, columns), max(rows, columns)))
        for i in range(rows):
            for j in range(columns):
                here = at + i * columns + j
                average[here] = decay * average[here] + (1.0 - decay) * gradient[here]
                ahead = (1.0 - decay) * gradient[here] + decay * average[here]
                if wide:
                    direction[i, j] = ahead
                else:
                    direction[j, i] = ahead
        _orthogonalize(direction, epsilon)
        longer = step * math.sqrt(max(1.0, rows / columns))
        for i in range(rows):
            for j in range(columns):
                here = at + i * columns + j
                moved = direction[i, j] if wide else direction[j, i]
                iterate[here] = (1.0 - step * weight_decay) * iterate[here] - longer * moved
        at += rows * columns

"""Problems written as usual in NumPy: whole-array values and gradients, to compare with the compiled kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from nagbench.problems.problem import Problem

Plain = tuple[Callable, Callable]


def dense(problem: Problem) -> Plain:
    """½ (x − c)ᵀH(x − c)."""
    n = problem.dimension
    matrix, centre = problem.data[: n * n].reshape(n, n), problem.minimizers[0]
    return lambda x: 0.5 * (x - centre) @ (matrix @ (x - centre)), lambda x: matrix @ (x - centre)


def diagonal(problem: Problem) -> Plain:
    """½ Σ λᵢ(xᵢ − cᵢ)²."""
    values, centre = problem.data[: problem.dimension].copy(), problem.minimizers[0]
    return lambda x: 0.5 * (values * (x - centre)) @ (x - centre), lambda x: values * (x - centre)


def linear(problem: Problem) -> Plain:
    """Least squares and logistic regression on a design matrix."""
    n, d = problem.shape
    matrix, targets = problem.data[: n * d].reshape(n, d), problem.data[2 * n * d : -1]
    ridge = problem.data[-1]
    if problem.family == "least-squares":
        return (
            lambda x: 0.5 * np.mean((matrix @ x - targets) ** 2) + 0.5 * ridge * x @ x,
            lambda x: matrix.T @ (matrix @ x - targets) / n + ridge * x,
        )
    return (
        lambda x: np.mean(np.logaddexp(0.0, -targets * (matrix @ x))) + 0.5 * ridge * x @ x,
        lambda x: matrix.T @ (-targets / (1.0 + np.exp(targets * (matrix @ x)))) / n + ridge * x,
    )


def network(problem: Problem) -> Plain:
    """Softmax regression, or one hidden layer and a softmax, with whole-array products."""
    n, activation, *widths = problem.shape
    features = problem.data[: n * widths[0]].reshape(n, widths[0])
    labels, ridge = problem.data[n * widths[0] : -1].astype(int), problem.data[-1]
    pick, act = np.arange(n), (np.tanh if activation else lambda z: np.maximum(z, 0.0))

    def layers(x):
        at = 0
        for fan_in, fan_out in itertools.pairwise(widths):
            end = at + fan_in * fan_out
            yield x[at:end].reshape(fan_in, fan_out), x[end : end + fan_out]
            at = end + fan_out

    def forward(x):
        outputs = [features]
        for layer, (weights, biases) in enumerate(layers(x)):
            z = outputs[-1] @ weights + biases
            outputs.append(act(z) if layer < len(widths) - 2 else z)
        return outputs

    def value(x):
        scores = forward(x)[-1]
        top = scores.max(axis=1)
        sums = np.exp(scores - top[:, None]).sum(axis=1)
        return np.mean(np.log(sums) + top - scores[pick, labels]) + 0.5 * ridge * x @ x

    def gradient(x):
        outputs, parts = forward(x), []
        powers = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
        error = powers / powers.sum(axis=1, keepdims=True)
        error[pick, labels] -= 1.0
        for (weights, _), below in zip(reversed(list(layers(x))), reversed(outputs[:-1]), strict=True):
            parts += [error.sum(axis=0) / n, (below.T @ error / n).ravel()]
            error = error @ weights.T * (1.0 - below * below if activation else (below > 0.0))
        return np.concatenate(parts[::-1]) + ridge * x

    return value, gradient


def tridiagonal(problem: Problem) -> Plain:
    """½ (x − c)ᵀT(x − c) + f*."""
    n = problem.dimension
    diagonal, beside, centre = problem.data[:n], problem.data[n : 2 * n - 1], problem.data[2 * n : 3 * n]

    def product(away):
        out = diagonal * away
        out[1:] += beside * away[:-1]
        out[:-1] += beside * away[1:]
        return out

    return (
        lambda x: 0.5 * (x - centre) @ product(x - centre) + problem.data[3 * n],
        lambda x: product(x - centre),
    )


def log_sum_exp(problem: Problem) -> Plain:
    """ρ ln Σ exp((aᵢᵀx − bᵢ)/ρ)."""
    m, n = int(problem.shape[0]), problem.dimension
    matrix, offset, width = problem.data[: m * n].reshape(m, n), problem.data[m * n : -1], problem.data[-1]

    def value(x):
        z = (matrix @ x - offset) / width
        top = z.max()
        return width * (top + np.log(np.exp(z - top).sum()))

    def gradient(x):
        z = (matrix @ x - offset) / width
        weights = np.exp(z - z.max())
        return weights @ matrix / weights.sum()

    return value, gradient


def smoothed_tv(problem: Problem) -> Plain:
    """½‖x − s‖² + λ Σ √((xᵢ₊₁ − xᵢ)² + ε)."""
    weight, softness, signal = problem.data[0], problem.data[1], problem.data[2:]

    def gradient(x):
        rises = np.diff(x)
        pull = weight * rises / np.sqrt(rises * rises + softness)
        out = x - signal
        out[1:] += pull
        out[:-1] -= pull
        return out

    return (
        lambda x: 0.5 * np.sum((x - signal) ** 2) + weight * np.sqrt(np.diff(x) ** 2 + softness).sum(),
        gradient,
    )


def _factors(x: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, _, rank = sizes
    factors = x.reshape(-1, rank)
    return factors[:rows], factors[rows:]


def factorisation(problem: Problem) -> Plain:
    """½‖UVᵀ − M‖²."""
    target = problem.data.reshape(problem.shape[0], problem.shape[1])

    def value(x):
        left, right = _factors(x, problem.shape)
        return 0.5 * np.sum((left @ right.T - target) ** 2)

    def gradient(x):
        left, right = _factors(x, problem.shape)
        errors = left @ right.T - target
        return np.concatenate([(errors @ right).ravel(), (errors.T @ left).ravel()])

    return value, gradient


def sensing(problem: Problem) -> Plain:
    """Return the mean over measurements of ½(⟨Aᵢ, UVᵀ⟩ − yᵢ)²."""
    count, size = int(problem.shape[0]), int(problem.shape[1])
    designs, targets = problem.data[: count * size].reshape(count, size), problem.data[-1 - count : -1]

    def errors(x):
        left, right = _factors(x, problem.shape[2:])
        return designs @ (left @ right.T).ravel() - targets

    def gradient(x):
        left, right = _factors(x, problem.shape[2:])
        slope = (errors(x) @ designs / count).reshape(len(left), len(right))
        return np.concatenate([(slope @ right).ravel(), (slope.T @ left).ravel()])

    return lambda x: 0.5 * np.mean(errors(x) ** 2), gradient


FAMILIES = {
    "least-squares": linear, "logistic": linear, "softmax": network, "mlp": network, "log-sum-exp": log_sum_exp,
    "smoothed-tv": smoothed_tv, "factorisation": factorisation, "matrix-sensing": sensing,
}  # fmt: skip
KERNELS = {
    "dense_gradient": dense, "mean_gradient": dense, "diagonal_gradient": diagonal, "tridiagonal_gradient": tridiagonal,
}  # fmt: skip


def plain_of(problem: Problem) -> tuple[str, Plain]:
    """Return the plain form of a problem, and what it is written in: for short vectors, scalar Python is faster."""
    if problem.family in FAMILIES:
        return "numpy", FAMILIES[problem.family](problem)
    kernel = problem.gradient_kernel.__name__
    if kernel in KERNELS and problem.kind == "quadratic" and problem.minimizers is not None and problem.dimension > 4:
        return "numpy", KERNELS[kernel](problem)
    out, rows = np.zeros(problem.dimension), np.zeros(0, np.int64)

    def gradient(x):
        problem.gradient_kernel(x, problem.data, problem.shape, rows, out)
        return out

    return "python", (lambda x: problem.value_kernel(x, problem.data, problem.shape, rows), gradient)

"""Softmax regression, and dense networks with a softmax on top (kernels: `_network_kernels`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from nagbench.core.errors import UsageError, unknown_name
from nagbench.problems.families import _datasets, _network_kernels
from nagbench.problems.families._datasets import Scaling
from nagbench.problems.families._newton import minimize_newton
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.problem import Floats, Ints, Problem
from nagbench.problems.registry import family

ACTIVATIONS: dict[str, tuple[int, Callable[[Floats], Floats]]] = {
    "relu": (_network_kernels.RELU, lambda z: np.maximum(z, 0.0)),
    "tanh": (_network_kernels.TANH, np.tanh),
}


def _scores(x: Floats, widths: Sequence[int], activation: str, features: Floats) -> Floats:
    """Compute the last layer before the softmax, shape (rows, classes)."""
    at, above = 0, features
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
        below = ACTIVATIONS[activation][1](above) if layer else features
        end = at + fan_in * fan_out
        above = below @ x[at:end].reshape(fan_in, fan_out) + x[end : end + fan_out]
        at = end + fan_out
    return above


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _cross_entropy(scores: Floats, labels: Ints) -> float:
    """Return the mean of −log softmax(scores) at the labels."""
    top = scores.max(axis=1)
    sums = np.exp(scores - top[:, None]).sum(axis=1)
    return float(np.mean(np.log(sums) + (top - scores[np.arange(len(labels)), labels])))


Rows = tuple[Floats, Ints]


def _metrics(widths: Sequence[int], activation: str, **parts: Rows) -> dict[str, Callable[[Floats], float]]:
    """Return loss (without the regularizer) and accuracy of each part of the data, by name."""

    def loss(x: Floats, features: Floats, labels: Ints) -> float:
        return _cross_entropy(_scores(x, widths, activation, features), labels)

    def accuracy(x: Floats, features: Floats, labels: Ints) -> float:
        return float(np.mean(_scores(x, widths, activation, features).argmax(axis=1) == labels))

    return {
        f"{part}_{name}": partial(metric, features=features, labels=labels)
        for name, metric in (("loss", loss), ("accuracy", accuracy))
        for part, (features, labels) in parts.items()
    }


@family
def softmax(*, dataset: str = "wine", ridge: float = 1e-2, scaling: Scaling = "standard") -> Problem:
    """f(W) = 1/n Σ (log Σₖ exp(aᵢᵀwₖ) − aᵢᵀw_yᵢ) + ½·ridge·‖W‖² over the n rows of a data set, from W = 0.

    aᵢ holds the features of an example, scaled, and a 1 for the intercept, which is penalized like the rest; yᵢ is its
    class, and wₖ the k-th column of W, whose rows one after another make up x.

    Parameters
    ----------
    dataset
        One of the labeled data sets of nagbench: "breast-cancer", "digits", "iris" or "wine".
    ridge
        λ > 0.
    scaling
        "none", as measured; "standard", every feature of mean 0 and deviation 1; "unit-norm", of mean 0 and norm 1;
        "maximum", all divided by the largest magnitude.

    Notes
    -----
    Known: L = λmax(AᵀA/n)/2 + ridge, by Böhning's bound diag(p) − ppᵀ ≼ ½I, which is approached as ‖W‖ → ∞,
    where two classes share all the probability; μ = ridge, the infimum as ‖W‖ → ∞; f* and W*, by Newton's method.

    References
    ----------
    .. [1] D. Böhning, "Multinomial logistic regression algorithm", 1992.
    """
    ridge = check_positive("softmax", "ridge", ridge)
    features, targets = _datasets.load_examples("softmax", dataset, scaling, known=_datasets.LABELLED)
    labels = targets.astype(np.int64)
    count = int(labels.max()) + 1
    n, d = features.shape
    stored = _datasets.minimizers().get(f"softmax-{dataset}-{scaling}-{ridge!r}", np.zeros((d + 1) * count))
    minimizer, minimum = _solve_softmax(_datasets.append_ones(features), np.eye(count)[labels], ridge, stored)
    return Problem(
        name="softmax",
        family="softmax",
        value_kernel=_network_kernels.value,
        gradient_kernel=_network_kernels.gradient,
        data=_network_kernels.table(features, targets, ridge),
        shape=np.array([n, _network_kernels.RELU, d, count]),
        row_count=n,
        blocks=((d, count), (count,)),
        start=np.zeros((d + 1) * count),
        domain=_datasets.enclosing_box(minimizer),
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=float(_datasets.gram_spectrum(_datasets.append_ones(features))[0][-1] / 2.0 + ridge),
        strong_convexity=ridge,
        kind="convex",
        metrics=_metrics([d, count], "relu", training=(features, labels)),
        source=_datasets.SOURCES[dataset],
    )


def _solve_softmax(features: Floats, one_hot: Floats, ridge: float, start: Floats) -> tuple[Floats, float]:
    """Return the minimizer, by Newton's method unless ``start`` is one, and the minimum."""
    (n, d), count = features.shape, one_hot.shape[1]

    def probabilities(x: Floats) -> Floats:
        return _softmax(features @ x.reshape(d, count))

    def value(x: Floats) -> float:
        loss = _cross_entropy(features @ x.reshape(d, count), one_hot.argmax(axis=1))
        return float(loss + 0.5 * ridge * (x @ x))

    def gradient(x: Floats) -> Floats:
        return np.asarray((features.T @ (probabilities(x) - one_hot) / n).ravel() + ridge * x)

    def hessian(x: Floats) -> Floats:
        p = probabilities(x)
        blocks = np.empty((d, count, d, count))
        for j in range(count):
            for k in range(j, count):
                weights = p[:, j] * (float(j == k) - p[:, k]) / n
                blocks[:, j, :, k] = blocks[:, k, :, j] = (features.T * weights) @ features
        return np.asarray(blocks.reshape(d * count, d * count) + ridge * np.eye(d * count))

    there = np.linalg.norm(gradient(start)) <= 1e-12
    minimizer = start.copy() if there else minimize_newton(value, gradient, hessian, start)
    return minimizer, value(minimizer)


@family
def mlp(
    *,
    dataset: str = "digits",
    hidden: list[int] | None = None,
    activation: Literal["relu", "tanh"] = "relu",
    weights: Literal["he", "glorot"] | float = "he",
    seed: int = 0,
    validation: float = 0.0,
    ridge: float = 0.0,
    scaling: Scaling = "maximum",
) -> Problem:
    """Mean softmax cross-entropy of a dense network, and ½·ridge·‖x‖², over the training rows of a data set.

    x holds, layer by layer, the weights (inputs × outputs, row by row) and the biases, which are 0 at the start.
    Further starts are drawn uniformly with the variance of the weights.

    Parameters
    ----------
    dataset
        One of the labeled data sets of nagbench: "breast-cancer", "digits", "iris" or "wine".
    hidden
        The widths of the hidden layers, at least one; [64] by default.
    activation
        "relu" or "tanh".
    weights
        The distribution of the weights at the start: "he", normal of variance 2/inputs [1]_; "glorot", uniform of
        variance 2/(inputs + outputs) [2]_; or the standard deviation of a normal distribution.
    seed
        The seed of NumPy's legacy generator, RandomState. It draws the start layer by layer, and chooses the held-out
        examples.
    validation
        The fraction in [0, 1) of the examples of each class that is held out.
    ridge
        λ ≥ 0.
    scaling
        "none", as measured; "standard", every feature of mean 0 and deviation 1; "unit-norm", of mean 0 and norm 1;
        "maximum", all divided by the largest magnitude.

    Notes
    -----
    Known: nothing about minima. For ReLU the gradient jumps at the kinks, where the kernel takes 0 as its derivative.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level performance on
       ImageNet classification", 2015.
    .. [2] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    if activation not in ACTIVATIONS:
        raise unknown_name("activation of family mlp", str(activation), ACTIVATIONS)
    if not 0.0 <= validation < 1.0 or not 0.0 <= ridge < math.inf:
        raise UsageError(f"family mlp: validation={validation!r}, ridge={ridge!r}; allowed: [0, 1) and [0, ∞)")
    features, targets = _datasets.load_examples("mlp", dataset, scaling, known=_datasets.LABELLED)
    labels = targets.astype(np.int64)
    inner = [check_whole_number("mlp", "hidden", width, 1) for width in ([64] if hidden is None else hidden)]
    if not inner:
        raise UsageError("family mlp: hidden=[] is not valid; allowed: a list of widths (family softmax has none)")
    widths = [features.shape[1], *inner, int(labels.max()) + 1]
    start, reach = _initial(widths, weights, check_whole_number("mlp", "seed", seed, 0, 2**32 - 1))
    held = _held_out(labels, validation, seed)
    parts = {"training": (features[~held], labels[~held])}
    if held.any():
        parts["validation"] = (features[held], labels[held])
    return Problem(
        name="mlp",
        family="mlp",
        value_kernel=_network_kernels.value,
        gradient_kernel=_network_kernels.gradient,
        data=_network_kernels.table(features[~held], targets[~held], ridge),
        shape=np.array([np.sum(~held), ACTIVATIONS[activation][0], *widths]),
        row_count=int(np.sum(~held)),
        blocks=tuple(shape for fan_in, fan_out in pairwise(widths) for shape in ((fan_in, fan_out), (fan_out,))),
        start=start,
        domain=np.column_stack([-reach, reach]),
        kind="nonconvex",
        metrics=_metrics(widths, activation, **parts),
        source=_datasets.SOURCES[dataset],
    )


def _initial(widths: Sequence[int], weights: Any, seed: int) -> tuple[Floats, Floats]:
    """Return the start, and the half-width of the uniform distribution with the variance of each of its weights."""
    random = np.random.RandomState(seed)
    start, reach = [], []
    for fan_in, fan_out in pairwise(widths):
        deviation = _deviation(weights, fan_in, fan_out)
        bound = math.sqrt(3.0) * deviation
        shape = fan_in * fan_out
        drawn = random.uniform(-bound, bound, shape) if weights == "glorot" else deviation * random.randn(shape)
        start += [drawn, np.zeros(fan_out)]
        reach += [np.full(shape + fan_out, bound)]
    return np.concatenate(start), np.concatenate(reach)


def _deviation(weights: Any, fan_in: int, fan_out: int) -> float:
    if weights == "he":
        return math.sqrt(2.0 / fan_in)
    if weights == "glorot":
        return math.sqrt(2.0 / (fan_in + fan_out))
    if isinstance(weights, str):
        raise unknown_name("weights of family mlp", weights, ["he", "glorot", "a standard deviation"])
    return check_positive("mlp", "weights", weights)


def _held_out(labels: Ints, part: float, seed: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Choose the rows that are held out: the given part of each class, rounded."""
    random = np.random.RandomState(seed)
    held = np.zeros(labels.size, dtype=np.bool_)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        held[members[: round(part * members.size)]] = True
    return held

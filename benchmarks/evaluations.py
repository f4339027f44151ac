"""Time per value and per gradient of every problem, compiled against a plain form: ``python -m benchmarks.evaluations``.

The plain form is what one would write in NumPy: whole-array expressions for problems made of data, for the small formulas
the same scalar Python. Both are timed in turns, in one thread, and the least of the turns is shown, in microseconds;
the ratio is plain ÷ compiled. Exit code 1 if a compiled value or gradient is slower than the plain one.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)

import fnmatch  # noqa: E402
import itertools  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402

import nagbench  # noqa: E402
from nagbench.engine import NUMBA  # noqa: E402
from nagbench.objective import Problem  # noqa: E402
from nagbench.runner import Batch, Job  # noqa: E402
from nagbench.single import cell_of  # noqa: E402

TURNS, SECONDS = 9, 0.004
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


def plain_of(problem: Problem) -> tuple[str, Plain]:
    """The plain form of a problem, and what it is written in."""
    kernel = problem.gradient_kernel.__name__
    builders = {"dense_gradient": dense, "diagonal_gradient": diagonal}
    if problem.family in ("least-squares", "logistic"):
        return "numpy", linear(problem)
    if problem.family in ("softmax", "mlp"):
        return "numpy", network(problem)
    if kernel in builders and problem.minimizers is not None and problem.kind == "quadratic" and problem.dimension > 4:
        return "numpy", builders[kernel](problem)
    out, rows = np.zeros(problem.dimension), np.zeros(0, np.int64)

    def gradient(x):
        problem.gradient_kernel(x, problem.data, problem.shape, rows, out)
        return out

    return "python", (lambda x: problem.value_kernel(x, problem.data, problem.shape, rows), gradient)


def compiled_of(problem: Problem) -> tuple[Callable, Callable]:
    """Functions of a number of calls: so many values, so many gradients, at the start, inside compiled code."""
    descent = nagbench.optimizer("gradient-descent")
    job = Job(Batch(problem, descent.method, [cell_of(problem, descent)]))
    job.state.query[:] = problem.start
    draw, _ = job.draws(job.batch.cells[0], 0)
    none = np.zeros((0, problem.dimension))

    def values(calls):
        points = np.broadcast_to(problem.start, (calls, problem.dimension)).copy()
        NUMBA.evaluate(job.value, job.gradient, job.formula, job.everything, points, np.empty(calls), none)

    def gradients(calls):
        NUMBA.query(job.gradient, job.formula, job.everything, draw, job.state, 0, calls)

    return values, gradients


def repeated(function: Callable, x) -> Callable:
    """A function of a number of calls."""

    def run(calls):
        for _ in range(calls):
            function(x)

    return run


def _seconds(run: Callable, calls: int) -> float:
    began = time.perf_counter()
    run(calls)
    return time.perf_counter() - began


def measured(functions: dict[str, Callable]) -> dict[str, float]:
    """Least seconds a call of each, in turns; the number of calls is raised until a turn takes some milliseconds."""
    calls = {}
    for name, run in functions.items():
        run(1)
        calls[name] = 1
        # Twice over, so that one interruption does not pass for a slow function.
        while min(_seconds(run, calls[name]), _seconds(run, calls[name])) < SECONDS and calls[name] < 100_000:
            calls[name] *= 4
    samples = {name: [] for name in functions}
    for _ in range(TURNS):
        for name, run in functions.items():
            samples[name].append(_seconds(run, calls[name]) / calls[name])
    return {name: min(times) for name, times in samples.items()}


def row(name: str) -> tuple[list[str], bool]:
    """One line of the table, and whether compiled is the faster twice."""
    problem = nagbench.problem(name)
    written, (value, gradient) = plain_of(problem)
    values, gradients = compiled_of(problem)
    check = gradient(problem.start)
    np.testing.assert_allclose(check, problem.gradient(problem.start), rtol=1e-6, atol=1e-6 * (1 + np.abs(check).max()))
    with np.errstate(all="ignore"):
        t = measured({
            "value": values, "gradient": gradients, "plain value": repeated(value, problem.start),
            "plain gradient": repeated(gradient, problem.start),
        })  # fmt: skip
    ratios = t["plain value"] / t["value"], t["plain gradient"] / t["gradient"]
    micro = [f"{1e6 * t[part]:.3g}" for part in ("value", "plain value", "gradient", "plain gradient")]
    cells = [
        name,
        str(problem.dimension),
        written,
        micro[0],
        micro[1],
        f"{ratios[0]:.1f}",
        micro[2],
        micro[3],
        f"{ratios[1]:.1f}",
    ]
    return cells, min(ratios) >= 1.0


def main() -> None:
    """All problems whose names match the arguments (patterns; none: all)."""
    patterns = sys.argv[1:] or ["*"]
    head = ["problem", "n", "plain in", "value µs", "plain", "ratio", "gradient µs", "plain", "ratio"]
    print("  ".join(f"{text:>{24 if i == 0 else 11}}" for i, text in enumerate(head)))
    slower = []
    for name in nagbench.problems():
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            cells, faster = row(name)
            print("  ".join(f"{text:>{24 if i == 0 else 11}}" for i, text in enumerate(cells)), flush=True)
            slower += [] if faster else [name]
    print(f"slower compiled: {', '.join(slower) or 'none'}")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()

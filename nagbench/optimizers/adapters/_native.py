"""Problems as a library's own users write them, so that it can differentiate them itself: f by operators alone.

Where a family is here, a library's method is timed a second time, end to end: value and gradient by PyTorch's autograd or
JAX's grad, the update its own, as many iterations as the replay makes. Optax runs its whole loop compiled.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters import _jax
from nagbench.problems.problem import Floats, Problem

Form = Callable[[Any, Any], Any]
# Runs so many iterations from the start, and returns the last parameters.
Loop = Callable[[int], Floats]


def _diagonal(x: Any, data: Any) -> Any:
    return 0.5 * (x * x * data).sum()


def _dense(x: Any, data: Any) -> Any:
    return 0.5 * (x @ (data @ x))


def _rosenbrock(x: Any, _: Any) -> Any:
    across, along = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    return (100.0 * across**2 + along**2).sum()


def form_of(problem: Problem) -> tuple[Form, Floats] | None:
    """f(x, data) by operators that arrays of NumPy, PyTorch and JAX share, and its data; None where there is none."""
    if problem.family == "rosenbrock":
        return _rosenbrock, problem.data
    if problem.family == "quadratic" and problem.spectrum is not None:
        if (vectors := problem.eigenvectors) is None:
            return _diagonal, problem.spectrum
        matrix = (vectors * problem.spectrum) @ vectors.T
        return _dense, 0.5 * (matrix + matrix.T)
    return None


def torch_loop(make: Callable[[Any], Any], form: Form, data: Floats, start: Floats) -> Loop:
    """A training loop of PyTorch's: autograd, and ``make(parameters)``'s step."""
    import torch

    constant = torch.from_numpy(data.copy())

    def run(iterations: int) -> Floats:
        x = torch.nn.Parameter(torch.from_numpy(start.copy()))
        optimizer = make([x])
        for _ in range(iterations):
            optimizer.zero_grad()
            form(x, constant).backward()
            optimizer.step()
        return np.asarray(x.detach())

    return run


def optax_loop(make: Callable[..., Any], values: Mapping[str, float], form: Form, data: Floats, start: Floats) -> Loop:
    """The whole loop compiled by XLA, `lax.fori_loop` with the number of iterations as an argument."""
    jax = _jax.load_jax()
    compiled = _whole(make, form)

    def run(iterations: int) -> Floats:
        with _jax.double_precision():
            x = jax.numpy.array(start)
            state = make(**values).init(x)
            return np.asarray(compiled(x, state, data, iterations, dict(values)).block_until_ready())

    return run


@functools.cache
def _whole(make: Callable[..., Any], form: Form) -> Any:
    jax, optax = _jax.load_jax(), importlib.import_module("optax")
    gradient = jax.grad(form)

    def loop(x: Any, state: Any, data: Any, iterations: Any, values: Any) -> Any:
        transformation = make(**values)

        def step(_: Any, carry: Any) -> Any:
            x, state = carry
            updates, state = transformation.update(gradient(x, data), state, x)
            return optax.apply_updates(x, updates), state

        return jax.lax.fori_loop(0, iterations, step, (x, state))[0]

    return jax.jit(loop)

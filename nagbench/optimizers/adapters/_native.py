"""Problems as users of a library write them, so that the library can differentiate them itself.

If a family is here, an algorithm of a library is timed a second time, end to end: f, ∇f by PyTorch's autograd or JAX's
grad, and the update, for as many iterations as the replay makes. Optax runs its whole loop compiled.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters._jax import double_precision, load_jax
from nagbench.problems.problem import Floats, Problem

Form = Callable[[Any, Any], Any]
Loop = Callable[[int], Floats]


def _diagonal(x: Any, data: Any) -> Any:
    return 0.5 * (x * x * data).sum()


def _dense(x: Any, data: Any) -> Any:
    return 0.5 * (x @ (data @ x))


def _rosenbrock(x: Any, _: Any) -> Any:
    across, along = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    return (100.0 * across**2 + along**2).sum()


def find_form(problem: Problem) -> tuple[Form, Floats] | None:
    """Find the form of a problem that arrays of NumPy, PyTorch and JAX share.

    Returns
    -------
    tuple or None
        f as a function of x and data, and the data; None if there is no such form.
    """
    if problem.family == "rosenbrock":
        return _rosenbrock, problem.data
    if problem.family == "quadratic" and problem.spectrum is not None:
        if (vectors := problem.eigenvectors) is None:
            return _diagonal, problem.spectrum
        matrix = (vectors * problem.spectrum) @ vectors.T
        return _dense, 0.5 * (matrix + matrix.T)
    return None


def torch_loop(make: Callable[[Any], Any], form: Form, data: Floats, start: Floats) -> Loop:
    """Make a training loop of PyTorch.

    Parameters
    ----------
    make
        Makes the optimizer of a list of parameters.
    form, data
        f; see `find_form`.
    start
        The start, shape (n,).

    Returns
    -------
    function
        It runs a number of iterations and returns the last x.
    """
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
    """Make a loop of Optax, compiled as a whole by XLA; see `torch_loop`.

    ``make(**values)`` returns the transformation. The number of iterations is an argument of the compiled loop.
    """
    compiled = _compile_loop(make, form)

    def run(iterations: int) -> Floats:
        with double_precision():
            x = load_jax().numpy.array(start)
            state = make(**values).init(x)
            return np.asarray(compiled(x, state, data, iterations, dict(values)).block_until_ready())

    return run


@functools.cache
def _compile_loop(make: Callable[..., Any], form: Form) -> Any:
    jax, optax = load_jax(), importlib.import_module("optax")
    gradient = jax.grad(form)

    def loop(x: Any, state: Any, data: Any, iterations: Any, values: Any) -> Any:
        transformation = make(**values)

        def step(_: Any, carry: Any) -> Any:
            x, state = carry
            updates, state = transformation.update(gradient(x, data), state, x)
            return optax.apply_updates(x, updates), state

        return jax.lax.fori_loop(0, iterations, step, (x, state))[0]

    return jax.jit(loop)

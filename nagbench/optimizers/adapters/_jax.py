"""A compiled step of JAX over nagbench's arrays, for Optax and for Keras on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nagbench.problems.adapters._jax import double_precision, load_jax
from nagbench.problems.problem import Floats

__all__ = ["CompiledStep", "double_precision", "load_jax"]


class CompiledStep:
    """Steps of a compiled function from an iterate on.

    The gradient is passed without a copy if JAX can do so on CPUs (64-byte alignment). JAX's arrays cannot be written
    to, so the new x is copied back.

    Parameters
    ----------
    compiled
        ``compiled(x, state, gradient, *more)`` returns the new x and state; x and state are donated.
    iterate, gradient
        nagbench's arrays, shape (n,). A step reads the gradient and writes the iterate.
    state
        The state of the optimizer at the start.
    """

    def __init__(self, compiled: Callable[..., Any], iterate: Floats, gradient: Floats, state: Any) -> None:
        self.compiled, self.state = compiled, state
        self._iterate, self._gradient = iterate, gradient
        self._x = load_jax().numpy.array(iterate)

    def __call__(self, *more: Any) -> None:
        with double_precision():
            self._x, self.state = self.compiled(self._x, self.state, self._gradient, *more)
        np.copyto(self._iterate, self._x)

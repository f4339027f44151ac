"""What Optax and Keras on JAX share: double precision, and a compiled step over our arrays."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nagbench.optimizers.adapters._common import Floats


def load_jax() -> Any:
    """JAX on the processor, whatever else the machine has."""
    if "jax" not in sys.modules:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    return importlib.import_module("jax")


def double_precision() -> Any:
    """A context in which JAX computes in double precision, without a change of its configuration."""
    jax = load_jax()
    # Before JAX 0.8 the switch lived elsewhere.
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64
    return switch(True)


class Walk:
    """Steps of ``compiled(x, state, gradient, *more) → (x, state)`` from our iterate on, x and state donated.

    The gradient is handed over without a copy, where JAX can on processors (64-byte alignment); JAX's arrays cannot be
    written to, so the new x is copied back.
    """

    def __init__(self, compiled: Callable[..., Any], iterate: Floats, gradient: Floats, state: Any) -> None:
        self.compiled, self.state = compiled, state
        self._iterate, self._gradient = iterate, gradient
        self._x = load_jax().numpy.array(iterate)

    def __call__(self, *more: Any) -> None:
        with double_precision():
            self._x, self.state = self.compiled(self._x, self.state, self._gradient, *more)
        np.copyto(self._iterate, self._x)

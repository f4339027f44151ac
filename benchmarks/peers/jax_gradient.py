"""The gradients for the peers that run on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.peers.cases import Case, rosenbrock_slopes


def load() -> Any:
    """JAX with float64 and without a thread of its own for dispatch. Raises ImportError without it."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return jax


def gradient_of(case: Case) -> Callable[[Any, Any], Any]:
    """∇f of (p, eigenvalues), written by hand. The eigenvalues are an argument, so that nothing is folded into code."""
    import jax.numpy as jnp

    if case.valley:
        return lambda p, _: jnp.stack(rosenbrock_slopes(p[0], p[1]))
    return lambda p, eigenvalues: eigenvalues * p

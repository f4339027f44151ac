"""keras.optimizers.SGD(nesterov=True) on JAX, its stateless step jitted.

Keras's variable is the look-ahead point p; x = p − m·v with its velocity v.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers import jax_gradient
from benchmarks.peers.cases import Case, Floats
from benchmarks.peers.measure import Peer


def peers() -> list[Peer]:
    """Return the jitted step; raise ImportError without Keras and JAX."""
    jax_gradient.load()
    import keras

    if keras.backend.backend() != "jax":
        raise ImportError("Keras is running on another backend than JAX")
    keras.config.set_floatx("float64")
    return [Peer("Keras on JAX, jitted step", Step)]


class Step:
    """One call of compiled code an iteration."""

    def __init__(self, case: Case) -> None:
        import jax
        import jax.numpy as jnp
        import keras

        self.case = case
        self.eigenvalues = jnp.asarray(case.eigenvalues)
        optimizer = keras.optimizers.SGD(case.step_size, momentum=case.momentum, nesterov=True)
        optimizer.build([keras.Variable(case.problem.start)])
        self.start = [jnp.array(variable.value) for variable in optimizer.variables]
        self.velocity = next(i for i, variable in enumerate(optimizer.variables) if variable.shape == (case.n,))
        gradient = jax_gradient.gradient_of(case)

        def step(p: Any, state: Any, eigenvalues: Any) -> tuple[Any, Any]:
            (p,), state = optimizer.stateless_apply(state, [gradient(p, eigenvalues)], [p])
            return p, state

        self.compiled = jax.jit(step, donate_argnums=(0, 1))

    def reset(self) -> None:
        import jax.numpy as jnp

        self.p = jnp.array(self.case.problem.start)
        self.state = [jnp.array(value) for value in self.start]

    def advance(self, iterations: int) -> None:
        p, state, eigenvalues, compiled = self.p, self.state, self.eigenvalues, self.compiled
        for _ in range(iterations):
            p, state = compiled(p, state, eigenvalues)
        self.p, self.state = p.block_until_ready(), state

    def iterate(self) -> Floats:
        return np.asarray(self.p - self.case.momentum * self.state[self.velocity])

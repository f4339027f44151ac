"""optax.sgd(nesterov=True): a jitted step called from Python, and the whole loop compiled.

Optax's parameter is the look-ahead point p; x = p + m·s·t with its trace t. XLA compiles gradient and update together
and may fuse them, so neither of these takes the gradient as a black box.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers import jax_gradient
from benchmarks.peers.cases import Case, Floats
from benchmarks.peers.measure import Peer


def peers() -> list[Peer]:
    """Return the step and the loop; raise ImportError without JAX and Optax."""
    import optax  # noqa: F401

    jax_gradient.load()
    return [Peer("Optax, jitted step", Step), Peer("Optax, whole loop in XLA", Whole)]


class Step:
    """One call of compiled code an iteration; what it returns may take the place of what it was given."""

    def __init__(self, case: Case) -> None:
        import jax.numpy as jnp
        import optax

        self.case = case
        self.eigenvalues = jnp.asarray(case.eigenvalues)
        self.optimizer = optax.sgd(case.step_size, momentum=case.momentum, nesterov=True)
        gradient = jax_gradient.gradient_of(case)

        def step(p: Any, state: Any, eigenvalues: Any) -> tuple[Any, Any]:
            updates, state = self.optimizer.update(gradient(p, eigenvalues), state)
            return optax.apply_updates(p, updates), state

        self.step = step
        self.compiled = self.compile()

    def compile(self) -> Any:
        import jax

        return jax.jit(self.step, donate_argnums=(0, 1))

    def reset(self) -> None:
        import jax.numpy as jnp

        self.p = jnp.array(self.case.problem.start)
        self.state = self.optimizer.init(self.p)

    def advance(self, iterations: int) -> None:
        p, state, eigenvalues, compiled = self.p, self.state, self.eigenvalues, self.compiled
        for _ in range(iterations):
            p, state = compiled(p, state, eigenvalues)
        self.p, self.state = p.block_until_ready(), state

    def iterate(self) -> Floats:
        import optax

        trace = optax.tree.get(self.state, "trace")
        return np.asarray(self.p + self.case.momentum * self.case.step_size * trace)


class Whole(Step):
    """`lax.fori_loop` over the step; the number of iterations is an argument, so it becomes `lax.while_loop`."""

    def compile(self) -> Any:
        import jax

        def loop(p: Any, state: Any, eigenvalues: Any, iterations: Any) -> Any:
            return jax.lax.fori_loop(0, iterations, lambda _, carry: self.step(*carry, eigenvalues), (p, state))

        return jax.jit(loop, donate_argnums=(0, 1))

    def advance(self, iterations: int) -> None:
        p, self.state = self.compiled(self.p, self.state, self.eigenvalues, iterations)
        self.p = p.block_until_ready()

"""Optax's transformations, one jitted step an iteration.

Hyperparameters are arguments of the compiled step, as `optax.inject_hyperparams` makes them, so that one compilation
serves all values. Optax has no default step sizes; those here are the defaults of nagbench's own algorithms.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from nagbench.core.errors import UsageError
from nagbench.optimizers.adapters import _common
from nagbench.optimizers.adapters._common import LOOK_AHEAD, nonnegative
from nagbench.optimizers.adapters._jax import CompiledStep, double_precision, load_jax
from nagbench.optimizers.adapters._native import Loop, find_form, optax_loop
from nagbench.optimizers.algorithm import Method, Session, Step, Theory
from nagbench.optimizers.algorithms._hyperparameters import polyak, strongly_convex
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.problem import Floats, Problem

Make = Callable[..., Any]

_OPTAX_NAMES = {"step_size": "learning_rate", "beta1": "b1", "beta2": "b2", "epsilon": "eps"}


def make_session(make: Make, names: tuple[str, ...]) -> Session:
    """Return the sessions of a transformation.

    A momentum of 0 is not passed, so that the transformation keeps no trace. For parameters in single precision the
    values are passed as Python numbers, which have no precision of their own: an array in double precision would make
    all arithmetic double.

    Parameters
    ----------
    make
        Makes the transformation of hyperparameters by name.
    names
        The hyperparameters under nagbench's names, in order.
    """

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        values = dict(zip(names, hyper.tolist(), strict=True))
        given = tuple(name for name in names if name != "momentum" or values[name] != 0.0)
        with double_precision():
            state = make(**{name: values[name] for name in given}).init(load_jax().numpy.array(iterate))
            advance = CompiledStep(_compile_step(make, names, given), iterate, gradient, state)

        def step(hyper: Floats) -> None:
            if len(given) < len(names) and hyper[names.index("momentum")] != 0.0:
                raise UsageError("an Optax transformation that begins with momentum 0 keeps no trace to go on from")
            advance(hyper if iterate.dtype == hyper.dtype else tuple(hyper.tolist()))

        return step

    return begin


@functools.cache
def _compile_step(make: Make, names: tuple[str, ...], given: tuple[str, ...]) -> Any:
    jax, optax = load_jax(), importlib.import_module("optax")

    def step(x: Any, state: Any, gradient: Any, hyper: Any) -> tuple[Any, Any]:
        transformation = make(**{name: hyper[i] for i, name in enumerate(names) if name in given})
        updates, state = transformation.update(gradient, state, x)
        return optax.apply_updates(x, updates), state

    return jax.jit(step, donate_argnums=(0, 1))


def _native_loop(make: Make, problem: Problem, start: Floats, values: Mapping[str, float]) -> Loop | None:
    form = find_form(problem)
    given = {name: value for name, value in values.items() if name != "momentum" or value != 0.0}
    return form and optax_loop(make, given, *form, start)


def _maker(name: str, **fixed: Any) -> Make:
    """Return a function of nagbench's hyperparameters that makes ``optax.NAME``."""

    def make(**values: Any) -> Any:
        given = {_OPTAX_NAMES.get(key, key): value for key, value in values.items()}
        return getattr(importlib.import_module("optax"), name)(**given, **fixed)

    return make


def _chain(step_size: Any, momentum: Any = 0.0) -> Any:
    """Make Nesterov's method whose velocity includes the step size, as in Keras."""
    optax = importlib.import_module("optax")
    return optax.chain(optax.scale_by_learning_rate(step_size), optax.trace(momentum, nesterov=True))


def _algorithm(
    name: str,
    make: Make,
    hyperparameters: Mapping[str, Hyperparameter],
    source: str,
    summary: str,
    *,
    tested_at: str = "x",
    theory: Theory | None = None,
) -> Method:
    return Method(
        name=f"optax/{name}",
        library="optax",
        session=make_session(make, tuple(hyperparameters)),
        native=functools.partial(_native_loop, make),
        hyperparameters=hyperparameters,
        autonomous=False,
        tested_at=tested_at,
        source=source,
        summary=summary,
        theory=theory,
        distributions=("optax", "jax", "jaxlib"),
    )


def _sgd(default_momentum: float) -> dict[str, Hyperparameter]:
    return {"step_size": _common.descent_step(1e-2), "momentum": _common.momentum(default_momentum)}


_ADAM = _common.adam(epsilon=1e-8, eps_root=nonnegative(0.0))
_RMSPROP = {
    "step_size": _common.adaptive_step(1e-3),
    "decay": _common.rmsprop_decay(0.9),
    "epsilon": nonnegative(1e-8),
}
_ADAGRAD = {
    "step_size": _common.adagrad_step(1e-2),
    "initial_accumulator_value": nonnegative(0.1),
    "epsilon": nonnegative(1e-7),
}

_ALL = (
    _algorithm("sgd", _maker("sgd"), _sgd(0.0), "optax.sgd", "t ← g + m·t; x ← x − s·t", theory=polyak),
    _algorithm(
        "sgd-nesterov",
        _maker("sgd", nesterov=True),
        _sgd(0.9),
        "optax.sgd with nesterov=True",
        "t ← g + m·t; p ← p − s·(g + m·t)",
        tested_at=LOOK_AHEAD,
        theory=strongly_convex,
    ),
    _algorithm(
        "sgd-nesterov-chain",
        _chain,
        _sgd(0.9),
        "optax.chain(scale_by_learning_rate, trace with nesterov=True)",
        "v ← m·v − s·g; p ← p + m·v − s·g",
        tested_at=LOOK_AHEAD,
        theory=strongly_convex,
    ),
    _algorithm("adam", _maker("adam"), _ADAM, "optax.adam", "x ← x − s·â/(√(b̂ + ε₀) + ε)"),
    _algorithm(
        "adamw",
        _maker("adamw"),
        {**_ADAM, "weight_decay": nonnegative(1e-4)},
        "optax.adamw",
        "x ← x − s·(â/(√(b̂ + ε₀) + ε) + w·x)",
    ),
    _algorithm(
        "nadam", _maker("nadam"), _ADAM, "optax.nadam", "Adam with Nesterov's look-ahead at constant momentum β₁"
    ),
    _algorithm("rmsprop", _maker("rmsprop"), _RMSPROP, "optax.rmsprop", "a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε)"),
    _algorithm("adagrad", _maker("adagrad"), _ADAGRAD, "optax.adagrad", "a ← a + g²; x ← x − s·g/√(a + ε)"),
    _algorithm(
        "lion",
        _maker("lion"),
        _common.lion(1e-4, 1e-3),
        "optax.lion",
        "x ← x − s·(sign(β₁·a + (1 − β₁)·g) + w·x); a ← β₂·a + (1 − β₂)·g",
    ),
)
METHODS = {algorithm.name: algorithm for algorithm in _ALL}

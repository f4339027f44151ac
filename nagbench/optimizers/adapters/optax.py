"""Optax's transformations, one jitted step an iteration.

Hyperparameters are arguments of the compiled step, as `optax.inject_hyperparams` makes them, so one compilation does for
all values. Optax has no default step size: those here are our own methods'.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from nagbench.core.errors import UsageError
from nagbench.optimizers.adapters import _jax
from nagbench.optimizers.adapters._common import (
    ADAPTIVE_TUNING,
    LOOK_AHEAD,
    MOMENTUM_TUNING,
    STEP_TUNING,
    Floats,
    number,
)
from nagbench.optimizers.adapters._native import Loop, form_of, optax_loop
from nagbench.optimizers.algorithm import Hyperparameter, Method, Session, Step, Tuning, fraction, step_size
from nagbench.optimizers.algorithms._hyperparameters import polyak, strongly_convex
from nagbench.problems.problem import Problem

Make = Callable[..., Any]


def session(make: Make, names: tuple[str, ...]) -> Session:
    """Sessions of the transformation that ``make(**values)`` returns; ``names`` are those of its hyperparameters.

    A momentum of 0 is not given to it: then it keeps no trace. With parameters in single precision the values are numbers
    of no precision of their own, as Python's are: an array in double precision would make all arithmetic double.
    """

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        values = dict(zip(names, hyper.tolist(), strict=True))
        given = tuple(name for name in names if name != "momentum" or values[name] != 0.0)
        with _jax.double_precision():
            state = make(**{name: values[name] for name in given}).init(_jax.load_jax().numpy.array(iterate))
            advance = _jax.Walk(_compiled(make, names, given), iterate, gradient, state)

        def step(hyper: Floats) -> None:
            if len(given) < len(names) and hyper[names.index("momentum")] != 0.0:
                raise UsageError("an Optax transformation that begins with momentum 0 keeps no trace to go on from")
            advance(hyper if iterate.dtype == hyper.dtype else tuple(hyper.tolist()))

        return step

    return begin


@functools.cache
def _compiled(make: Make, names: tuple[str, ...], given: tuple[str, ...]) -> Any:
    jax, optax = _jax.load_jax(), importlib.import_module("optax")

    def step(x: Any, state: Any, gradient: Any, hyper: Any) -> tuple[Any, Any]:
        transformation = make(**{name: hyper[i] for i, name in enumerate(names) if name in given})
        updates, state = transformation.update(gradient, state, x)
        return optax.apply_updates(x, updates), state

    return jax.jit(step, donate_argnums=(0, 1))


def _natively(make: Make, problem: Problem, start: Floats, values: Mapping[str, float]) -> Loop | None:
    found = form_of(problem)
    given = {name: value for name, value in values.items() if name != "momentum" or value != 0.0}
    return found and optax_loop(make, given, *found, start)


def _named(name: str, **fixed: Any) -> Make:
    """A function of our hyperparameters that makes ``optax.NAME``."""

    def make(**values: Any) -> Any:
        given = {_THEIRS.get(key, key): value for key, value in values.items()}
        return getattr(importlib.import_module("optax"), name)(**given, **fixed)

    return make


_THEIRS = {"step_size": "learning_rate", "beta1": "b1", "beta2": "b2", "epsilon": "eps"}


def _chain(step_size: Any, momentum: Any = 0.0) -> Any:
    """The velocity holds the step size, as in the tutorial's form and in Keras."""
    optax = importlib.import_module("optax")
    return optax.chain(optax.scale_by_learning_rate(step_size), optax.trace(momentum, nesterov=True))


_STEP = step_size(1e-2, tuning=STEP_TUNING, unit="1/L")
_MOMENTUM = fraction(0.9, tuning=MOMENTUM_TUNING)
_ADAPTIVE = step_size(1e-3, tuning=ADAPTIVE_TUNING, unit="1")
_ADAM = {
    "step_size": _ADAPTIVE,
    "beta1": fraction(0.9, tuning=(0.0, 0.99)),
    "beta2": fraction(0.999, tuning=(0.9, 0.9999)),
    "epsilon": number(1e-8),
    "eps_root": number(0.0),
}


def _method(
    name: str,
    make: Make,
    hyperparameters: Mapping[str, Hyperparameter],
    source: str,
    summary: str,
    *,
    tested_at: str = "x",
    theory: Tuning | None = None,
) -> Method:
    return Method(
        name=f"optax/{name}",
        library="optax",
        session=session(make, tuple(hyperparameters)),
        native=functools.partial(_natively, make),
        hyperparameters=hyperparameters,
        autonomous=False,
        tested_at=tested_at,
        source=source,
        summary=summary,
        theory=theory,
        distributions=("optax", "jax", "jaxlib"),
    )


_ALL = (
    _method(
        "sgd", _named("sgd"), {"step_size": _STEP, "momentum": fraction(0.0, tuning=MOMENTUM_TUNING)},
        "optax.sgd", "t ← g + m·t; x ← x − s·t", theory=polyak,
    ),
    _method(
        "sgd-nesterov", _named("sgd", nesterov=True), {"step_size": _STEP, "momentum": _MOMENTUM},
        "optax.sgd with nesterov=True", "t ← g + m·t; p ← p − s·(g + m·t)", tested_at=LOOK_AHEAD, theory=strongly_convex,
    ),
    _method(
        "sgd-nesterov-chain", _chain, {"step_size": _STEP, "momentum": _MOMENTUM},
        "optax.chain(scale_by_learning_rate, trace with nesterov=True)", "v ← m·v − s·g; p ← p + m·v − s·g",
        tested_at=LOOK_AHEAD, theory=strongly_convex,
    ),
    _method("adam", _named("adam"), _ADAM, "optax.adam", "x ← x − s·â/(√(b̂ + ε₀) + ε)"),
    _method(
        "adamw", _named("adamw"), {**_ADAM, "weight_decay": number(1e-4)}, "optax.adamw",
        "x ← x − s·(â/(√(b̂ + ε₀) + ε) + w·x)",
    ),
    _method(
        "nadam", _named("nadam"), _ADAM, "optax.nadam", "Adam with Nesterov's look-ahead at constant momentum β₁",
    ),
    _method(
        "rmsprop", _named("rmsprop"),
        {"step_size": _ADAPTIVE, "decay": fraction(0.9, tuning=(0.5, 0.999)), "epsilon": number(1e-8)},
        "optax.rmsprop", "a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε)",
    ),
    _method(
        "adagrad", _named("adagrad"),
        {
            "step_size": step_size(1e-2, tuning=(1e-3, 10.0), unit="1"),
            "initial_accumulator_value": number(0.1), "epsilon": number(1e-7),
        },
        "optax.adagrad", "a ← a + g²; x ← x − s·g/√(a + ε)",
    ),
    _method(
        "lion", _named("lion"),
        {
            "step_size": step_size(1e-4, tuning=(1e-6, 0.1), unit="1"), "beta1": fraction(0.9, tuning=(0.0, 0.99)),
            "beta2": fraction(0.99, tuning=(0.5, 0.999)), "weight_decay": number(1e-3),
        },
        "optax.lion", "x ← x − s·(sign(β₁·a + (1 − β₁)·g) + w·x); a ← β₂·a + (1 − β₂)·g",
    ),
)  # fmt: skip
METHODS = {method.name: method for method in _ALL}

"""Keras 3's optimizers, on JAX (one jitted stateless step, as its trainer makes them) or on PyTorch (a step in place).

The backend is what KERAS_BACKEND says, else JAX, else PyTorch, whichever is installed; it is part of what decides a
result. Keras keeps step sizes in its own float type, which is set to that of the parameters while an optimizer is made.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
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
    watched,
)
from nagbench.optimizers.algorithm import Hyperparameter, Method, Session, Step, Tuning, fraction, step_size
from nagbench.optimizers.algorithms._hyperparameters import polyak, strongly_convex

Turns = tuple[Callable[[], Any], Callable[[dict[str, Any]], Any]]
_PACKAGES = {"jax": ("keras", "jax", "jaxlib"), "torch": ("keras", "torch")}


def backend() -> str:
    """The backend that Keras runs on, or will: "jax" or "torch"."""
    if "keras" in sys.modules:
        return str(sys.modules["keras"].config.backend())
    named = os.environ.get("KERAS_BACKEND")
    return named or next((name for name in _PACKAGES if importlib.util.find_spec(name) is not None), "jax")


def _load() -> Any:
    """Keras, on one of the backends that share our gradient. Raises UsageError on another."""
    if (chosen := backend()) not in _PACKAGES:
        raise UsageError(f"keras runs here on {' or '.join(_PACKAGES)}, not on {chosen!r}: set KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = chosen
    if chosen == "jax":
        _jax.load_jax()
    return importlib.import_module("keras")


@contextlib.contextmanager
def _precision(keras: Any, name: str) -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        with _jax.double_precision() if keras.config.backend() == "jax" else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_floatx(before)


_THEIRS = {"step_size": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "decay": "rho"}


def _arguments(names: tuple[str, ...], hyper: Floats) -> dict[str, Any]:
    """Our hyperparameters under Keras's names."""
    given: dict[str, Any] = dict(zip((_THEIRS.get(name, name) for name in names), hyper.tolist(), strict=True))
    if given.get("weight_decay") == 0.0:
        given["weight_decay"] = None
    return given


def session(name: str, names: tuple[str, ...], nesterov: bool) -> Session:
    """Sessions of ``keras.optimizers.NAME``; ``names`` are those of our hyperparameters."""

    def make(**arguments: Any) -> Any:
        flags = {"nesterov": True} if nesterov else {}
        return getattr(_load().optimizers, name)(**arguments, **flags)

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        keras = _load()
        on = _on_jax if keras.config.backend() == "jax" else _on_torch
        arguments = _arguments(names, hyper)
        with _precision(keras, iterate.dtype.name):
            advance, change = on(keras, make, arguments, iterate, gradient)

        def changed(now: Floats) -> None:
            given = _arguments(names, now)
            if any((given[key] in _NONE) != (arguments[key] in _NONE) for key in given if key in _BUILT):
                raise UsageError("a Keras optimizer that begins with or without momentum or weight decay goes on so")
            change(given)

        return watched(hyper, changed, advance)

    return begin


# What decides which variables Keras makes, and the values with which it makes none.
_BUILT, _NONE = ("momentum", "weight_decay"), (None, 0.0)


def _on_torch(keras: Any, make: Any, arguments: dict[str, Any], iterate: Floats, gradient: Floats) -> Turns:
    import torch

    with keras.device("cpu"):
        optimizer = make(**arguments)
        variable = keras.Variable(torch.nn.Parameter(torch.from_numpy(iterate)), dtype=iterate.dtype.name)
        optimizer.build([variable])
    slope = torch.from_numpy(gradient)

    def change(given: dict[str, Any]) -> None:
        for key, value in given.items():
            setattr(optimizer, key, value)

    return lambda: optimizer.apply([slope]), change


def _on_jax(keras: Any, make: Any, arguments: dict[str, Any], iterate: Floats, gradient: Floats) -> Turns:
    jax = _jax.load_jax()
    compiled, start, rate = _compiled(make, iterate.size, iterate.dtype.name, *_split(arguments))
    state = [jax.numpy.array(value) for value in start]
    state[rate] = jax.numpy.array(arguments["learning_rate"], iterate.dtype)
    walk = _jax.Walk(compiled, iterate, gradient, state)

    def change(given: dict[str, Any]) -> None:
        walk.compiled = _compiled(make, iterate.size, iterate.dtype.name, *_split(given))[0]
        with _jax.double_precision():
            walk.state[rate] = jax.numpy.array(given["learning_rate"], iterate.dtype)

    return walk, change


def _split(arguments: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """All but the step size, which is a variable of Keras's: constants of a compiled step."""
    return tuple((key, value) for key, value in arguments.items() if key != "learning_rate")


@functools.lru_cache(maxsize=256)
def _compiled(make: Any, n: int, precision: str, *constants: tuple[str, Any]) -> tuple[Any, list[Any], int]:
    """A compiled step for parameters of this size, the optimizer's variables at first, and which is the step size."""
    keras, jax = _load(), _jax.load_jax()
    with _precision(keras, precision):
        optimizer = make(learning_rate=1.0, **dict(constants))
        optimizer.build([keras.Variable(jax.numpy.zeros(n), dtype=precision)])
        start = [variable.value for variable in optimizer.variables]
    rate = next(i for i, variable in enumerate(optimizer.variables) if variable is optimizer.learning_rate)

    def step(x: Any, state: Any, gradient: Any) -> tuple[Any, Any]:
        (x,), state = optimizer.stateless_apply(state, [gradient], [x])
        return x, state

    return jax.jit(step, donate_argnums=(0, 1)), start, rate


_STEP = step_size(1e-2, tuning=STEP_TUNING, unit="1/L")
_ADAPTIVE = step_size(1e-3, tuning=ADAPTIVE_TUNING, unit="1")
_WEIGHT_DECAY = number(0.0)
_ADAM = {
    "step_size": _ADAPTIVE,
    "beta1": fraction(0.9, tuning=(0.0, 0.99)),
    "beta2": fraction(0.999, tuning=(0.9, 0.9999)),
    "epsilon": number(1e-7),
    "weight_decay": _WEIGHT_DECAY,
}


def _method(
    name: str,
    class_name: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    *,
    nesterov: bool = False,
    tested_at: str = "x",
    theory: Tuning | None = None,
) -> Method:
    return Method(
        name=f"keras/{name}",
        library="keras",
        session=session(class_name, tuple(hyperparameters), nesterov),
        hyperparameters=hyperparameters,
        autonomous=False,
        tested_at=tested_at,
        source=f"keras.optimizers.{class_name}" + (" with nesterov=True" if nesterov else ""),
        summary=summary,
        theory=theory,
        distributions=_PACKAGES.get(backend(), ("keras",)),
    )


_ALL = (
    _method(
        "sgd", "SGD",
        {"step_size": _STEP, "momentum": fraction(0.0, tuning=MOMENTUM_TUNING), "weight_decay": _WEIGHT_DECAY},
        "v ← m·v − s·g; x ← x + v", theory=polyak,
    ),
    _method(
        "sgd-nesterov", "SGD",
        # Keras's default is no momentum, and with it the flag has no effect.
        {"step_size": _STEP, "momentum": fraction(0.9, tuning=MOMENTUM_TUNING), "weight_decay": _WEIGHT_DECAY},
        "v ← m·v − s·g; p ← p + m·v − s·g", nesterov=True, tested_at=LOOK_AHEAD, theory=strongly_convex,
    ),
    _method("adam", "Adam", _ADAM, "x ← x − s·√(1 − β₂ᵏ)/(1 − β₁ᵏ)·a/(√b + ε)"),
    _method("adamw", "AdamW", {**_ADAM, "weight_decay": number(4e-3)}, "Adam with x ← x − s·w·x before each step"),
    _method("nadam", "Nadam", _ADAM, "Adam with Nesterov's look-ahead and momentum β₁(1 − 0.96ᵏ/2)"),
    _method(
        "rmsprop", "RMSprop",
        {
            "step_size": _ADAPTIVE, "decay": fraction(0.9, tuning=(0.5, 0.999)), "momentum": fraction(0.0),
            "epsilon": number(1e-7), "weight_decay": _WEIGHT_DECAY,
        },
        "a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε)",
    ),
    _method(
        "adagrad", "Adagrad",
        {
            "step_size": step_size(1e-3, tuning=(1e-3, 10.0), unit="1"), "initial_accumulator_value": number(0.1),
            "epsilon": number(1e-7), "weight_decay": _WEIGHT_DECAY,
        },
        "a ← a + g²; x ← x − s·g/√(a + ε)",
    ),
    _method(
        "lion", "Lion",
        {
            "step_size": step_size(1e-3, tuning=(1e-6, 0.1), unit="1"), "beta1": fraction(0.9, tuning=(0.0, 0.99)),
            "beta2": fraction(0.99, tuning=(0.5, 0.999)), "weight_decay": _WEIGHT_DECAY,
        },
        "x ← x − s·sign(β₁·a + (1 − β₁)·g); a ← β₂·a + (1 − β₂)·g",
    ),
)  # fmt: skip
METHODS = {method.name: method for method in _ALL}

"""Keras 3's optimizers, on JAX (one jitted stateless step, as its trainer makes them) or on PyTorch (a step in place).

The backend is that of KERAS_BACKEND, else JAX, else PyTorch, whichever is installed; results depend on it. Keras keeps
step sizes in its own float type, which is set to that of the parameters while an optimizer is made.
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
from nagbench.optimizers.adapters import _common
from nagbench.optimizers.adapters._common import LOOK_AHEAD, follow_schedule, nonnegative
from nagbench.optimizers.adapters._jax import CompiledStep, double_precision, load_jax
from nagbench.optimizers.adapters._parameters import Signature
from nagbench.optimizers.algorithm import Method, Session, Step, Theory
from nagbench.optimizers.algorithms._hyperparameters import polyak, strongly_convex
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.problems.problem import Floats

Callbacks = tuple[Callable[[], Any], Callable[[dict[str, Any]], Any]]

_PACKAGES = {"jax": ("keras", "jax", "jaxlib"), "torch": ("keras", "torch")}
_KERAS_NAMES = {"step_size": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "decay": "rho"}
# The hyperparameters for which Keras makes variables, except for these values.
_WITH_VARIABLES, _WITHOUT = ("momentum", "weight_decay"), (None, 0.0)


def backend() -> str:
    """Return the backend on which Keras runs, or will run: "jax" or "torch"."""
    if "keras" in sys.modules:
        return str(sys.modules["keras"].config.backend())
    named = os.environ.get("KERAS_BACKEND")
    return named or next((name for name in _PACKAGES if importlib.util.find_spec(name) is not None), "jax")


def load_keras() -> Any:
    """Import Keras on its backend. Raises UsageError on a backend that cannot share nagbench's gradient."""
    if (chosen := backend()) not in _PACKAGES:
        raise UsageError(f"keras runs here on {' or '.join(_PACKAGES)}, not on {chosen!r}: set KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = chosen
    if chosen == "jax":
        load_jax()
    return importlib.import_module("keras")


@contextlib.contextmanager
def _precision(keras: Any, name: str) -> Iterator[None]:
    """Set the float type of Keras, and double precision in JAX."""
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        with double_precision() if keras.config.backend() == "jax" else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_floatx(before)


def _arguments(names: tuple[str, ...], hyper: Floats) -> dict[str, Any]:
    """Return hyperparameters under Keras's names."""
    given: dict[str, Any] = dict(zip((_KERAS_NAMES.get(name, name) for name in names), hyper.tolist(), strict=True))
    if given.get("weight_decay") == 0.0:
        given["weight_decay"] = None
    return given


def make_session(name: str, names: tuple[str, ...], nesterov: bool) -> Session:
    """Return the sessions of an optimizer of Keras.

    Parameters
    ----------
    name
        The class in ``keras.optimizers``.
    names
        The hyperparameters under nagbench's names, in order.
    nesterov
        Whether to set the flag of this name.
    """

    def make(**arguments: Any) -> Any:
        flags: dict[str, Any] = {"nesterov": True} if nesterov else {}
        if name == "AdamW" and arguments["weight_decay"] is None:
            # Alone among Keras's optimizers, this one takes the number 0 and not None.
            flags["weight_decay"] = arguments.pop("weight_decay") or 0.0
        return getattr(load_keras().optimizers, name)(**arguments, **flags)

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        keras = load_keras()
        begin_on = _begin_on_jax if keras.config.backend() == "jax" else _begin_on_torch
        arguments = _arguments(names, hyper)
        with _precision(keras, iterate.dtype.name):
            advance, change = begin_on(keras, make, arguments, iterate, gradient)

        def change_values(now: Floats) -> None:
            given = _arguments(names, now)
            if any((given.get(key) in _WITHOUT) != (arguments.get(key) in _WITHOUT) for key in _WITH_VARIABLES):
                raise UsageError("a Keras optimizer that begins with or without momentum or weight decay goes on so")
            change(given)

        return follow_schedule(hyper, change_values, advance)

    return begin


def make_class_session(kind: type[Any], signature: Signature) -> Session:
    """Return the sessions of a class of Keras optimizers with these hyperparameters."""

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        keras = load_keras()
        begin_on = _begin_on_jax if keras.config.backend() == "jax" else _begin_on_torch
        with _precision(keras, iterate.dtype.name):
            advance, change = begin_on(keras, kind, signature.arguments(hyper.tolist()), iterate, gradient)
        return follow_schedule(hyper, lambda now: change(signature.arguments(now.tolist())), advance)

    return begin


def _begin_on_torch(keras: Any, make: Any, arguments: dict[str, Any], iterate: Floats, gradient: Floats) -> Callbacks:
    import torch

    with keras.device("cpu"):
        optimizer = make(**arguments)
        variable = keras.Variable(torch.nn.Parameter(torch.from_numpy(iterate)), dtype=iterate.dtype.name)
        optimizer.build([variable])
    grad = torch.from_numpy(gradient)

    def change(given: dict[str, Any]) -> None:
        for key, value in given.items():
            setattr(optimizer, key, value)

    return lambda: optimizer.apply([grad]), change


def _begin_on_jax(keras: Any, make: Any, arguments: dict[str, Any], iterate: Floats, gradient: Floats) -> Callbacks:
    jax = load_jax()
    compiled, start, rate = _compile_step(make, iterate.size, iterate.dtype.name, *_constants(arguments))
    state = [jax.numpy.array(value) for value in start]
    state[rate] = jax.numpy.array(arguments["learning_rate"], iterate.dtype)
    step = CompiledStep(compiled, iterate, gradient, state)

    def change(given: dict[str, Any]) -> None:
        step.compiled = _compile_step(make, iterate.size, iterate.dtype.name, *_constants(given))[0]
        with double_precision():
            step.state[rate] = jax.numpy.array(given["learning_rate"], iterate.dtype)

    return step, change


def _constants(arguments: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the constants of a compiled step: all arguments but the step size, which is a variable of Keras."""
    return tuple((key, value) for key, value in arguments.items() if key != "learning_rate")


@functools.lru_cache(maxsize=256)
def _compile_step(make: Any, n: int, precision: str, *constants: tuple[str, Any]) -> tuple[Any, list[Any], int]:
    """Compile a step for n parameters; return it, the optimizer's variables at the start, and the position of the step size."""
    keras, jax = load_keras(), load_jax()
    with _precision(keras, precision):
        optimizer = make(learning_rate=1.0, **dict(constants))
        optimizer.build([keras.Variable(jax.numpy.zeros(n), dtype=precision)])
        start = [variable.value for variable in optimizer.variables]
    rate = next(i for i, variable in enumerate(optimizer.variables) if variable is optimizer.learning_rate)

    def step(x: Any, state: Any, gradient: Any) -> tuple[Any, Any]:
        (x,), state = optimizer.stateless_apply(state, [gradient], [x])
        return x, state

    return jax.jit(step, donate_argnums=(0, 1)), start, rate


def _algorithm(
    name: str,
    class_name: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    *,
    nesterov: bool = False,
    tested_at: str = "x",
    theory: Theory | None = None,
) -> Method:
    return Method(
        name=f"keras/{name}",
        library="keras",
        session=make_session(class_name, tuple(hyperparameters), nesterov),
        hyperparameters=hyperparameters,
        autonomous=False,
        tested_at=tested_at,
        source=f"keras.optimizers.{class_name}" + (" with nesterov=True" if nesterov else ""),
        summary=summary,
        theory=theory,
        distributions=_PACKAGES.get(backend(), ("keras",)),
    )


def _sgd(default_momentum: float) -> dict[str, Hyperparameter]:
    return {
        "step_size": _common.descent_step(1e-2),
        "momentum": _common.momentum(default_momentum),
        "weight_decay": nonnegative(0.0),
    }


_ADAM = _common.adam(epsilon=1e-7, weight_decay=nonnegative(0.0))
_RMSPROP = {
    "step_size": _common.adaptive_step(1e-3),
    "decay": _common.rmsprop_decay(0.9),
    "momentum": fraction(0.0),
    "epsilon": nonnegative(1e-7),
    "weight_decay": nonnegative(0.0),
}
_ADAGRAD = {
    "step_size": _common.adagrad_step(1e-3),
    "initial_accumulator_value": nonnegative(0.1),
    "epsilon": nonnegative(1e-7),
    "weight_decay": nonnegative(0.0),
}

_ALL = (
    _algorithm("sgd", "SGD", _sgd(0.0), "v ← m·v − s·g; x ← x + v", theory=polyak),
    _algorithm(
        "sgd-nesterov",
        "SGD",
        # Keras's default is no momentum, and with it the flag has no effect.
        _sgd(0.9),
        "v ← m·v − s·g; p ← p + m·v − s·g",
        nesterov=True,
        tested_at=LOOK_AHEAD,
        theory=strongly_convex,
    ),
    _algorithm("adam", "Adam", _ADAM, "x ← x − s·√(1 − β₂ᵏ)/(1 − β₁ᵏ)·a/(√b + ε)"),
    _algorithm(
        "adamw", "AdamW", {**_ADAM, "weight_decay": nonnegative(4e-3)}, "Adam with x ← x − s·w·x before each step"
    ),
    _algorithm("nadam", "Nadam", _ADAM, "Adam with Nesterov's look-ahead and momentum β₁(1 − 0.96ᵏ/2)"),
    _algorithm("rmsprop", "RMSprop", _RMSPROP, "a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε)"),
    _algorithm("adagrad", "Adagrad", _ADAGRAD, "a ← a + g²; x ← x − s·g/√(a + ε)"),
    _algorithm("lion", "Lion", _common.lion(1e-3, 0.0), "x ← x − s·sign(β₁·a + (1 − β₁)·g); a ← β₂·a + (1 − β₂)·g"),
)
METHODS = {algorithm.name: algorithm for algorithm in _ALL}

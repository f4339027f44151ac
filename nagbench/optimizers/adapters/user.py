"""Optimizers of a user's own, by "package.module:attribute", with hyperparameters as the signature names them.

* A function ``step(x, gradient, state, ...)``, told by the names of its first three parameters. It works on x in place,
  or returns the new x; ``state`` is a dictionary, empty at the start of every run, to remember in; the gradient is read
  only. What follows are hyperparameters.
* A class of ``torch.optim.Optimizer``, whose parameters after the first are hyperparameters.
* An Optax transformation, or another function, which is then called with its hyperparameters and must return one.

Hyperparameters are numbers. Those with a default take it; those without one must be given. The names lr, learning_rate,
betas, b1, b2, beta_1, beta_2 and eps are known as step_size, beta1, beta2 and epsilon. The attribute ``tuning`` maps
hyperparameters to the ranges (low, high) that tuning searches; step_size is tuned from 1e-6 to 10 where it says nothing.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.optimizers.adapters import _jax
from nagbench.optimizers.adapters._common import Floats, refused, watched
from nagbench.optimizers.algorithm import Hyperparameter, Method, Session, Step

_OURS = {
    "lr": "step_size", "learning_rate": "step_size", "b1": "beta1", "b2": "beta2", "beta_1": "beta1", "beta_2": "beta2",
    "eps": "epsilon",
}  # fmt: skip
_STEP_TUNING = (1e-6, 10.0)


class OptimizerError(UsageError):
    """A user's optimizer raised, or returned what is no point."""


@functools.lru_cache(maxsize=256)
def make_algorithm(name: str, thing: Any) -> Method:
    """The method that a user's object makes. Raises UsageError for one that makes none."""
    if _is_torch_class(thing):
        return _torch_method(name, thing)
    if _is_transformation(thing):
        return _optax_method(name, lambda: thing, {}, thing)
    if not callable(thing):
        raise UsageError(
            f"optimizer {name!r} is of type {type(thing).__name__}; expected a function marked with nagbench.method(...), "
            "a function step(x, gradient, state), a torch.optim.Optimizer class, or an Optax transformation"
        )
    try:
        names = list(inspect.signature(thing).parameters)
    except (TypeError, ValueError) as error:
        raise UsageError(f"optimizer {name!r} has no signature to read: {error}") from None
    if names[:3] == _STEP_PARAMETERS:
        return _step_method(name, thing)
    return _optax_method(name, thing, _parameters(thing, 0), thing)


def is_optimizer(thing: Any) -> bool:
    """Whether this is an optimizer without doubt; a function that returns an Optax transformation may not say so."""
    if getattr(thing, "__method__", None) is not None or _is_torch_class(thing) or _is_transformation(thing):
        return True
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return False
    made = getattr(signature.return_annotation, "__mro__", ())
    return list(signature.parameters)[:3] == _STEP_PARAMETERS or any(_is_transformation_class(base) for base in made)


def _is_transformation_class(kind: type[Any]) -> bool:
    return kind.__name__ == "GradientTransformation" and kind.__module__.startswith("optax")


_STEP_PARAMETERS = ["x", "gradient", "state"]


def _method(name: str, thing: Any, session: Session, theirs: Mapping[str, str], **facts: Any) -> Method:
    return Method(
        name=name,
        session=session,
        hyperparameters=_hyperparameters(name, thing, theirs),
        autonomous=False,
        source=name,
        summary=(inspect.getdoc(thing) or "").partition("\n")[0],
        modules=(name.partition(":")[0], getattr(thing, "__module__", __name__)),
        **facts,
    )


def _parameters(thing: Any, skipped: int, *, pairs: bool = False) -> dict[str, Any]:
    """The numeric parameters of a signature beyond the first ones: name → default, nan where there is none.

    With ``pairs``, betas=(b1, b2) makes two of them.
    """
    found: dict[str, Any] = {}
    for key, parameter in list(inspect.signature(thing).parameters.items())[skipped:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            continue
        default = math.nan if parameter.default is parameter.empty else parameter.default
        if pairs and key == "betas" and isinstance(default, tuple) and len(default) == 2:
            found |= {"beta1": float(default[0]), "beta2": float(default[1])}
        elif isinstance(default, int | float) and not isinstance(default, bool):
            found[key] = float(default)
    return found


def _named(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Our names of hyperparameters → theirs."""
    return {_OURS.get(key, key): key for key in parameters}


def _hyperparameters(name: str, thing: Any, defaults: Mapping[str, Any]) -> dict[str, Hyperparameter]:
    tuning = {"step_size": _STEP_TUNING, **getattr(thing, "tuning", {})}
    for key in tuning:
        if key not in defaults and key != "step_size":
            raise UsageError(f"optimizer {name!r}: tuning names {key!r}, which is none of {', '.join(defaults)}")
    return {
        key: Hyperparameter(
            default=default,
            low_bound=0.0 if key == "step_size" else -math.inf,
            open_below=key == "step_size",
            tuning=tuning.get(key),
        )
        for key, default in defaults.items()
    }


def _ours(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {_OURS.get(key, key): value for key, value in parameters.items()}


def _without_default(values: Mapping[str, float]) -> str | None:
    missing = [key for key, value in values.items() if math.isnan(value)]
    return f"{missing[0]} has no default and must be given" if missing else None


def _step_method(name: str, function: Callable[..., Any]) -> Method:
    parameters = _parameters(function, 3)
    theirs = list(parameters)

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        state: dict[Any, Any] = {}
        seen = gradient.view()
        seen.flags.writeable = False

        def step(hyper: Floats) -> None:
            try:
                moved = function(iterate, seen, state, **dict(zip(theirs, hyper.tolist(), strict=True)))
            except Exception as error:
                hint = " (the gradient is not to be written to)" if "read-only" in str(error) else ""
                raise OptimizerError(f"{name} raised {one_line(error)}{hint}") from error
            if moved is not None and moved is not iterate:
                iterate[:] = _point(name, moved, iterate)

        return step

    return _method(name, function, begin, _ours(parameters), library="own", refuses=_without_default)


def _point(name: str, moved: Any, iterate: Floats) -> Floats:
    try:
        point = np.asarray(moved, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptimizerError(f"{name} returned {type(moved).__name__}, expected the new x or None") from None
    if point.shape != iterate.shape:
        raise OptimizerError(f"{name} returned x of shape {point.shape}, expected {iterate.shape}")
    return point


def _is_torch_class(thing: Any) -> bool:
    home = ("torch.optim.optimizer", "Optimizer")
    return inspect.isclass(thing) and any((base.__module__, base.__qualname__) == home for base in thing.__mro__)


def _torch_method(name: str, kind: type[Any]) -> Method:
    from nagbench.optimizers.adapters.torch import refusal, session_of

    parameters = _parameters(kind, 1, pairs=True)
    theirs = _named(parameters)

    def arguments(values: Mapping[str, float]) -> dict[str, Any]:
        given: dict[str, Any] = {theirs[key]: value for key, value in values.items()}
        if "beta1" in given and "betas" in inspect.signature(kind).parameters:
            given["betas"] = (given.pop("beta1"), given.pop("beta2"))
        return given

    def refuses(values: Mapping[str, float]) -> str | None:
        why = _without_default(values)
        if why is None and (said := refusal(kind, arguments(values))) is not None:
            return refused("its class", values, said)
        return why

    session = session_of(lambda: kind, list(theirs), arguments, {})
    return _method(name, kind, session, _ours(parameters), library="torch", refuses=refuses, distributions=("torch",))


def _is_transformation(thing: Any) -> bool:
    return callable(getattr(thing, "init", None)) and callable(getattr(thing, "update", None))


def _optax_method(name: str, make: Callable[..., Any], parameters: Mapping[str, Any], thing: Any) -> Method:
    theirs = list(parameters)

    def transformation(*values: float) -> Any:
        try:
            made = make(**dict(zip(theirs, values, strict=True)))
        except Exception as error:
            raise OptimizerError(f"{name} raised {one_line(error)}") from error
        if not _is_transformation(made):
            raise OptimizerError(
                f"{name} returned {type(made).__name__}, expected an Optax transformation; a step function is "
                "step(x, gradient, state, ...) by these names"
            )
        return made

    @functools.lru_cache(maxsize=256)
    def compiled(*values: float) -> Any:
        optax, chosen = importlib.import_module("optax"), transformation(*values)

        def step(x: Any, state: Any, gradient: Any) -> tuple[Any, Any]:
            updates, state = chosen.update(gradient, state, x)
            return optax.apply_updates(x, updates), state

        return _jax.load_jax().jit(step, donate_argnums=(0, 1))

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        with _jax.double_precision():
            state = transformation(*hyper.tolist()).init(_jax.load_jax().numpy.array(iterate))
            walk = _jax.Walk(compiled(*hyper.tolist()), iterate, gradient, state)

        def change(now: Floats) -> None:
            walk.compiled = compiled(*now.tolist())

        return watched(hyper, change, walk)

    def refuses(values: Mapping[str, float]) -> str | None:
        if (why := _without_default(values)) is not None:
            return why
        try:
            transformation(*values.values())
        except OptimizerError as error:
            return str(error).removeprefix(f"{name} ")
        return None

    return _method(
        name,
        thing,
        begin,
        _ours(parameters),
        library="optax",
        refuses=refuses,
        distributions=("optax", "jax", "jaxlib"),
    )

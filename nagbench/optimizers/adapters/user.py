"""A user's own optimizers, by "package.module:attribute", with the parameters of their signature as hyperparameters.

* A function ``step(x, gradient, state, ...)``, recognized by the names of its first three parameters. It changes x in
place, or
  returns the new x. ``state`` is a dictionary for what it remembers, empty at the start of every run. The gradient is
  read only. The further parameters are hyperparameters.
* A class of ``torch.optim.Optimizer``, whose parameters after the first are hyperparameters.
* An Optax transformation, or another function, which is called with its hyperparameters and must return a
transformation.

Hyperparameters are numbers. One without a default must be given. The names lr, learning_rate, betas, b1, b2, beta_1,
beta_2 and eps become step_size, beta1, beta2 and epsilon. The attribute ``tuning`` of the object maps hyperparameters
to the ranges (low, high) that tuning searches; without it only step_size is tuned, from 1e-6 to 10.
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
from nagbench.optimizers.adapters._common import follow_schedule, format_refusal
from nagbench.optimizers.adapters._jax import CompiledStep, double_precision, load_jax
from nagbench.optimizers.algorithm import Method, Session, Step
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.problem import Floats

_NAMES = {
    "lr": "step_size",
    "learning_rate": "step_size",
    "b1": "beta1",
    "b2": "beta2",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "eps": "epsilon",
}
_STEP_PARAMETERS = ["x", "gradient", "state"]
_STEP_TUNING = (1e-6, 10.0)


class OptimizerError(UsageError):
    """A user's optimizer raised, or returned something else than a point."""


@functools.lru_cache(maxsize=256)
def make_algorithm(name: str, thing: Any) -> Method:
    """Make the algorithm of a user's object.

    Parameters
    ----------
    name
        The path "package.module:attribute" of the object.
    thing
        The object, of one of the kinds that this module describes.

    Raises
    ------
    UsageError
        If it is of no such kind.
    """
    if _is_torch_class(thing):
        return _from_torch_class(name, thing)
    if _is_transformation(thing):
        return _from_transformation(name, lambda: thing, {}, thing)
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
        return _from_step_function(name, thing)
    return _from_transformation(name, thing, _numeric_parameters(thing, 0), thing)


def is_optimizer(thing: Any) -> bool:
    """Tell whether an object is certainly an optimizer.

    A function that returns an Optax transformation counts only if its annotation says so.
    """
    if getattr(thing, "__method__", None) is not None or _is_torch_class(thing) or _is_transformation(thing):
        return True
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return False
    returned = getattr(signature.return_annotation, "__mro__", ())
    return list(signature.parameters)[:3] == _STEP_PARAMETERS or any(map(_is_transformation_class, returned))


def _is_transformation_class(kind: type[Any]) -> bool:
    return kind.__name__ == "GradientTransformation" and kind.__module__.startswith("optax")


def _is_transformation(thing: Any) -> bool:
    return callable(getattr(thing, "init", None)) and callable(getattr(thing, "update", None))


def _is_torch_class(thing: Any) -> bool:
    home = ("torch.optim.optimizer", "Optimizer")
    return inspect.isclass(thing) and any((base.__module__, base.__qualname__) == home for base in thing.__mro__)


def _algorithm(name: str, thing: Any, session: Session, defaults: Mapping[str, float], **facts: Any) -> Method:
    """Make an algorithm with the user's parameters, ``defaults``, under nagbench's names."""
    return Method(
        name=name,
        session=session,
        hyperparameters=_hyperparameters(name, thing, {_NAMES.get(key, key): value for key, value in defaults.items()}),
        autonomous=False,
        source=name,
        summary=(inspect.getdoc(thing) or "").partition("\n")[0],
        modules=(name.partition(":")[0], getattr(thing, "__module__", __name__)),
        **facts,
    )


def _numeric_parameters(thing: Any, skipped: int, *, split_betas: bool = False) -> dict[str, float]:
    """Return the numeric parameters of a signature after the first ones: name → default, nan if there is none.

    With ``split_betas``, the parameter betas=(b1, b2) becomes two.
    """
    found: dict[str, float] = {}
    for key, parameter in list(inspect.signature(thing).parameters.items())[skipped:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            continue
        default = math.nan if parameter.default is parameter.empty else parameter.default
        if split_betas and key == "betas" and isinstance(default, tuple) and len(default) == 2:
            found |= {"beta1": float(default[0]), "beta2": float(default[1])}
        elif isinstance(default, int | float) and not isinstance(default, bool):
            found[key] = float(default)
    return found


def _hyperparameters(name: str, thing: Any, defaults: Mapping[str, float]) -> dict[str, Hyperparameter]:
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


def _find_missing(values: Mapping[str, float]) -> str | None:
    """Return the message for the first hyperparameter that has no default and was not given; None if there is none."""
    missing = [key for key, value in values.items() if math.isnan(value)]
    return f"{missing[0]} has no default and must be given" if missing else None


def _from_step_function(name: str, function: Callable[..., Any]) -> Method:
    defaults = _numeric_parameters(function, 3)

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        state: dict[Any, Any] = {}
        read_only = gradient.view()
        read_only.flags.writeable = False

        def step(hyper: Floats) -> None:
            try:
                moved = function(iterate, read_only, state, **dict(zip(defaults, hyper.tolist(), strict=True)))
            except Exception as error:
                hint = " (the gradient is not to be written to)" if "read-only" in str(error) else ""
                raise OptimizerError(f"{name} raised {one_line(error)}{hint}") from error
            if moved is not None and moved is not iterate:
                iterate[:] = _check_point(name, moved, iterate)

        return step

    return _algorithm(name, function, begin, defaults, library="own", refuses=_find_missing)


def _check_point(name: str, moved: Any, iterate: Floats) -> Floats:
    """Return what a step function returned as an array of the shape of x. Raises OptimizerError."""
    try:
        point = np.asarray(moved, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptimizerError(f"{name} returned {type(moved).__name__}, expected the new x or None") from None
    if point.shape != iterate.shape:
        raise OptimizerError(f"{name} returned x of shape {point.shape}, expected {iterate.shape}")
    return point


def _from_torch_class(name: str, kind: type[Any]) -> Method:
    from nagbench.optimizers.adapters.torch import find_refusal, make_session

    defaults = _numeric_parameters(kind, 1, split_betas=True)
    own_names = {_NAMES.get(key, key): key for key in defaults}

    def arguments(values: Mapping[str, float]) -> dict[str, Any]:
        given: dict[str, Any] = {own_names[key]: value for key, value in values.items()}
        if "beta1" in given and "betas" in inspect.signature(kind).parameters:
            given["betas"] = (given.pop("beta1"), given.pop("beta2"))
        return given

    def refuses(values: Mapping[str, float]) -> str | None:
        why = _find_missing(values)
        if why is None and (refusal := find_refusal(kind, arguments(values))) is not None:
            return format_refusal("its class", values, refusal)
        return why

    session = make_session(lambda: kind, list(own_names), arguments, {})
    return _algorithm(name, kind, session, defaults, library="torch", refuses=refuses, distributions=("torch",))


def _from_transformation(name: str, make: Callable[..., Any], defaults: Mapping[str, float], thing: Any) -> Method:
    def make_transformation(*values: float) -> Any:
        try:
            made = make(**dict(zip(defaults, values, strict=True)))
        except Exception as error:
            raise OptimizerError(f"{name} raised {one_line(error)}") from error
        if not _is_transformation(made):
            raise OptimizerError(
                f"{name} returned {type(made).__name__}, expected an Optax transformation; a step function is "
                "step(x, gradient, state, ...) by these names"
            )
        return made

    @functools.lru_cache(maxsize=256)
    def compile_step(*values: float) -> Any:
        optax, transformation = importlib.import_module("optax"), make_transformation(*values)

        def step(x: Any, state: Any, gradient: Any) -> tuple[Any, Any]:
            updates, state = transformation.update(gradient, state, x)
            return optax.apply_updates(x, updates), state

        return load_jax().jit(step, donate_argnums=(0, 1))

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        with double_precision():
            state = make_transformation(*hyper.tolist()).init(load_jax().numpy.array(iterate))
            step = CompiledStep(compile_step(*hyper.tolist()), iterate, gradient, state)

        def change(now: Floats) -> None:
            step.compiled = compile_step(*now.tolist())

        return follow_schedule(hyper, change, step)

    def refuses(values: Mapping[str, float]) -> str | None:
        if (why := _find_missing(values)) is not None:
            return why
        try:
            make_transformation(*values.values())
        except OptimizerError as error:
            return str(error).removeprefix(f"{name} ")
        return None

    distributions = ("optax", "jax", "jaxlib")
    return _algorithm(name, thing, begin, defaults, library="optax", refuses=refuses, distributions=distributions)

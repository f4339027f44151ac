"""A user's own optimizers, by "package.module:attribute", with the parameters of their signature as hyperparameters.

* A function ``step(x, gradient, state, ...)``, recognized by the names of its first three parameters. It changes x in
  place, or returns the new x. ``state`` is a dictionary for what it remembers, empty at the start of every run. The
  gradient is read only. The further parameters are hyperparameters.
* A class of ``torch.optim.Optimizer``, whose parameters after the first are hyperparameters: see `_user_torch`.
* A class of Keras optimizers: see `_user_keras`.
* An Optax transformation, or another function, which is called with its hyperparameters and must return a
  transformation: see `_user_optax`.

All of them run as in their author's own loop. A function is handed what that loop would hand to it: the array that it
returned or changed in the iteration before, and a gradient in an array of its own. What it keeps by reference is
therefore what it has been given, and not what later iterations make of it.

Hyperparameters are numbers, switches and words; see `_parameters`. One without a default must be given. The attribute
``tuning`` of the object gives the ranges that tuning searches; without it only step_size is tuned, from 1e-6 to 10.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.optimizers.adapters._parameters import Signature, read_signature
from nagbench.optimizers.adapters._user_keras import is_keras_class, keras_algorithm
from nagbench.optimizers.adapters._user_optax import (
    is_transformation,
    is_transformation_class,
    transformation_algorithm,
)
from nagbench.optimizers.adapters._user_torch import is_torch_class, torch_algorithm
from nagbench.optimizers.algorithm import Method, Step
from nagbench.optimizers.errors import OptimizerError
from nagbench.problems.problem import Floats

__all__ = ["OptimizerError", "is_optimizer", "make_algorithm"]

_STEP_PARAMETERS = ["x", "gradient", "state"]


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
    if is_torch_class(thing):
        return torch_algorithm(name, thing, read_signature(name, thing, 1))
    if is_keras_class(thing):
        return keras_algorithm(name, thing, read_signature(name, thing, 0))
    if is_transformation(thing):
        return transformation_algorithm(name, lambda: thing, Signature((), ()), thing)
    if not callable(thing):
        raise UsageError(
            f"optimizer {name!r} is of type {type(thing).__name__}; expected a function marked with nagbench.method(...), "
            "a function step(x, gradient, state), a torch.optim.Optimizer class, or an Optax transformation"
        )
    if _is_step_function(thing):
        return _step_algorithm(name, thing, read_signature(name, thing, 3))
    return transformation_algorithm(name, thing, read_signature(name, thing, 0), thing)


def is_optimizer(thing: Any, *, call: bool = False) -> bool:
    """Tell whether an object is an optimizer.

    Parameters
    ----------
    thing
        The object.
    call
        Whether to call a function without required parameters to see what it returns. Else a function that returns an
        Optax transformation counts only if its annotation says so.
    """
    kinds = (is_torch_class, is_keras_class, is_transformation, _is_step_function, returns_transformation)
    if getattr(thing, "__method__", None) is not None or any(is_kind(thing) for is_kind in kinds):
        return True
    if not call or not inspect.isfunction(thing) or hasattr(thing, "__family__"):
        return False
    try:
        signature = read_signature("", thing, 0)
        return not signature.needed and is_transformation(thing(**signature.arguments(signature.examples())))
    except Exception:
        return False


def _is_step_function(thing: Any) -> bool:
    try:
        return list(inspect.signature(thing).parameters)[:3] == _STEP_PARAMETERS
    except (TypeError, ValueError):
        return False


def returns_transformation(thing: Any) -> bool:
    """Tell whether a function is Optax's, or annotated to return an Optax transformation."""
    if inspect.isfunction(thing) and str(getattr(thing, "__module__", "")).startswith("optax."):
        return True
    try:
        returned = inspect.signature(thing).return_annotation
    except (TypeError, ValueError):
        return False
    if isinstance(returned, str):
        return returned.rpartition(".")[2].startswith("GradientTransformation")
    return any(map(is_transformation_class, getattr(returned, "__mro__", ())))


@dataclass(frozen=True)
class _StepSession:
    """The sessions of a step function.

    Parameters
    ----------
    name, function, signature
        Its path, the function and its hyperparameters.
    shared
        Whether all iterations are handed the loop's own arrays, which change under what the function keeps. Only
        `nagbench check` asks for this, to compare.
    """

    name: str
    function: Callable[..., Any]
    signature: Signature
    shared: bool = False

    def __call__(self, iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        """Begin a run."""
        state: dict[Any, Any] = {}
        x = iterate if self.shared else iterate.copy()

        def step(hyper: Floats) -> None:
            nonlocal x
            given = gradient.view() if self.shared else gradient.copy()
            given.flags.writeable = False
            moved = self._call(x, given, state, hyper)
            # The author's loop goes on with the array that came back, which may be a view of what the function keeps.
            point = x if moved is None else _check_point(self.name, moved, iterate)
            iterate[:] = point
            x = iterate if self.shared else point

        return step

    def _call(self, x: Floats, gradient: Floats, state: dict[Any, Any], hyper: Floats) -> Any:
        try:
            return self.function(x, gradient, state, **self.signature.arguments(hyper.tolist()))
        except Exception as error:
            hint = " (the gradient is not to be written to)" if "read-only" in str(error) else ""
            raise OptimizerError(f"{self.name} raised {one_line(error)}{hint}") from error


def _step_algorithm(name: str, function: Callable[..., Any], signature: Signature) -> Method:
    """Return the algorithm of a step function."""
    return Method(
        **signature.facts(name, function),
        library="own",
        session=_StepSession(name, function, signature),
        refuses=signature.missing,
        modules=(name.partition(":")[0], getattr(function, "__module__", __name__)),
    )


def _check_point(name: str, moved: Any, iterate: Floats) -> Floats:
    """Return what a step function returned as an array of the shape of x. Raises OptimizerError."""
    if isinstance(moved, np.ndarray) and moved.dtype == iterate.dtype and moved.shape == iterate.shape:
        return moved
    point = np.asarray(moved)
    if point.dtype.kind not in "iuf":
        kind = f"values of type {point.dtype}" if point.dtype.kind in "bc" else type(moved).__name__
        raise OptimizerError(f"{name} returned {kind}, expected the new x, real numbers, or None")
    if point.shape != iterate.shape:
        raise OptimizerError(f"{name} returned x of shape {point.shape}, expected {iterate.shape}")
    return point.astype(iterate.dtype)

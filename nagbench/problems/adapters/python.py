"""Problems that are a plain Python function of x: `python:package.module:function`.

The gradient is the user's own or, where JAX is installed and can trace the function, JAX's. There is no other way: a
difference quotient would be a different, noisy problem under the same name.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.core import local_code
from nagbench.core.discovery import import_object, is_unmarked
from nagbench.core.errors import UsageError, one_line, truncate
from nagbench.core.trust import name_code
from nagbench.problems.adapters._common import (
    FunctionError,
    evaluate_value,
    make_kernels,
    make_nonsmooth_kernels,
    read_facts,
)
from nagbench.problems.adapters._jax import double_precision, load_jax
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import Family, adapter, build_problem, code_of_problem

Function = Callable[..., Any]
_NO_ROWS = np.zeros(0, np.int64)
_WAYS_OUT = (
    "give its gradient (f.gradient = …, or gradient=NAME of a function in its module), write it with jax.numpy "
    "and install JAX (pip install 'nagbench[jax]'), or write it in PyTorch as a torch: problem"
)


@adapter("python")
def python_family(path: str) -> Family:
    """Return the family of a function f(x), or of a pair (f, gradient), at "package.module:attribute"."""
    module = path.partition(":")[0]
    if local_code.is_local(path):
        return _family(f"python:{path}", local_code.thing_of(path), None, (module,))
    if "<" in path or module == "__main__":
        raise UsageError(
            f"python:{path} cannot be imported by another process; put the function into a module of its own, not "
            "inside a function and not as a lambda, and name it python:module:function"
        )
    thing = import_object("problem", path)
    function, gradient = thing if isinstance(thing, tuple) and len(thing) == 2 else (thing, None)
    if not callable(function) or not (gradient is None or callable(gradient)):
        raise UsageError(f"problem 'python:{path}' is neither a function nor a pair (function, gradient) of them")
    found = _family(f"python:{path}", function, gradient, (module,))
    return replace(found, build=_only_numbers(found.name, found.build)) if is_unmarked(path, thing) else found


def problem_of_function(function: Any, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
    """Return the problem of a function object.

    Parameters
    ----------
    function
        f. A sweep in this process runs any function that has a name; one in several processes only what can be imported.
    parameters
        The further parameters of f, and ``gradient``.
    facts
        ``start`` and ``domain``, where given.

    Raises
    ------
    UsageError
        If this is not a function, or its parameters are not valid.
    """
    if not callable(function):
        raise UsageError(f"a problem is a name or a function of x, not {function!r}")
    given = dict(parameters)
    gradient = given.pop("gradient", None)
    path = local_code.keep(function)
    name_code(*code_of_problem(f"python:{path}", given if gradient is None else {**given, "gradient": gradient}))
    if not callable(gradient):
        return build_problem(_family(f"python:{path}", function, None, ()), parameters, **facts)
    built = build_problem(_family(f"python:{path}", function, gradient, ()), given, **facts)
    named = {**given, "gradient": local_code.keep(gradient).replace(":", ".")}
    name_code(*code_of_problem(f"python:{path}", named))
    return replace(built, parameters=named)


# Parameters of every Python problem beside those of the function itself.
_TAKEN = ("start", "gradient", "domain")


def _family(name: str, function: Function, gradient: Function | None, modules: tuple[str, ...]) -> Family:
    after = _parameters_after_x(function)
    taken = [parameter.name for parameter in after if parameter.name in _TAKEN]
    if taken:
        raise UsageError(
            f"{name}: its parameter {taken[0]!r} has a name that nagbench takes itself ({', '.join(_TAKEN)}); rename it"
        )

    def build(*, start: Any = None, gradient: Any = gradient, **parameters: Any) -> Problem:
        return _problem(name, function, gradient, start, parameters, modules)

    signature = inspect.signature(build)
    own = [signature.parameters["start"], signature.parameters["gradient"]]
    vars(build)["__signature__"] = signature.replace(parameters=[*own, *after])
    build.__doc__ = inspect.getdoc(function)
    return Family(name, build)


def _only_numbers(name: str, build: Callable[..., Problem]) -> Callable[..., Problem]:
    """Refuse parameters that are not numbers: results of somebody else must not pass a file name to an installed function."""

    @functools.wraps(build)
    def checked(*, gradient: Any = None, **parameters: Any) -> Problem:
        for key, value in parameters.items():
            if not _is_numeric(value):
                raise UsageError(
                    f"{name}: {key}={value!r} is not made of numbers, and no other is given to a function of an installed "
                    "package that is not marked with nagbench.family"
                )
        return build(**parameters) if gradient is None else build(gradient=gradient, **parameters)

    return checked


def _is_numeric(value: Any) -> bool:
    with contextlib.suppress(ValueError):
        return np.asarray(value).dtype.kind in "biuf"
    return False


def _parameters_after_x(function: Function) -> list[inspect.Parameter]:
    """Return the parameters of a function after its first, x, as keyword parameters."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters if p.kind in named]


def _problem(
    name: str, function: Function, gradient: Any, start: Any, parameters: Mapping[str, Any], modules: tuple[str, ...]
) -> Problem:
    point = _start(name, function, start)
    own_gradient = _find_gradient(name, function, gradient)
    value = functools.partial(function, **parameters)
    if own_gradient is None:
        call, call_gradient = _differentiate(name, value, point)
    else:
        call, call_gradient = _as_given(value), _as_given(functools.partial(own_gradient, **parameters))
    value_kernel, gradient_kernel = make_kernels(name, lambda x, rows: call(x), lambda x, rows: call_gradient(x))
    vars(value_kernel)["__wrapped__"], vars(gradient_kernel)["__wrapped__"] = value, call_gradient
    return Problem(
        name=name,
        family=name,
        value_kernel=value_kernel,
        gradient_kernel=gradient_kernel,
        start=point,
        engine="python",
        **make_nonsmooth_kernels(name, function),
        modules=tuple(dict.fromkeys([*modules, *_modules_of(function, own_gradient)])),
        **read_facts(name, function, point.size),
    )


def _modules_of(*functions: Any) -> list[str]:
    return [f.__module__ for f in functions if getattr(f, "__module__", None) not in (None, __name__, "functools")]


def _start(name: str, function: Function, given: Any) -> Floats:
    """Return the start that is given, else the attribute of the function. Raises UsageError."""
    own = getattr(function, "start", None)
    if own is None and given is None:
        raise UsageError(f"{name} has no start; give start=[…], or set the function's attribute start")
    try:
        fixed = None if own is None else np.array(own, dtype=np.float64)
        point = fixed if given is None else np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: its start is not made of numbers") from None
    assert point is not None
    if point.ndim != 1 or point.size == 0 or not np.isfinite(point).all():
        raise UsageError(f"{name}: the start must be a list of finite numbers, not {point.tolist()!r}")
    if fixed is not None and fixed.shape != point.shape:
        raise UsageError(f"{name}: start has {point.size} coordinates, expected {fixed.size}")
    return point


def _find_gradient(name: str, function: Function, given: Any) -> Function | None:
    """Return the gradient given as a function or by name, else the function's attribute; None if there is none."""
    found = getattr(function, "gradient", None) if given is None else given
    if isinstance(found, str):
        found = _import_gradient(name, getattr(function, "__module__", ""), found)
    if found is not None and not callable(found):
        raise UsageError(f"{name}: its gradient is not a function but {found!r}")
    return found


def _import_gradient(name: str, home: str, text: str) -> Any:
    """Return the object that a text names in the function's own module, or as "package.module.function"."""
    found = getattr(importlib.import_module(home), text, None) if home else None
    if found is not None:
        return found
    module, _, attribute = text.rpartition(".")
    if local_code.is_local(f"{module}:{attribute}"):
        return local_code.thing_of(f"{module}:{attribute}")
    if not module or "<" in text or module == "__main__":
        raise UsageError(f"{name}: its gradient {text!r} is not a function of the module {home!r}")
    return import_object("gradient", f"{module}:{attribute}")


class JaxGradient:
    """∇f by JAX in double precision.

    Parameters
    ----------
    function
        f.
    compiled
        Whether JAX compiles f and ∇f.
    """

    def __init__(self, function: Function, compiled: bool) -> None:
        jax = load_jax()
        prepare = jax.jit if compiled else lambda f: f
        self._value, self._gradient = prepare(function), prepare(jax.grad(function))

    def __call__(self, x: Floats) -> Floats:
        """Return ∇f(x)."""
        return _call_in_double_precision(self._gradient, x)

    def value(self, x: Floats) -> Floats:
        """Return f(x), shape (), evaluated in the same way."""
        return _call_in_double_precision(self._value, x)


def _call_in_double_precision(function: Function, x: Floats) -> Floats:
    with double_precision():
        return np.asarray(function(load_jax().numpy.asarray(x)))


def _as_given(function: Function) -> Function:
    """Make a function run in double precision if it is written with jax.numpy."""

    def call(x: Floats) -> Any:
        if "jax" not in sys.modules:
            return function(x)
        with double_precision():
            returned = function(x)
            # What a tuple means is said where it is used.
            # Only JAX's own arrays are converted here: NumPy would drop the mask of one of its own.
            return np.asarray(returned) if isinstance(returned, sys.modules["jax"].Array) else returned

    return call


def jax_gradient(function: Function, start: Floats) -> JaxGradient:
    """Differentiate a function with JAX.

    Parameters
    ----------
    function
        f.
    start
        A point at which the gradient is tried, shape (n,).

    Raises
    ------
    ImportError
        Without JAX.
    Exception
        Whatever JAX raises if it cannot trace the function.
    """
    try:
        gradient = JaxGradient(function, compiled=True)
        gradient(start)
    except ImportError:
        raise
    except Exception:
        # Branches that depend on values cannot be compiled; evaluated step by step, JAX can follow them.
        gradient = JaxGradient(function, compiled=False)
        _check_followed(gradient, start)
    return gradient


def _check_followed(gradient: JaxGradient, start: Floats) -> None:
    """Compare a gradient with differences of f in one direction, near the start.

    Evaluated step by step, ``x.item()`` or ``float(x)`` gives a plain number, and JAX differentiates what is left.

    Raises
    ------
    TypeError
        If the gradient is not that of f.
    """
    slopes = gradient(start)
    random = np.random.default_rng(0)
    direction, scale = random.standard_normal(start.size), max(1.0, float(np.abs(start).max()))
    point = start + 1e-3 * scale * random.standard_normal(start.size)
    expected = float(gradient(point) @ direction)
    close, noise = np.inf, 0.0
    for step in (1e-4 * scale, 1e-6 * scale):
        ahead, behind = (float(gradient.value(point + side * step * direction)) for side in (1.0, -1.0))
        noise = 1e-13 * max(abs(ahead), abs(behind)) / step
        close = min(close, abs((ahead - behind) / (2.0 * step) - expected) - noise)
    # Not a test of accuracy: a part that JAX took for a constant makes a difference of the size of the gradient.
    if close > 1e-2 * max(abs(expected), float(np.linalg.norm(slopes))) or (expected == 0.0 and close > 1e-9):
        raise TypeError("a part of it is a constant to JAX, as with x.item(), float(x) or NumPy's functions")


def _differentiate(name: str, function: Function, start: Floats) -> tuple[Function, Function]:
    """Return f and ∇f by JAX. Raises UsageError if f can be evaluated but not differentiated."""
    try:
        gradient = jax_gradient(function, start)
    except ImportError:
        raise UsageError(f"{name} has no gradient, and JAX is not installed to find it; {_WAYS_OUT}") from None
    except Exception as error:
        return function, _without_gradient(name, function, start, error)
    return gradient.value, gradient


def _without_gradient(name: str, function: Function, start: Floats, error: Exception) -> Function:
    """Refuse a function that can be evaluated but not differentiated.

    One that cannot be evaluated either is no error here: its runs end with status error and say why.
    """
    reason = UsageError(
        f"{name} has no gradient, and JAX cannot find it ({truncate(one_line(error), 101)}); {_WAYS_OUT}"
    )

    def evaluate(x: Floats) -> float:
        return evaluate_value(name, lambda x, rows: function(x), x, _NO_ROWS)

    def fail(x: Floats) -> Any:
        evaluate(x)
        raise reason

    try:
        evaluate(start)
    except FunctionError:
        return fail
    raise reason

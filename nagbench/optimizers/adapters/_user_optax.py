"""A user's Optax transformations, and functions that make one of hyperparameters.

One compiled step serves all values of the hyperparameters that are numbers: they are traced, as
``optax.inject_hyperparams`` makes them. Where the function needs to know a value, because it branches on it or converts
it, the values are constants of a step for each of them. No buffer is donated: a state may hold x itself.

A transformation that asks for ``value`` is given f at x, one that asks for ``value_fn`` asks for values and gradients
itself. The state of Schedule-Free is tested at its averaged point.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nagbench.core.errors import one_line
from nagbench.optimizers.adapters._jax import double_precision, load_jax
from nagbench.optimizers.adapters._parameters import Signature, Style, find_style, split
from nagbench.optimizers.algorithm import Blocks, Method, RunContext, Step
from nagbench.optimizers.errors import OptimizerError
from nagbench.problems.problem import Floats

# Ways to be driven: what a transformation asks for besides the gradient.
_VALUE, _LINE_SEARCH = 1, 2
_AVERAGE = "the averaged point of Schedule-Free"


def is_transformation(thing: Any) -> bool:
    """Tell whether an object is an Optax transformation."""
    return not inspect.isclass(thing) and all(callable(getattr(thing, part, None)) for part in ("init", "update"))


def is_transformation_class(kind: type[Any]) -> bool:
    """Tell whether a class is that of Optax transformations."""
    return kind.__name__ == "GradientTransformation" and kind.__module__.startswith("optax")


class _Maker:
    """A function that makes a transformation, with its hyperparameters."""

    def __init__(self, name: str, make: Callable[..., Any], signature: Signature) -> None:
        self.name, self._make, self.signature = name, make, signature

    def __call__(self, values: Any) -> Any:
        """Return the transformation of values in the order of the hyperparameters. Raises OptimizerError."""
        return self.checked(lambda: self._make(**self.signature.arguments(values)))

    def checked(self, make: Callable[[], Any]) -> Any:
        """Return the transformation that a function makes. Raises OptimizerError."""
        try:
            made = make()
        except Exception as error:
            raise OptimizerError(f"{self.name} raised {one_line(error)}") from error
        if not is_transformation(made):
            raise OptimizerError(
                f"{self.name} returned {type(made).__name__}, expected an Optax transformation; a step function is "
                "step(x, gradient, state, ...) by these names"
            )
        return made

    def traced(self, values: list[float], numbers: Any) -> Any:
        """Return the transformation of traced numbers, and of the words, switches and whole numbers among the values."""
        given: list[Any] = [
            _Traced(number) if _is_traced(parameter.hyperparameter, value) else value
            for parameter, value, number in zip(self.signature.parameters, values, numbers, strict=True)
        ]
        return self._make(**_arguments(self.signature, given))


@dataclass(frozen=True)
class _Traced:
    """A number of a traced array."""

    number: Any


def _is_traced(known: Any, value: float) -> bool:
    return not (known.choices or known.integer or value != value)


def _arguments(signature: Signature, values: list[Any]) -> dict[str, Any]:
    """Return arguments of which some are traced."""
    plain = signature.arguments([0.0 if isinstance(value, _Traced) else value for value in values])
    for parameter, value in zip(signature.parameters, values, strict=True):
        if not isinstance(value, _Traced):
            continue
        if parameter.position is None:
            plain[parameter.own] = value.number
        else:
            parts = list(plain[parameter.own])
            parts[parameter.position] = value.number
            plain[parameter.own] = tuple(parts)
    return plain


def _shaped(x: Any, blocks: Blocks) -> Any:
    """Return x as Optax's parameters: an array, or a list of those of several blocks."""
    pieces = split(blocks, x)
    return pieces[0] if len(pieces) == 1 else pieces


def _flat(tree: Any, blocks: Blocks) -> Any:
    """Return parameters as one array."""
    jax = load_jax()
    return tree.reshape(-1) if len(blocks) == 1 else jax.numpy.concatenate([piece.reshape(-1) for piece in tree])


def _update(transformation: Any, gradient: Any, state: Any, x: Any, **extra: Any) -> tuple[Any, Any]:
    """Make one update of a transformation, without the extra arguments that it does not take."""
    if not extra or isinstance(transformation, importlib.import_module("optax").GradientTransformationExtraArgs):
        updates, state = transformation.update(gradient, state, x, **extra)
    else:
        updates, state = transformation.update(gradient, state, x)
    return importlib.import_module("optax").apply_updates(x, updates), state


def _find_style(make: _Maker, values: list[float]) -> Style:
    return find_style((0, _VALUE, _LINE_SEARCH), lambda shape, asks: _try(make(values), shape, asks))


def _try(transformation: Any, shape: tuple[int, ...], asks: int) -> bool:
    """Make two updates, which are traced and not computed; return whether the state is that of Schedule-Free."""
    jax = load_jax()
    numpy = jax.numpy

    def two(x: Any) -> Any:
        state = transformation.init(x)
        for _ in range(2):
            extra = {"value": (x * x).sum()} if asks >= _VALUE else {}
            if asks >= _LINE_SEARCH:
                extra |= {"grad": 2.0 * x, "value_fn": lambda at: (at * at).sum()}
            x, state = _update(transformation, 2.0 * x, state, x, **extra)
        return x, state

    with double_precision():
        jax.eval_shape(two, numpy.zeros(shape))
        return type(transformation.init(numpy.ones(shape))).__name__ == "ScheduleFreeState"


def transformation_algorithm(name: str, function: Callable[..., Any], signature: Signature, thing: Any) -> Method:
    """Return the algorithm of an Optax transformation.

    Parameters
    ----------
    name
        The path of the object.
    function
        Makes the transformation.
    signature
        Its hyperparameters.
    thing
        The object itself, for its docstring and module.
    """
    make = _Maker(name, function, signature)
    style = Style() if signature.needed else _style_of(make)

    def refuses(values: Mapping[str, float]) -> str | None:
        if (why := signature.missing(values)) is not None:
            return why
        try:
            make(values.values())
        except OptimizerError as error:
            return str(error).removeprefix(f"{name} ")
        return _find_style(make, list(values.values())).refusal or None if style.refusal else None

    searches = style.way == _LINE_SEARCH
    return Method(
        **signature.facts(name, thing),
        library="optax",
        session=None if searches else functools.partial(_begin, make, _Steps(make, style), style),
        driver=functools.partial(_drive, make) if searches else None,
        observe=_observe if style.way == _VALUE else None,
        slots=int(style.way == _VALUE),
        look_ahead=style.averages,
        tested_at=_AVERAGE if style.averages else "x",
        contextual=True,
        matrices=style.matrices,
        refuses=refuses,
        modules=(name.partition(":")[0], getattr(thing, "__module__", __name__), __name__),
        distributions=("optax", "jax", "jaxlib"),
    )


def _style_of(make: _Maker) -> Style:
    try:
        return _find_style(make, make.signature.examples())
    except ImportError:
        return Style()


def _observe(k: int, f: float, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Keep f at the iterate for the session."""
    state[0, 0] = f


# Values of which some are traced (None), and some are the library's None.
Constants = tuple[float | str | None, ...]
_LIBRARY_NONE = "none"


def _key(value: float) -> float | str:
    """Return a value that equals itself: nan, which stands for the library's None, does not."""
    return _LIBRARY_NONE if value != value else value


def _number(key: float | str) -> float:
    return float("nan") if isinstance(key, str) else key


class _Steps:
    """The compiled steps of a transformation: one for all numbers, or one for each value where that cannot be traced."""

    def __init__(self, make: _Maker, style: Style) -> None:
        self._make, self._style = make, style
        self.compile = functools.lru_cache(maxsize=256)(self._compile)
        self.can_trace = functools.lru_cache(maxsize=256)(self._can_trace)

    def constants(self, values: list[float]) -> Constants:
        """Return the values that are constants of a step; None in place of those that are traced."""
        known = (parameter.hyperparameter for parameter in self._make.signature.parameters)
        fixed = tuple(None if _is_traced(one, value) else _key(value) for one, value in zip(known, values, strict=True))
        return fixed if self.can_trace(fixed) else tuple(map(_key, values))

    def _can_trace(self, constants: Constants) -> bool:
        """Tell whether the function takes traced numbers beside these constants."""
        if None not in constants:
            return False
        jax = load_jax()
        examples = self._make.signature.examples()
        values = [e if given is None else _number(given) for e, given in zip(examples, constants, strict=True)]

        def one(x: Any, numbers: Any) -> Any:
            transformation = self._make.traced(values, numbers)
            extra = {"value": (x * x).sum()} if self._style.way else {}
            return _update(transformation, x, transformation.init(x), x, **extra)

        shape = (3, 2) if self._style.matrices else (6,)
        try:
            with double_precision():
                jax.eval_shape(one, jax.numpy.zeros(shape), jax.numpy.zeros(len(values)))
        except Exception:
            return False
        return True

    def _compile(self, constants: Constants, blocks: Blocks) -> Any:
        asks, averages = self._style.way, self._style.averages

        def step(x: Any, state: Any, gradient: Any, numbers: Any, value: Any) -> Any:
            transformation = self.transformation(constants, numbers)
            extra = {"value": value} if asks else {}
            moved, state = _update(transformation, _shaped(gradient, blocks), state, _shaped(x, blocks), **extra)
            average = _averaged(state, moved) if averages else moved
            return _flat(moved, blocks), state, _flat(average, blocks)

        return load_jax().jit(step)

    def transformation(self, constants: Constants, numbers: Any) -> Any:
        """Return the transformation of constants, and of the numbers where a constant is None."""
        values = [0.0 if given is None else _number(given) for given in constants]
        return self._make.traced(values, numbers) if None in constants else self._make(values)


def _averaged(state: Any, x: Any) -> Any:
    return importlib.import_module("optax.contrib").schedule_free_eval_params(state, x)


def _begin(
    make: _Maker, steps: _Steps, style: Style, iterate: Floats, gradient: Floats, hyper: Floats, context: RunContext
) -> Step:
    jax, blocks = load_jax(), context.blocks
    with double_precision():
        x = jax.numpy.array(iterate)
        state = make(hyper.tolist()).init(_shaped(x, blocks))

    def step(hyper: Floats) -> None:
        nonlocal x, state
        values = hyper.tolist()
        # Python's numbers have no precision of their own: an array in double precision would make all arithmetic double.
        numbers = tuple(values) if iterate.dtype != np.float64 else np.array(values)
        with double_precision():
            compiled = steps.compile(steps.constants(values), blocks)
            value = float(context.observed[0]) if style.way else 0.0
            x, state, average = compiled(x, state, jax.numpy.array(gradient), numbers, value)
        found = np.asarray(average)
        if found.dtype.kind != "f":
            raise OptimizerError(f"{make.name} made x of type {found.dtype}, expected real numbers")
        if style.averages:
            context.query[:] = x
        iterate[:] = found

    return step


@contextlib.contextmanager
def _double_in_callbacks() -> Iterator[None]:
    """Set double precision for all threads: XLA calls back in threads of its own, which `double_precision` does not reach."""
    config = load_jax().config
    before = config.jax_enable_x64
    config.update("jax_enable_x64", True)
    try:
        with double_precision():
            yield
    finally:
        config.update("jax_enable_x64", before)


def _drive(
    make: _Maker, value: Any, gradient: Any, start: Floats, hyper: Floats, most: int, iterated: Any, blocks: Blocks = ()
) -> Floats:
    """Drive a transformation that evaluates f itself, as line searches do; see `Method`."""
    jax, shapes = load_jax(), blocks or (start.shape,)
    numpy = jax.numpy

    def evaluate(function: Callable[[Floats], Any], x: Any) -> Any:
        return np.asarray(function(np.array(x, dtype=np.float64)), dtype=np.float64)

    def value_of(tree: Any) -> Any:
        shape = jax.ShapeDtypeStruct((), np.float64)
        return jax.pure_callback(functools.partial(evaluate, value), shape, _flat(tree, shapes))

    def forward(tree: Any) -> Any:
        return value_of(tree), tree

    def backward(tree: Any, weight: Any) -> Any:
        x = _flat(tree, shapes)
        slope = jax.pure_callback(functools.partial(evaluate, gradient), jax.ShapeDtypeStruct(x.shape, np.float64), x)
        return (_shaped(weight * slope, shapes),)

    value_fn: Any = jax.custom_vjp(value_of)
    value_fn.defvjp(forward, backward)
    with _double_in_callbacks():
        transformation = make(hyper.tolist())

        def update(tree: Any, state: Any, f: Any, slope: Any) -> Any:
            return _update(transformation, slope, state, tree, value=f, grad=slope, value_fn=value_fn)

        step = jax.jit(update)
        tree, x = _shaped(numpy.array(start), shapes), start.copy()
        state = transformation.init(tree)
        for _ in range(most):
            slope = _shaped(numpy.array(gradient(x)), shapes)
            tree, state = step(tree, state, value(x), slope)
            x[:] = _flat(tree, shapes)
            if iterated and iterated(x):
                break
    return x

"""The parameters of a user's function or class as hyperparameters, and values turned back into its arguments.

A parameter is a hyperparameter if it is a number, a switch, or a word with known choices: by its default, or by its
annotation if it has none or the default is None. A tuple of numbers, such as betas, is one hyperparameter for each.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args, get_origin

from nagbench.core import provenance
from nagbench.core.columns import RESERVED
from nagbench.core.errors import UsageError, one_line
from nagbench.optimizers.adapters._common import format_refusal
from nagbench.optimizers.hyperparameters import Hyperparameter

_NAMES = {
    "lr": "step_size",
    "learning_rate": "step_size",
    "b1": "beta1",
    "b2": "beta2",
    "b3": "beta3",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "eps": "epsilon",
}
# These say how PyTorch computes an update, not what it computes.
_IMPLEMENTATION = {"maximize", "foreach", "capturable", "differentiable", "fused"}
_STEP_TUNING = (1e-6, 10.0)
_SWITCH: tuple[bool | str, ...] = (False, True)


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter of a user's object.

    Parameters
    ----------
    name
        Its name here.
    own
        The name of the object's parameter.
    position
        Its position in a parameter that is a tuple; None for one that is none.
    hyperparameter
        Default and valid values.
    """

    name: str
    own: str
    position: int | None
    hyperparameter: Hyperparameter


@dataclass(frozen=True)
class Signature:
    """The parameters of a user's object.

    Parameters
    ----------
    parameters
        Those that are hyperparameters.
    needed
        Parameters without a default that nagbench has nothing to give for: they are no numbers.
    """

    parameters: tuple[Parameter, ...]
    needed: tuple[str, ...]

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """The hyperparameters by name."""
        return {parameter.name: parameter.hyperparameter for parameter in self.parameters}

    @property
    def aliases(self) -> dict[str, str]:
        """The names that the object itself gives to its hyperparameters, where they are others."""
        return {p.own: p.name for p in self.parameters if p.position is None and p.own != p.name}

    def arguments(self, values: Iterable[float]) -> dict[str, Any]:
        """Return values in the order of the hyperparameters as arguments of the object."""
        given: dict[str, Any] = {}
        for parameter, value in zip(self.parameters, values, strict=True):
            argument = parameter.hyperparameter.argument(value)
            given[parameter.own] = argument if parameter.position is None else (*given.get(parameter.own, ()), argument)
        return given

    def missing(self, values: Mapping[str, float]) -> str | None:
        """Return what is wrong if a hyperparameter has no value, or the object needs what nobody can give; else None."""
        for name in self.needed:
            return f"its parameter {name} is no number and has no default; write a function or class that gives it"
        for parameter in self.parameters:
            if math.isnan(values[parameter.name]) and not parameter.hyperparameter.optional:
                return f"{parameter.own} has no default and must be given"
        return None

    def refusal(self, values: Mapping[str, float], why: str) -> str:
        """Return the message that the object does not take these values, of which it lists those that are no defaults."""
        known = self.hyperparameters
        changed = {name: value for name, value in values.items() if value != known[name].default and value == value}
        return format_refusal("its class", changed, why)

    def facts(self, name: str, thing: Any) -> dict[str, Any]:
        """Return the fields of the `Method` of an object that its path, parameters and docstring decide."""
        return {
            "name": name,
            "source": name,
            "hyperparameters": self.hyperparameters,
            "aliases": self.aliases,
            "autonomous": False,
            "summary": (inspect.getdoc(thing) or "").partition("\n")[0],
        }

    def examples(self) -> list[float]:
        """Return values with which to try the object: the defaults, and small numbers where there are none."""
        found = []
        for parameter in self.parameters:
            known = parameter.hyperparameter
            lacking = math.isnan(known.default) and not known.optional
            example = 100.0 if known.integer else 1e-3 if parameter.name == "step_size" else 0.5
            found.append((0.0 if known.choices else example) if lacking else known.default)
        return found


def read_signature(name: str, thing: Any, skipped: int) -> Signature:
    """Read the parameters of a function or class after the first ones.

    Parameters
    ----------
    name
        The name of the object, for messages.
    thing
        The object. Its attribute ``tuning`` maps hyperparameters to ranges (low, high), (low, high, scale) or to a list
        of words.
    skipped
        The number of parameters that are no hyperparameters.

    Raises
    ------
    UsageError
        If it has no signature, or if ``tuning`` names something else.
    """
    try:
        signature = _evaluated(thing)
    except (TypeError, ValueError) as error:
        raise UsageError(f"optimizer {name!r} has no signature to read: {error}") from None
    found, needed = list[Parameter](), list[str]()
    for own, parameter in list(signature.parameters.items())[skipped:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            continue
        read = _read(own, parameter)
        found += read
        if not read and parameter.default is parameter.empty:
            needed.append(own)
    taken = {own for own in signature.parameters if own not in _NAMES}
    named = tuple(p if p.name == p.own or p.name not in taken else replace(p, name=p.own) for p in found)
    if provenance.is_installed(str(getattr(thing, "__module__", "")) or "builtins"):
        # Names of an installed package are not its user's to change, and columns of results keep theirs.
        named = tuple(replace(p, name=f"{p.name}_") if p.name in RESERVED else p for p in named)
    return Signature(_tuned(name, named, getattr(thing, "tuning", {})), tuple(needed))


def _evaluated(thing: Any) -> inspect.Signature:
    """Return a signature whose annotations are objects where they can be."""
    try:
        return inspect.signature(thing, eval_str=True)
    except Exception:
        return inspect.signature(thing)


def _read(own: str, parameter: inspect.Parameter) -> list[Parameter]:
    """Return the hyperparameters of one parameter; none if it is of another kind."""
    default, name = parameter.default, _NAMES.get(own, own)
    if own in _IMPLEMENTATION:
        return []
    if isinstance(default, tuple) and default and all(map(_is_number, default)):
        stem = "beta" if own == "betas" else name.removesuffix("s") or name
        return [
            Parameter(f"{stem}{at + 1}", own, at, _number(float(value), isinstance(value, int)))
            for at, value in enumerate(default)
        ]
    given = None if default is parameter.empty or default is None else default
    known = _of_default(name, given, parameter.annotation) if given is not None else None
    if given is None:
        known = _of_annotation(parameter.annotation, plain=default is parameter.empty)
        known = known and replace(known, optional=default is None)
    if known is None:
        return []
    if name == "step_size" and not known.choices:
        known = replace(known, low_bound=0.0, open_below=True)
    return [Parameter(name, own, None, known)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(default: float, integer: bool) -> Hyperparameter:
    return Hyperparameter(default=default, low_bound=-math.inf, integer=integer)


def _of_default(name: str, default: Any, annotation: Any) -> Hyperparameter | None:
    if isinstance(default, bool):
        return Hyperparameter(default=float(default), choices=_SWITCH)
    if _is_number(default):
        return _number(float(default), isinstance(default, int) and name != "step_size")
    words = _words(annotation)
    if isinstance(default, str) and default in words:
        return Hyperparameter(default=float(words.index(default)), choices=words)
    return None


def _of_annotation(annotation: Any, *, plain: bool) -> Hyperparameter | None:
    """Return the hyperparameter of an annotation; a parameter without any counts as a number if it has no default."""
    if annotation is inspect.Parameter.empty:
        return _number(math.nan, False) if plain else None
    if words := _words(annotation):
        return Hyperparameter(default=math.nan, choices=words)
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if re.search(r"\b(float|ArrayLike|ScalarOrSchedule|Numeric|Array)\b", text):
        return _number(math.nan, False)
    if re.search(r"\bbool\b", text):
        return Hyperparameter(default=math.nan, choices=_SWITCH)
    return _number(math.nan, True) if re.search(r"\bint\b", text) else None


def _words(annotation: Any) -> tuple[bool | str, ...]:
    """Return the words of a Literal, also where it may be None; none for another annotation."""
    if get_origin(annotation) is Literal:
        return tuple(word for word in get_args(annotation) if isinstance(word, str))
    return tuple(word for part in get_args(annotation) for word in _words(part))


def _tuned(name: str, parameters: tuple[Parameter, ...], tuning: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return the parameters with the ranges that tuning searches."""
    names = [parameter.name for parameter in parameters]
    for key in tuning:
        if key not in names and key != "step_size" and key not in {p.own for p in parameters}:
            raise UsageError(f"optimizer {name!r}: tuning names {key!r}, which is none of {', '.join(names)}")
    ranges = {"step_size": _STEP_TUNING, **{_own_name(parameters, key): value for key, value in tuning.items()}}
    return tuple(
        replace(p, hyperparameter=_with_tuning(name, p, ranges[p.name])) if p.name in ranges else p for p in parameters
    )


def _own_name(parameters: tuple[Parameter, ...], key: str) -> str:
    return next((p.name for p in parameters if p.own == key and p.position is None), key)


def _with_tuning(name: str, parameter: Parameter, given: Any) -> Hyperparameter:
    known = parameter.hyperparameter
    if known.choices:
        chosen = cast("list[bool | str]", list(given))
        if not chosen or any(choice not in known.choices for choice in chosen):
            raise UsageError(f"optimizer {name!r}: tuning of {parameter.name} is {given!r}; allowed: {known.choices}")
        # The choices to search come first, so that they are a range of positions.
        ordered = (*chosen, *(choice for choice in known.choices if choice not in chosen))
        at = known.default if math.isnan(known.default) else float(ordered.index(known.choices[int(known.default)]))
        return replace(known, choices=ordered, default=at, tuning=(0.0, len(chosen) - 1.0), scale="choice")
    try:
        low, high, *scale = given
        low, high = float(low), float(high)
    except (TypeError, ValueError):
        raise UsageError(
            f"optimizer {name!r}: tuning of {parameter.name} is {given!r}; expected (low, high) or (low, high, scale)"
        ) from None
    return replace(known, tuning=(low, high), scale=scale[0] if scale else _default_scale(known, low))


def _default_scale(known: Hyperparameter, low: float) -> Any:
    return "integer" if known.integer else "log" if low > 0.0 else "signed" if low < 0.0 else "linear"


@dataclass(frozen=True)
class Style:
    """How a user's object wants to be driven.

    Parameters
    ----------
    way
        One of the ways of its library, 0 if the gradient is all that it asks for.
    averages
        Whether it is tested at another point than that at which it takes its gradients.
    matrices
        It runs with a matrix, and not with a vector.
    refusal
        Why it does not run in any way; empty if it does.
    """

    way: int = 0
    averages: bool = False
    matrices: bool = False
    refusal: str = ""


def find_style(ways: Sequence[int], attempt: Callable[[tuple[int, ...], int], bool]) -> Style:
    """Return how an object wants to be driven, by trying it out in every way.

    Parameters
    ----------
    ways
        The ways, those that give more after those that give less.
    attempt
        ``attempt(shape, way)`` makes two steps on six numbers in this shape, and returns whether the object averages.
    """
    first = ""
    for shape, way in itertools.product(((6,), (3, 2)), ways):
        try:
            return Style(way, attempt(shape, way), len(shape) > 1)
        except Exception as error:
            # What an object says of a closure that is missing is no news where it was given one.
            first = one_line(error) if not first or (way and "losure" in first) else first
    return Style(refusal=first)


def split(blocks: Iterable[tuple[int, ...]], x: Any) -> list[Any]:
    """Return views of x in the shapes of the blocks that it holds one after another."""
    found, at = [], 0
    for shape in blocks:
        size = math.prod(shape)
        found.append(x[at : at + size].reshape(shape))
        at += size
    return found

"""Families of problems by name, and problems built from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nagbench.core import provenance
from nagbench.core.discovery import import_object, marked_objects
from nagbench.core.errors import UsageError, one_line, unknown_name
from nagbench.core.remote import REMOTE_LOADER
from nagbench.problems.problem import Floats, Problem

Build = Callable[..., Problem]


@dataclass(frozen=True)
class Family:
    """A function from parameters to a Problem, under a name."""

    name: str
    build: Build

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters that it takes, by name."""
        return inspect.signature(self.build).parameters

    @property
    def documentation(self) -> str:
        """Its docstring: formula, parameters, what is known."""
        return inspect.getdoc(self.build) or ""

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.documentation.partition("\n")[0]


def family(build: Build) -> Build:
    """Marks a function as a family; its name with hyphens is the family's name."""
    build.__family__ = Family(build.__name__.replace("_", "-"), build)  # type: ignore[attr-defined]
    return build


@dataclass(frozen=True)
class Adapter:
    """A kind of problem from outside: makes a family of what follows "name:" in a problem's text."""

    name: str
    family: Callable[[str], Family]


def adapter(name: str) -> Callable[[Callable[[str], Family]], Callable[[str], Family]]:
    """Marks a function as the one that makes families for problems named "name:…"."""

    def mark(make: Callable[[str], Family]) -> Callable[[str], Family]:
        make.__scheme__ = Adapter(name, make)  # type: ignore[attr-defined]
        return make

    return mark


@functools.cache
def families() -> Mapping[str, Family]:
    """All families of the package, by name."""
    return marked_objects("nagbench.problems.families", "__family__")


@functools.cache
def adapters() -> Mapping[str, Adapter]:
    """The kinds of problems from outside, by the word before the colon."""
    return marked_objects("nagbench.problems.adapters", "__scheme__")


def find_family(name: str) -> Family:
    """The family of a name, of "package.module:attribute", or of a problem from outside. Raises UsageError."""
    if name in families():
        return families()[name]
    word, colon, rest = name.partition(":")
    if colon and word in adapters():
        return adapters()[word].family(rest)
    if colon:
        build = import_object("family", name)
        if not callable(build):
            raise UsageError(f"family {name!r} is not a function that returns a Problem")
        if not hasattr(build, "__family__") and (
            not inspect.isfunction(build) or provenance.is_installed(build.__module__)
        ):
            raise UsageError(f"family {name!r} is of an installed package and is not marked with nagbench.family")
        return Family(name, build)
    raise unknown_name("family", name, families())


def build_problem(source: str | Family, parameters: Mapping[str, Any], /, **facts: Any) -> Problem:
    """A family's problem with these parameters; `start`, `domain`, `name` and `source` replace the family's own.

    A family that takes ``start`` itself, because its dimension follows from it, is given it.
    Raises UsageError for unknown parameters, values that the family refuses, and a start of the wrong length.
    """
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    loader = REMOTE_LOADER.get()
    if loader is not None and isinstance(source, str) and ":" in source:
        return loader.problem(source, parameters, facts)
    found = source if isinstance(source, Family) else find_family(source)
    who = facts.get("name", found.name)
    for name in ("start", "domain"):
        if name in facts:
            facts[name] = _numbers(who, name, facts[name])
    built = _build(found, parameters, facts)
    n = built.dimension
    if "start" in facts and facts["start"].shape != (n,):
        raise UsageError(f"{who}: start has {facts['start'].size} coordinates, expected {n}")
    if "domain" in facts and facts["domain"].shape != (n, 2):
        raise UsageError(f"{who}: domain must be {n} pairs (low, high)")
    given: dict[str, Any] = {name: facts[name].tolist() for name in ("start", "domain") if name in facts}
    modules = (found.build.__module__, *built.modules)
    return replace(built, parameters=dict(parameters), family=found.name, given=given, modules=modules, **facts)


def _numbers(who: str, name: str, values: Any) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{who}: {name}={values!r} is not made of numbers") from None
    if not np.isfinite(array).all():
        raise UsageError(f"{who}: {name}={values!r} is not finite")
    return array


def _build(found: Family, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
    for name in parameters:
        if name not in found.parameters:
            raise unknown_name(f"parameter of family {found.name}", name, {*found.parameters, "start"})
    start = {"start": facts["start"]} if "start" in facts and "start" in found.parameters else {}
    try:
        built = found.build(**parameters, **start)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        # A family of the package refuses values with these; whatever a family from loader raises is the user's.
        if ":" in found.name or isinstance(error, TypeError | ValueError | OverflowError | MemoryError):
            hint = f"; a plain function of x is python:{found.name}" if "argument: 'x'" in str(error) else ""
            raise UsageError(f"family {found.name}: {one_line(error)}{hint}") from error
        raise
    if not isinstance(built, Problem):
        raise UsageError(f"family {found.name} returned {type(built).__name__}, not a Problem")
    return built

"""Families of problems by name, and problems built from them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nagbench.core import provenance
from nagbench.core.arguments import numbers
from nagbench.core.discovery import Plugin, import_object, import_plugins, marked_objects, untaken_plugins
from nagbench.core.errors import UsageError, one_line, unknown_name
from nagbench.core.local_code import any_local
from nagbench.core.remote import REMOTE_LOADER
from nagbench.core.trust import check_named
from nagbench.problems.problem import Floats, Problem

Build = Callable[..., Problem]


@dataclass(frozen=True)
class Family:
    """A function from parameters to a problem, under a name.

    Parameters
    ----------
    name
        The name, with hyphens.
    build
        The function. Its keyword parameters are those of the family.
    """

    name: str
    build: Build

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of the family by name."""
        return inspect.signature(self.build).parameters

    @property
    def documentation(self) -> str:
        """The docstring of the function: formula, parameters, known facts, references."""
        return inspect.getdoc(self.build) or ""

    @property
    def summary(self) -> str:
        """The first line of the docstring, the formula."""
        return self.documentation.partition("\n")[0]


def family(build: Build) -> Build:
    """Register a function as a family of problems.

    Parameters
    ----------
    build
        A function with keyword parameters that returns a `Problem`. Its name with hyphens is the name of the family.

    Returns
    -------
    function
        The same function.

    Examples
    --------
    >>> import numpy as np
    >>> import nagbench
    >>> def value(x, data, shape, rows):
    ...     return data[0] * x[0] * x[0]
    >>> def gradient(x, data, shape, rows, out):
    ...     out[0] = 2.0 * data[0] * x[0]
    >>> @nagbench.family
    ... def parabola(*, scale=1.0):
    ...     return nagbench.Problem(
    ...         name="parabola", family="parabola", value_kernel=value, gradient_kernel=gradient, engine="python",
    ...         data=np.array([scale]), start=np.array([1.0]),
    ...     )
    >>> parabola(scale=3.0).value([2.0])
    12.0
    """
    vars(build)["__family__"] = Family(build.__name__.replace("_", "-"), build)
    return build


@dataclass(frozen=True)
class Adapter:
    """A way to use functions of another kind as problems.

    Parameters
    ----------
    name
        The word before the colon in the names of its problems: "python", "torch", "s2mpj".
    family
        A function from the text after the colon to a family.
    """

    name: str
    family: Callable[[str], Family]


def adapter(name: str) -> Callable[[Callable[[str], Family]], Callable[[str], Family]]:
    """Register a function that makes the families of the problems named ``name:…``; see `Adapter`."""

    def register(make: Callable[[str], Family]) -> Callable[[str], Family]:
        vars(make)["__adapter__"] = Adapter(name, make)
        return make

    return register


@functools.cache
def families() -> Mapping[str, Family]:
    """Return all families of nagbench by name."""
    return marked_objects("nagbench.problems.families", "__family__")


@functools.cache
def adapters() -> Mapping[str, Adapter]:
    """Return all adapters by name."""
    return marked_objects("nagbench.problems.adapters", "__adapter__")


@functools.cache
def problem_plugins() -> Mapping[str, Plugin]:
    """Return the families and suites that installed packages register by entry points; nothing of them is imported."""
    return untaken_plugins("nagbench.problems", {*families(), *adapters()})


def _family_plugins() -> dict[str, Plugin]:
    return {name: plugin for name, plugin in problem_plugins().items() if not plugin.path.endswith(".toml")}


@functools.cache
def plugin_families() -> Mapping[str, Family]:
    """Import the families of plugins; one that fails to import is left out with a warning."""
    return import_plugins(_family_plugins(), find_family)


def resolve_family(name: str) -> str:
    """Return the path of a plugin's family for its name, and any other name as it is.

    Names are resolved where a user writes them. Results name the path, like that of any code that is not nagbench's:
    so a results directory cannot have a plugin imported by its name.
    """
    if ":" in name or name in families():
        return name
    plugin = _family_plugins().get(name)
    return name if plugin is None else plugin.path


def find_family(name: str) -> Family:
    """Return the family of a name.

    Parameters
    ----------
    name
        A family of nagbench, the path of a user's function "package.module:attribute", or "adapter:…".

    Raises
    ------
    UsageError
        If there is none, or if it cannot be imported.
    """
    if name in families():
        return families()[name]
    word, colon, rest = name.partition(":")
    if not colon:
        raise unknown_name("family", name, families())
    if word in adapters():
        return adapters()[word].family(rest)
    build = import_object("family", name)
    if not callable(build):
        raise UsageError(f"family {name!r} is not a function that returns a Problem")
    if not hasattr(build, "__family__") and (
        not inspect.isfunction(build) or provenance.is_installed(build.__module__)
    ):
        raise UsageError(f"family {name!r} is of an installed package and is not marked with nagbench.family")
    return Family(name, build)


def code_of_problem(family: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the code from outside that a problem runs.

    Parameters
    ----------
    family
        The name of the family, as for `find_family`.
    parameters
        Its parameters; a gradient may be named among them.

    Returns
    -------
    list of str
        "package.module:attribute" each; empty for nagbench's own families.

    Examples
    --------
    >>> code_of_problem("rosenbrock", {"dimension": 3})
    []
    >>> code_of_problem("python:mine:valley", {"gradient": "other.slope"})
    ['mine:valley', 'other:slope']
    """
    if ":" not in family:
        return []
    word, _, rest = family.partition(":")
    path = rest if word in adapters() and ":" in rest else family
    gradient = parameters.get("gradient")
    if not isinstance(gradient, str) or word not in adapters():
        return [path]
    module, _, attribute = gradient.rpartition(".")
    return [path, f"{module or path.partition(':')[0]}:{attribute}"]


def build_problem(source: str | Family, parameters: Mapping[str, Any], /, **facts: Any) -> Problem:
    """Build a problem of a family.

    Parameters
    ----------
    source
        The family, or its name as for `find_family`.
    parameters
        Its parameters by name.
    **facts
        ``start``, ``domain``, ``name`` and ``source`` replace those of the family. None stands for the family's own.
        A family that takes ``start`` itself, because its dimension follows from it, is given it.

    Returns
    -------
    Problem
        The problem; a remote one if user code runs in another process.

    Raises
    ------
    UsageError
        For unknown parameters, values that the family refuses, a start or domain of the wrong shape, and code from
        outside that no user has named; see `nagbench.core.trust`.
    """
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    outside = code_of_problem(source, parameters) if isinstance(source, str) else []
    check_named(f"problem {facts.get('name', source)}", outside)
    loader = REMOTE_LOADER.get()
    if loader is not None and isinstance(source, str) and outside and not any_local(outside):
        return loader.problem(source, parameters, facts)
    found = source if isinstance(source, Family) else find_family(source)
    who = facts.get("name", found.name)
    given: dict[str, Floats] = {
        name: _finite_array(who, name, facts[name]) for name in ("start", "domain") if name in facts
    }
    facts |= given
    built = _build(found, parameters, facts)
    n = built.dimension
    if "start" in given and given["start"].shape != (n,):
        raise UsageError(f"{who}: start has {given['start'].size} coordinates, expected {n}")
    if "domain" in given and given["domain"].shape != (n, 2):
        raise UsageError(f"{who}: domain must be {n} pairs (low, high)")
    return replace(
        built,
        parameters=dict(parameters),
        family=found.name,
        given={name: array.tolist() for name, array in given.items()},
        modules=(found.build.__module__, *built.modules),
        **facts,
    )


def _finite_array(who: str, name: str, values: Any) -> Floats:
    """Return the values as an array. Raises UsageError unless all are finite numbers."""
    array = numbers(values, f"{who}: {name} is", f"{who}: {name}=")
    if not np.isfinite(array).all():
        raise UsageError(f"{who}: {name}={values!r} is not finite")
    return array


def _build(found: Family, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
    """Call the function of a family, with errors about its arguments as UsageError."""
    for name, value in parameters.items():
        # The lists of nagbench's own families hold numbers; a user's family may take lists of words.
        if np.ma.isMaskedArray(value) or (":" not in found.name and isinstance(value, list | tuple | np.ndarray)):
            numbers(value, f"{found.name}: {name} is", f"{found.name}: {name}=")
        if name not in found.parameters:
            raise unknown_name(f"parameter of family {found.name}", name, {*found.parameters, "start"})
    start = {"start": facts["start"]} if "start" in facts and "start" in found.parameters else {}
    try:
        built = found.build(**parameters, **start)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        # A family of nagbench refuses values with these errors; any error of a user's family is the user's.
        if ":" in found.name or isinstance(error, TypeError | ValueError | OverflowError | MemoryError):
            hint = f"; a plain function of x is python:{found.name}" if "argument: 'x'" in str(error) else ""
            raise UsageError(f"family {found.name}: {one_line(error)}{hint}") from error
        raise
    if not isinstance(built, Problem):
        raise UsageError(f"family {found.name} returned {type(built).__name__}, not a Problem")
    return built

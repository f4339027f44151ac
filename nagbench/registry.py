"""Names → objects: families and methods from their modules, problems from the TOML suites."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nagbench.core import provenance
from nagbench.distant import ELSEWHERE
from nagbench.core.errors import UsageError, nearest, one_line, unknown
from nagbench.optimizers.adapters import missing
from nagbench.problems.problem import Floats, Problem
from nagbench.optimizers.algorithm import Hyperparameter, Method, Observe, Optimizer, Tuning, Update

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
class Scheme:
    """A kind of problem from outside: makes a family of what follows "name:" in a problem's text."""

    name: str
    family: Callable[[str], Family]


def scheme(name: str) -> Callable[[Callable[[str], Family]], Callable[[str], Family]]:
    """Marks a function as the one that makes families for problems named "name:…"."""

    def mark(make: Callable[[str], Family]) -> Callable[[str], Family]:
        make.__scheme__ = Scheme(name, make)  # type: ignore[attr-defined]
        return make

    return mark


def method(
    name: str,
    *,
    hyperparameters: Mapping[str, Hyperparameter],
    slots: int = 0,
    look_ahead: bool = False,
    autonomous: bool = True,
    tested_at: str = "x",
    source: str = "",
    theory: Tuning | None = None,
    observe: Observe | None = None,
    next_momentum: bool = False,
) -> Callable[[Update], Update]:
    """Marks a function as the update of a method of this name; see `Method` for what the arguments mean."""

    def mark(update: Update) -> Update:
        summary = (inspect.getdoc(update) or "").partition("\n")[0]
        update.__method__ = Method(  # type: ignore[attr-defined]
            name=name, update=update, hyperparameters=hyperparameters, slots=slots, look_ahead=look_ahead,
            autonomous=autonomous, tested_at=tested_at, source=source, summary=summary, theory=theory,
            observe=observe, next_momentum=next_momentum,
        )  # fmt: skip
        return update

    return mark


def _modules(package: str) -> list[ModuleType]:
    home = importlib.import_module(package)
    return [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(home.__path__)]


def _marked(package: str, mark: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in _modules(package):
        for thing in vars(module).values():
            marked = getattr(thing, mark, None)
            if marked is not None and thing.__module__ == module.__name__:
                found[marked.name] = marked
    return dict(sorted(found.items()))


@functools.cache
def families() -> Mapping[str, Family]:
    """All families of the package, by name."""
    return _marked("nagbench.problems.families", "__family__")


@functools.cache
def schemes() -> Mapping[str, Scheme]:
    """The kinds of problems from outside, by the word before the colon."""
    return _marked("nagbench.problems.families", "__scheme__")


@functools.cache
def methods() -> Mapping[str, Method]:
    """All methods of the package, by name."""
    return _marked("nagbench.optimizers.algorithms", "__method__")


@functools.cache
def library_methods() -> Mapping[str, Method]:
    """All methods of other libraries, by name, installed or not."""
    found = [method for module in _modules("nagbench.optimizers.adapters") for method in getattr(module, "METHODS", {}).items()]
    return dict(sorted(found))


def from_path(kind: str, path: str) -> Any:
    """The object at "package.module:attribute"; the current folder counts as a place to import from."""
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{kind} {path!r} is not of the form package.module:attribute")
    if module_name.endswith(".py"):
        name = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise UsageError(f"{kind} {path!r}: modules go by their names; did you mean {name}:{attribute}?")
    if _of_python(module_name):
        # A text that comes with somebody's results must not be able to call os.system, also not as some_module:os.system.
        raise UsageError(
            f"{kind} {path!r}: {module_name} is a module of Python itself, which has no problems or methods"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        thing: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            if inspect.ismodule(thing) and thing.__name__ != module_name:
                raise UsageError(
                    f"{kind} {path!r}: {thing.__name__} is a module, which {module_name} imports and has not"
                )
            if not hasattr(thing, part):
                near = nearest(part, dir(thing))
                raise UsageError(f"{kind} {path!r} cannot be imported: {module_name} has no {part!r}{near}")
            thing = getattr(thing, part)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise UsageError(f"{kind} {path!r} cannot be imported: {one_line(error)}") from error
        near = nearest(error.name, [file.stem for file in Path.cwd().glob("*.py")])
        raise UsageError(f"{kind} {path!r} cannot be imported: No module named {error.name!r}{near}") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"{kind} {path!r} cannot be imported: {one_line(error)}") from error
    if (inspect.isroutine(thing) or inspect.isclass(thing)) and _of_python(getattr(thing, "__module__", None)):
        raise UsageError(f"{kind} {path!r} is {thing.__module__}.{thing.__name__} of Python itself")
    return thing


def _of_python(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in sys.stdlib_module_names


def unmarked(path: str, thing: Any) -> bool:
    """Whether it lies in an installed package and nothing on it says that it is meant for a bench.

    Somebody's results may name it, so it is not called with what they say.
    """
    marks = ("__family__", "__method__")
    return provenance.installed(path.partition(":")[0]) and not any(hasattr(thing, mark) for mark in marks)


def find_family(name: str) -> Family:
    """The family of a name, of "package.module:attribute", or of a problem from outside. Raises UsageError."""
    if name in families():
        return families()[name]
    word, colon, rest = name.partition(":")
    if colon and word in schemes():
        return schemes()[word].family(rest)
    if colon:
        build = from_path("family", name)
        if not callable(build):
            raise UsageError(f"family {name!r} is not a function that returns a Problem")
        if not hasattr(build, "__family__") and (not inspect.isfunction(build) or provenance.installed(build.__module__)):
            raise UsageError(f"family {name!r} is of an installed package and is not marked with nagbench.family")
        return Family(name, build)
    raise unknown("family", name, families())


def find_method(name: str) -> Method:
    """The method of a name, or of "package.module:attribute". Raises UsageError, also for a library's that is missing."""
    if name in methods():
        return methods()[name]
    if name in library_methods():
        found = library_methods()[name]
        if why := missing(found.library):
            raise UsageError(f"optimizer {name}: {found.library} is {why}")
        return found
    if ":" in name:
        if (elsewhere := ELSEWHERE.get()) is not None:
            return elsewhere.method(name)
        thing = from_path("optimizer", name)
        marked = getattr(thing, "__method__", None)
        if isinstance(marked, Method):
            return replace(marked, name=name)
        from nagbench.optimizers.adapters.user import is_optimizer, method_of

        if unmarked(name, thing) and not is_optimizer(thing):
            raise UsageError(
                f"optimizer {name!r} is of an installed package, and is neither marked with nagbench.method, nor a function "
                "step(x, gradient, state), a torch.optim.Optimizer class or annotated to return an Optax transformation"
            )
        return method_of(name, thing)
    raise unknown("optimizer", name, optimizers())


def build_problem(source: str | Family, parameters: Mapping[str, Any], /, **facts: Any) -> Problem:
    """A family's problem with these parameters; `start`, `domain`, `name` and `source` replace the family's own.

    A family that takes ``start`` itself, because its dimension follows from it, is given it.
    Raises UsageError for unknown parameters, values that the family refuses, and a start of the wrong length.
    """
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    elsewhere = ELSEWHERE.get()
    if elsewhere is not None and isinstance(source, str) and ":" in source:
        return elsewhere.problem(source, parameters, facts)
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
            raise unknown(f"parameter of family {found.name}", name, {*found.parameters, "start"})
    start = {"start": facts["start"]} if "start" in facts and "start" in found.parameters else {}
    try:
        built = found.build(**parameters, **start)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        # A family of the package refuses values with these; whatever a family from elsewhere raises is the user's.
        if ":" in found.name or isinstance(error, TypeError | ValueError | OverflowError | MemoryError):
            hint = f"; a plain function of x is python:{found.name}" if "argument: 'x'" in str(error) else ""
            raise UsageError(f"family {found.name}: {one_line(error)}{hint}") from error
        raise
    if not isinstance(built, Problem):
        raise UsageError(f"family {found.name} returned {type(built).__name__}, not a Problem")
    return built


def problem(name: str | Callable[..., Any], **parameters: Any) -> Problem:
    """A problem by its name in the suites, or a family with parameters; "name:key=value,…" works too.

    A plain function of x is a problem too, with ``start`` and, if JAX cannot find it, ``gradient``.
    ``start`` and ``domain`` replace the problem's own; all else are the family's parameters.
    Raises UsageError for unknown names, unknown parameters and values that are not valid.
    """
    from nagbench.problems.suites import suites
    from nagbench.core.text_form import parse

    if isinstance(name, str) and name not in suites():
        name, given = parse(name)
        parameters = {**given, **parameters}
    facts: dict[str, Any] = {key: parameters.pop(key) for key in ("start", "domain") if key in parameters}
    if not isinstance(name, str):
        from nagbench.problems.adapters.python import problem_of_function

        return problem_of_function(name, parameters, facts)
    entry = suites().get(name)
    if entry is not None:
        return entry.problem(parameters, **facts)
    if name not in families() and ":" not in name:
        raise unknown("problem", name, [*suites(), *families()])
    return build_problem(name, parameters, **facts)


def optimizer(name: str, **hyperparameters: float | str) -> Optimizer:
    """An optimizer by its method's name; hyperparameters not given take their defaults.

    Raises UsageError for unknown names and values that are not valid.
    """
    from nagbench.core.text_form import parse

    name, given = parse(name)
    return Optimizer(find_method(name), {**given, **hyperparameters})


def problems() -> list[str]:
    """The names of all problems in the suites."""
    from nagbench.problems.suites import suites

    return list(suites())


def optimizers() -> list[str]:
    """The names of all methods, those of libraries last, whether these are installed or not."""
    return [*methods(), *library_methods()]

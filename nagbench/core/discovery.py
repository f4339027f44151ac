"""Finding families, algorithms and user objects: in the package's own modules, and by "package.module:attribute"."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from nagbench.core import provenance
from nagbench.core.errors import PluginWarning, UsageError, nearest_hint, one_line

T = TypeVar("T")
_MARKS = ("__family__", "__method__")


def modules_of(package: str) -> list[ModuleType]:
    """Import and return all modules that lie directly in a package.

    Parameters
    ----------
    package
        The dotted name of the package.

    Returns
    -------
    list of module
        Its modules in alphabetical order.
    """
    home = importlib.import_module(package)
    return [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(home.__path__)]


def marked_objects(package: str, mark: str) -> dict[str, Any]:
    """Collect what the decorators of the registries left on the functions of a package.

    Parameters
    ----------
    package
        The dotted name of the package.
    mark
        The attribute in which the decorator stored its record, which has a ``name``.

    Returns
    -------
    dict
        The records by name, sorted by name.
    """
    found: dict[str, Any] = {}
    for module in modules_of(package):
        for thing in vars(module).values():
            record = getattr(thing, mark, None)
            if record is not None and thing.__module__ == module.__name__:
                found[record.name] = record
    return dict(sorted(found.items()))


def import_object(kind: str, path: str) -> Any:
    """Import the object at "package.module:attribute". The current folder is searched too, after installed packages.

    Parameters
    ----------
    kind
        What the object is meant to be, for messages: "family", "optimizer", …
    path
        The dotted name of a module, a colon, and the name of an attribute.

    Returns
    -------
    object
        The attribute.

    Raises
    ------
    UsageError
        If the path is malformed, cannot be imported, or names something of Python's standard library.
    """
    module_name, attribute = _split(kind, path)
    if str(Path.cwd()) not in sys.path:
        # Last, so that a file here cannot take the place of a library that nagbench or the object's module imports.
        sys.path.append(str(Path.cwd()))
    try:
        thing = _attribute(kind, path, module_name, attribute)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise UsageError(f"{kind} {path!r} cannot be imported: {one_line(error)}") from error
        near = nearest_hint(error.name, [file.stem for file in Path.cwd().glob("*.py")])
        hint = near or "; install the package that has it, or go to the folder of the file"
        raise UsageError(f"{kind} {path!r} cannot be imported: No module named {error.name!r}{hint}") from None
    except (Exception, SystemExit) as error:
        raise UsageError(f"{kind} {path!r} cannot be imported: {one_line(error)}") from error
    if (inspect.isroutine(thing) or inspect.isclass(thing)) and _is_standard(getattr(thing, "__module__", None)):
        raise UsageError(f"{kind} {path!r} is {thing.__module__}.{thing.__name__} of Python itself")
    return thing


def _split(kind: str, path: str) -> tuple[str, str]:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{kind} {path!r} is not of the form package.module:attribute")
    if module_name.endswith(".py"):
        name = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise UsageError(f"{kind} {path!r}: modules go by their names; did you mean {name}:{attribute}?")
    if _is_standard(module_name):
        # A text that comes with somebody's results must not be able to call os.system, also not as some_module:os.system.
        raise UsageError(
            f"{kind} {path!r}: {module_name} is a module of Python itself, which has no problems or algorithms"
        )
    return module_name, attribute


def _attribute(kind: str, path: str, module_name: str, attribute: str) -> Any:
    thing: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        if inspect.ismodule(thing) and thing.__name__ != module_name:
            raise UsageError(f"{kind} {path!r}: {thing.__name__} is a module that {module_name} only imports")
        if not hasattr(thing, part):
            near = nearest_hint(part, dir(thing)) or _hidden(module_name)
            raise UsageError(f"{kind} {path!r} cannot be imported: {module_name} has no {part!r}{near}")
        thing = getattr(thing, part)
    return thing


def _hidden(module_name: str) -> str:
    """Return a hint if a module of the current folder is not found because an installed one has its name."""
    file = Path.cwd() / f"{module_name.partition('.')[0]}.py"
    used = getattr(sys.modules[module_name], "__file__", None) or ""
    hidden = file.exists() and not (used and file.samefile(used))
    return f"; {used} has this name; rename {file.name} in the current folder" if hidden else ""


def _is_standard(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in sys.stdlib_module_names


def is_unmarked(path: str, thing: Any) -> bool:
    """Tell whether an object lies in an installed package and nothing marks it as made for nagbench.

    Results of somebody else may name such an object, so it is not called with what they say.

    Parameters
    ----------
    path
        The text "package.module:attribute" that named it.
    thing
        The object.

    Returns
    -------
    bool
        True if it is installed and carries no mark of `nagbench.family` or `nagbench.method`.
    """
    return provenance.is_installed(path.partition(":")[0]) and not any(hasattr(thing, mark) for mark in _MARKS)


@dataclass(frozen=True)
class Plugin:
    """An entry point by which an installed package registers an object under a short name.

    Parameters
    ----------
    name
        The name that users write.
    path
        "package.module:attribute".
    distribution
        The installed package, for messages.
    """

    name: str
    path: str
    distribution: str

    def __str__(self) -> str:
        """Return the plugin as messages name it."""
        return f"plugin {self.name!r} of {self.distribution}"


@functools.cache
def find_plugins(group: str) -> Mapping[str, Plugin]:
    """Find the entry points of a group among the installed packages, without importing what they name.

    Parameters
    ----------
    group
        "nagbench.problems" or "nagbench.optimizers".

    Returns
    -------
    mapping
        The plugins by name. Of two with the same name the first is kept, with a warning that names both.
    """
    found: dict[str, Plugin] = {}
    for entry in importlib.metadata.entry_points(group=group):
        distribution = entry.dist.name if entry.dist is not None else "an installed package"
        plugin = Plugin(entry.name, entry.value.partition("[")[0].strip(), distribution)
        if not re.fullmatch(r"[\w.+-]+", entry.name) or ":" not in plugin.path:
            leave_out(plugin, f"{entry.name} = {entry.value!r} is not of the form name = 'package.module:attribute'")
            continue
        first = found.setdefault(entry.name, plugin)
        if first != plugin:
            leave_out(plugin, f"{first} has the same name")
    return found


def untaken_plugins(group: str, taken: Iterable[str]) -> dict[str, Plugin]:
    """Return the plugins of a group whose names are not taken; the others are left out with a warning.

    Parameters
    ----------
    group
        See `find_plugins`.
    taken
        The names of nagbench's own objects.
    """
    names = set(taken)
    plugins = find_plugins(group)
    for name in names & set(plugins):
        leave_out(plugins[name], "nagbench itself has this name")
    return {name: plugin for name, plugin in plugins.items() if name not in names}


def import_plugins(plugins: Mapping[str, Plugin], load: Callable[[str], T]) -> dict[str, T]:
    """Return what plugins name, loaded from their paths; one that fails to import is left out with a warning."""
    found: dict[str, T] = {}
    for name, plugin in plugins.items():
        try:
            found[name] = load(plugin.path)
        except UsageError as error:
            leave_out(plugin, str(error))
    return found


def leave_out(plugin: Plugin, reason: str) -> None:
    """Warn in one line that a plugin is left out, once for each plugin and reason."""
    warnings.warn(f"{plugin} is left out: {reason}", PluginWarning, stacklevel=3)


def package_file(path: str) -> Path:
    """Return the path of a file in an installed package, without importing the package.

    Parameters
    ----------
    path
        "package.subpackage:file.toml".

    Raises
    ------
    UsageError
        If there is no such package.
    """
    package, _, file = path.partition(":")
    top, *folders = package.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"{path!r}: there is no package {top!r}")
    return Path(spec.submodule_search_locations[0], *folders, file)

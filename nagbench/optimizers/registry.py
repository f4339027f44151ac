"""Algorithms by name, and optimizers made of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nagbench.core import local_code
from nagbench.core.arguments import refuse
from nagbench.core.discovery import (
    Plugin,
    import_object,
    import_plugins,
    is_unmarked,
    leave_out,
    marked_objects,
    modules_of,
    untaken_plugins,
)
from nagbench.core.errors import UsageError, unknown_name
from nagbench.core.remote import REMOTE_LOADER
from nagbench.core.text_form import parse_text
from nagbench.core.trust import check_named, name_code
from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.adapters._user_keras import prepare_import
from nagbench.optimizers.adapters.user import is_optimizer, make_algorithm
from nagbench.optimizers.algorithm import Asking, Method, Observe, Optimizer, Theory, Update
from nagbench.optimizers.hyperparameters import Hyperparameter


def method(
    name: str,
    *,
    hyperparameters: Mapping[str, Hyperparameter],
    slots: int = 0,
    look_ahead: bool = False,
    autonomous: bool = True,
    settled: Update | None = None,
    period: str = "",
    tested_at: str = "x",
    source: str = "",
    theory: Theory | None = None,
    observe: Observe | None = None,
    next_momentum: bool = False,
    asks: bool = False,
    composite: bool = False,
    needs_minimum: bool = False,
    finite_sum: bool = False,
    row_slots: bool = False,
    blocks: bool = False,
) -> Callable[[Update], Update]:
    """Register a function as the update of an algorithm.

    Parameters
    ----------
    name
        The name of the algorithm.
    hyperparameters, slots, look_ahead, autonomous, settled, period, tested_at, source, theory
        What the algorithm declares; see `Method`.
    observe, next_momentum, asks, composite, needs_minimum, finite_sum, row_slots, blocks
        Further declarations.

    Returns
    -------
    decorator
        It returns the function as it is. The first line of its docstring is the summary of the algorithm.

    Examples
    --------
    >>> import nagbench
    >>> from nagbench import Hyperparameter
    >>> @nagbench.method("plain", hyperparameters={"step_size": Hyperparameter(default=0.1)})
    ... def plain(k, gradient, iterate, y, state, hyper):
    ...     '''x ← x − s·∇f(x).'''
    ...     for i in range(iterate.size):
    ...         iterate[i] -= hyper[0] * gradient[i]
    >>> nagbench.run("bowl", nagbench.Optimizer(plain.__method__), engine="python").iterations
    62
    """

    def register(update: Update) -> Update:
        vars(update)["__method__"] = Method(
            name=name,
            update=update,
            hyperparameters=hyperparameters,
            slots=slots,
            look_ahead=look_ahead,
            autonomous=autonomous,
            settled=settled,
            period=period,
            tested_at=tested_at,
            source=source,
            summary=(inspect.getdoc(update) or "").partition("\n")[0],
            theory=theory,
            observe=observe,
            next_momentum=next_momentum,
            asks=asks,
            composite=composite,
            needs_minimum=needs_minimum,
            finite_sum=finite_sum,
            row_slots=row_slots,
            blocks=blocks,
        )
        return update

    return register


def proximal_form(smooth: Update, *, slots: int = 0) -> Callable[[Asking], Asking]:
    """Register a function as the update that an algorithm makes on composite problems, which asks.

    Parameters
    ----------
    smooth
        The update that is registered for smooth problems. Where h = 0, both make the same iterates.
    slots
        The number of vectors of the state on composite problems.

    Returns
    -------
    decorator
        It returns the function as it is; for its arguments see `Method`.
    """

    def register(update: Asking) -> Asking:
        known: Method = vars(smooth)["__method__"]
        form = replace(known, update=update, slots=slots, observe=None, asks=True, composite=True)
        vars(smooth)["__method__"] = replace(known, proximal=form)
        return update

    return register


@functools.cache
def algorithms() -> Mapping[str, Method]:
    """Return all algorithms of nagbench itself by name."""
    return marked_objects("nagbench.optimizers.algorithms", "__method__")


@functools.cache
def library_algorithms() -> Mapping[str, Method]:
    """Return all algorithms of other libraries by name, whether these are installed or not."""
    modules = modules_of("nagbench.optimizers.adapters")
    return dict(sorted(item for module in modules for item in getattr(module, "METHODS", {}).items()))


@functools.cache
def optimizer_plugins() -> Mapping[str, Plugin]:
    """Return the algorithms that installed packages register by entry points; nothing of them is imported."""
    return untaken_plugins("nagbench.optimizers", {*algorithms(), *library_algorithms()})


@functools.cache
def plugin_algorithms() -> Mapping[str, Method]:
    """Import the algorithms of plugins; one that fails to import is left out with a warning."""
    return import_plugins(optimizer_plugins(), _import_algorithm)


@functools.cache
def works(name: str) -> bool:
    """Tell whether an optimizer can be used; a plugin is imported for that, and one that fails is left out with a warning."""
    if name in optimizer_plugins():
        try:
            lookup_algorithm(name)
        except UsageError as error:
            leave_out(optimizer_plugins()[name], str(error))
            return False
    return True


def find_algorithm(name: str) -> Method:
    """Return the algorithm of a name that a cell can have.

    Parameters
    ----------
    name
        An algorithm of nagbench or of a library, or the path of a user's object, "package.module:attribute". Names of
        plugins are not known here: results name the path, so that a results directory cannot have a plugin imported by
        its name.

    Returns
    -------
    Method
        The algorithm; a remote one if user code runs in another process.

    Raises
    ------
    UsageError
        If there is none, if it cannot be imported, if its library is not installed, or if it is code from outside that
        no user has named; see `nagbench.core.trust`.
    """
    if name in algorithms():
        return algorithms()[name]
    if name in library_algorithms():
        found = library_algorithms()[name]
        if why := explain_missing_library(found.library):
            raise UsageError(f"optimizer {name}: {found.library} is {why}")
        return found
    if ":" not in name:
        raise unknown_name("optimizer", name, known_optimizers())
    check_named(f"optimizer {name}", [name])
    loader = REMOTE_LOADER.get()
    return _import_algorithm(name) if loader is None or local_code.is_local(name) else loader.method(name)


def _import_algorithm(path: str) -> Method:
    """Import the algorithm at "package.module:attribute" into this process. Raises UsageError."""
    prepare_import(path)
    thing = local_code.thing_of(path) if local_code.is_local(path) else import_object("optimizer", path)
    marked = getattr(thing, "__method__", None)
    if isinstance(marked, Method):
        return replace(marked, name=path)
    if is_unmarked(path, thing) and not is_optimizer(thing):
        raise UsageError(
            f"optimizer {path!r} is of an installed package, and is neither marked with nagbench.method, nor a function "
            "step(x, gradient, state), a torch.optim.Optimizer or Keras class or annotated to return an Optax transformation"
        )
    return make_algorithm(path, thing)


def lookup_algorithm(name: str) -> Method:
    """Return the algorithm of a name as a user writes it, plugins included; see `find_algorithm`."""
    path = resolve_algorithm(name)
    if ":" in path:
        name_code(path)
    return find_algorithm(path)


def resolve_algorithm(name: str) -> str:
    """Return the path of a plugin's algorithm for its name, and any other name as it is. Nothing is imported."""
    known = ":" in name or name in algorithms() or name in library_algorithms() or name not in optimizer_plugins()
    return name if known else optimizer_plugins()[name].path


def optimizer(name: str | Callable[..., Any], **hyperparameters: float | str) -> Optimizer:
    """Return an optimizer by the name of its algorithm.

    Parameters
    ----------
    name
        The name of an algorithm, or the path of a user's, "package.module:attribute"; with hyperparameters as
        "name:key=value,…" if wanted. Or a function or class that such a path would name, also one of a notebook.
    **hyperparameters
        Values. Those not given take their defaults.

    Returns
    -------
    Optimizer
        The algorithm with these values.

    Raises
    ------
    UsageError
        For unknown names and values that are not valid.

    Examples
    --------
    >>> import nagbench
    >>> optimizer = nagbench.optimizer("nesterov", step_size=0.01)
    >>> str(optimizer)
    'nesterov:step_size=0.01,momentum=0.9'
    >>> optimizer.hyperparameters == nagbench.optimizer("nesterov:step_size=0.01").hyperparameters
    True
    """
    if callable(name):
        return Optimizer(lookup_algorithm(local_code.keep(name)), hyperparameters)
    if not isinstance(name, str):
        raise refuse("optimizer", name, "a name, or a name with hyperparameters, as in 'nesterov:step_size=0.1'")
    name, given = parse_text(name)
    return Optimizer(lookup_algorithm(name), {**given, **hyperparameters})


def known_optimizers() -> list[str]:
    """Return the names of all algorithms as `optimizers` does, but import no plugin, so that broken ones are among them."""
    return [*algorithms(), *library_algorithms(), *optimizer_plugins()]


def optimizers() -> list[str]:
    """Return the names of all algorithms: nagbench's own, those of libraries, installed or not, and those of plugins.

    Plugins are imported; one that fails to import is left out with a warning.

    Examples
    --------
    >>> import nagbench
    >>> "nesterov" in nagbench.optimizers()
    True
    """
    return [*algorithms(), *library_algorithms(), *plugin_algorithms()]

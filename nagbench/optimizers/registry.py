"""Algorithms by name, and optimizers made of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace

from nagbench.core.discovery import import_object, is_unmarked, marked_objects, modules_of
from nagbench.core.errors import UsageError, unknown_name
from nagbench.core.remote import REMOTE_LOADER
from nagbench.core.text_form import parse_text
from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.adapters.user import is_optimizer, make_algorithm
from nagbench.optimizers.algorithm import Hyperparameter, Method, Observe, Optimizer, Tuning, Update


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


@functools.cache
def algorithms() -> Mapping[str, Method]:
    """All methods of the package, by name."""
    return marked_objects("nagbench.optimizers.algorithms", "__method__")


@functools.cache
def library_algorithms() -> Mapping[str, Method]:
    """All methods of other libraries, by name, installed or not."""
    found = [
        method
        for module in modules_of("nagbench.optimizers.adapters")
        for method in getattr(module, "METHODS", {}).items()
    ]
    return dict(sorted(found))


def find_algorithm(name: str) -> Method:
    """The method of a name, or of "package.module:attribute". Raises UsageError, also for a library's that is missing."""
    if name in algorithms():
        return algorithms()[name]
    if name in library_algorithms():
        found = library_algorithms()[name]
        if why := explain_missing_library(found.library):
            raise UsageError(f"optimizer {name}: {found.library} is {why}")
        return found
    if ":" in name:
        if (loader := REMOTE_LOADER.get()) is not None:
            return loader.method(name)
        thing = import_object("optimizer", name)
        marked = getattr(thing, "__method__", None)
        if isinstance(marked, Method):
            return replace(marked, name=name)
        if is_unmarked(name, thing) and not is_optimizer(thing):
            raise UsageError(
                f"optimizer {name!r} is of an installed package, and is neither marked with nagbench.method, nor a function "
                "step(x, gradient, state), a torch.optim.Optimizer class or annotated to return an Optax transformation"
            )
        return make_algorithm(name, thing)
    raise unknown_name("optimizer", name, optimizers())


def optimizer(name: str, **hyperparameters: float | str) -> Optimizer:
    """An optimizer by its method's name; hyperparameters not given take their defaults.

    Raises UsageError for unknown names and values that are not valid.
    """
    name, given = parse_text(name)
    return Optimizer(find_algorithm(name), {**given, **hyperparameters})


def optimizers() -> list[str]:
    """The names of all methods, those of libraries last, whether these are installed or not."""
    return [*algorithms(), *library_algorithms()]

"""Decide whether a text names a problem or an optimizer, for the verbs that accept either."""

from __future__ import annotations

from nagbench.core.discovery import import_object, is_unmarked
from nagbench.core.errors import unknown_name
from nagbench.core.remote import UserCode, remote_call
from nagbench.core.text_form import parse_text
from nagbench.optimizers.adapters.user import is_optimizer
from nagbench.optimizers.registry import known_optimizers
from nagbench.problems.lookup import problems
from nagbench.problems.registry import adapters, families, problem_plugins


@remote_call(lambda path: UserCode(f"problem or optimizer {path}"))
def is_optimizer_path(path: str) -> bool:
    """Return whether "module:attribute" is an optimizer; one that is not in an installed package may be called to find out."""
    thing = import_object("problem or optimizer", path)
    return is_optimizer(thing, call=not is_unmarked(path, thing))


def names_optimizer(text: str) -> bool:
    """Return whether a text names an optimizer and not a problem; a name that is both stands for the problem.

    Raises
    ------
    UsageError
        If it names neither; the message names the nearest of both.
    """
    name = parse_text(text)[0]
    known = {*problems(), *families(), *problem_plugins()}
    if text in known or name in known or name.partition(":")[0] in adapters():
        return False
    if name in known_optimizers():
        return True
    if ":" in name:
        return bool(is_optimizer_path(name))
    raise unknown_name("problem or optimizer", name, {*known, *known_optimizers()})

"""Problems by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nagbench.core.errors import unknown_name
from nagbench.core.text_form import parse_text
from nagbench.problems.adapters.python import problem_of_function
from nagbench.problems.problem import Problem
from nagbench.problems.registry import build_problem, families
from nagbench.problems.suites import suites


def problem(name: str | Callable[..., Any], **parameters: Any) -> Problem:
    """A problem by its name in the suites, or a family with parameters; "name:key=value,…" works too.

    A plain function of x is a problem too, with ``start`` and, if JAX cannot find it, ``gradient``.
    ``start`` and ``domain`` replace the problem's own; all else are the family's parameters.
    Raises UsageError for unknown names, unknown parameters and values that are not valid.
    """
    if isinstance(name, str) and name not in suites():
        name, given = parse_text(name)
        parameters = {**given, **parameters}
    facts: dict[str, Any] = {key: parameters.pop(key) for key in ("start", "domain") if key in parameters}
    if not isinstance(name, str):
        return problem_of_function(name, parameters, facts)
    entry = suites().get(name)
    if entry is not None:
        return entry.problem(parameters, **facts)
    if name not in families() and ":" not in name:
        raise unknown_name("problem", name, [*suites(), *families()])
    return build_problem(name, parameters, **facts)


def problems() -> list[str]:
    """The names of all problems in the suites."""
    return list(suites())

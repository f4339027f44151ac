"""Problems by the names that users write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nagbench.core.arguments import refuse
from nagbench.core.errors import unknown_name
from nagbench.core.text_form import parse_text
from nagbench.core.trust import name_code
from nagbench.problems.adapters.python import problem_of_function
from nagbench.problems.problem import Problem
from nagbench.problems.registry import build_problem, code_of_problem, families, resolve_family
from nagbench.problems.suites import all_entries, find_entry


def problem(name: str | Callable[..., Any], **parameters: Any) -> Problem:
    """Return a problem of a suite, or of a family with parameters.

    Parameters
    ----------
    name
        A problem of a suite; a family; the path of a user's code, such as "package.module:family" or
        "python:package.module:function"; or one of these with parameters, "name:key=value,…". Or a function of x, with
        ``start`` and, if JAX cannot find it, ``gradient``.
    **parameters
        ``start``, shape (n,), and ``domain``, shape (n, 2), replace the problem's own; all others are the family's
        parameters.

    Returns
    -------
    Problem
        The problem.

    Raises
    ------
    UsageError
        For unknown names, unknown parameters and values that are not valid.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("rosenbrock", dimension=4)
    >>> problem.minimum, problem.dimension
    (0.0, 4)
    >>> nagbench.problem("quadratic:eigenvalues=[1,100]").condition
    100.0
    >>> nagbench.problem(lambda x: x @ x, gradient=lambda x: 2 * x, start=[3.0, 4.0]).value([1.0, 2.0])
    5.0
    """
    if not isinstance(name, str) and not callable(name):
        raise refuse("problem", name, "a name, or a function of x")
    if isinstance(name, str) and find_entry(name) is None:
        name, given = parse_text(name)
        parameters = {**given, **parameters}
    facts: dict[str, Any] = {key: parameters.pop(key) for key in ("start", "domain") if key in parameters}
    if not isinstance(name, str):
        return problem_of_function(name, parameters, facts)
    entry = find_entry(name)
    if entry is not None:
        return entry.problem(parameters, **facts)
    family = resolve_family(name)
    if family not in families() and ":" not in family:
        raise unknown_name("problem", name, [*problems(), *families()])
    name_code(*code_of_problem(family, parameters))
    return build_problem(family, parameters, **facts)


def problems() -> list[str]:
    """Return the names of all problems in the suites of nagbench, and then in those of installed plugins.

    Examples
    --------
    >>> import nagbench
    >>> "bowl" in nagbench.problems()
    True
    """
    return list(all_entries())

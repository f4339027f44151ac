"""Test problems: formulas, their known facts, and their sources.

Called as a function, ``nagbench.problems()`` lists the names of all problems in the suites.
"""

from nagbench.core.callable_module import make_callable


def _names() -> list[str]:
    from nagbench.problems.lookup import problems

    return problems()


make_callable(__name__, _names)

"""Algorithms with their hyperparameters and theory, and the optimizers built from them.

Called as a function, ``nagbench.optimizers()`` lists the names of all algorithms.
"""

from nagbench.core.callable_module import make_callable


def _names() -> list[str]:
    from nagbench.optimizers.registry import optimizers

    return optimizers()


make_callable(__name__, _names)

"""Packages that can be called like a function."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any


class _CallableModule(types.ModuleType):
    """A module that calls a function of its own when it is called."""

    _called: Callable[[], Any]

    def __call__(self) -> Any:
        return self._called()


def make_callable(name: str, function: Callable[[], Any]) -> None:
    """Make a loaded module callable.

    `nagbench.problems` is both the package of problems and the function that lists their names.

    Parameters
    ----------
    name
        The dotted name of the module.
    function
        What a call of the module calls.
    """
    module = sys.modules[name]
    module.__class__ = _CallableModule
    vars(module)["_called"] = function

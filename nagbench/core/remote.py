"""The boundary to the process in which user code runs.

Functions that run there are marked with `remote_call` where they are defined. The process that drives a sweep knows only the
abstract `RemoteLoader`; `nagbench.execution.sandbox` implements it.
"""

from __future__ import annotations

import abc
import contextvars
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from nagbench.optimizers.algorithm import Method
    from nagbench.problems.problem import Problem

Ask = Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])
Pulse = Callable[[], None]


class RemoteLoader(abc.ABC):
    """Builds user problems and algorithms in another process, in place of this one."""

    @abc.abstractmethod
    def problem(self, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
        """Build a problem there; see `nagbench.problems.registry.build_problem`."""

    @abc.abstractmethod
    def method(self, name: str) -> Method:
        """Load an algorithm there; see `nagbench.optimizers.registry.find_algorithm`."""

    @abc.abstractmethod
    def ask(self, function: Callable[..., Any], *arguments: Any, who: str) -> Any:
        """Call a function marked with `remote_call` in the other process and return its answer.

        Parameters
        ----------
        function
            The function, as it is known here.
        *arguments
            Its arguments but for the last, the pulse.
        who
            What is asked for, to name it in messages.
        """


# Without a loader, this process imports user code itself.
REMOTE_LOADER: contextvars.ContextVar[RemoteLoader | None] = contextvars.ContextVar("remote_loader", default=None)


def remote_call(function: Function) -> Function:
    """Mark a function as one that the process for user code may be asked to call.

    Parameters
    ----------
    function
        A function of a module of nagbench. Its last parameter is the pulse, which it calls now and then as a sign of life.

    Returns
    -------
    function
        The same function.
    """
    function.__remote_call__ = True  # type: ignore[attr-defined]
    return function


def call_path(function: Callable[..., Any]) -> str:
    """Return the text by which `resolve_remote_call` finds a function again.

    Examples
    --------
    >>> call_path(resolve_remote_call)
    'nagbench.core.remote:resolve_remote_call'
    """
    return f"{function.__module__}:{function.__qualname__}"


def resolve_remote_call(path: str) -> Callable[..., Any]:
    """Return the function of a path.

    Parameters
    ----------
    path
        ``"nagbench.package.module:function"``.

    Returns
    -------
    function
        The function.

    Raises
    ------
    ValueError
        If it is not a function of nagbench that is marked with `remote_call`.
    """
    module, _, name = path.partition(":")
    function = getattr(importlib.import_module(module), name, None) if module.startswith("nagbench.") else None
    if not getattr(function, "__remote_call__", False):
        raise ValueError(f"{path!r} is not a remote call of nagbench")
    return function  # type: ignore[return-value]

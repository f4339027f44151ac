"""The boundary to the process in which user code runs.

A function marked with `remote_call` decides by itself where it runs: in the process for user code if one is open and an
argument refers to user code, in this process otherwise. Its callers need not know. `nagbench.execution.sandbox` opens the
other process and implements the abstract `RemoteLoader`, which is all that is known of it here.
"""

from __future__ import annotations

import abc
import contextvars
import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.optimizers.algorithm import Method
    from nagbench.problems.problem import Problem

Function = TypeVar("Function", bound=Callable[..., Any])
Pulse = Callable[[], None]


@dataclass(frozen=True)
class UserCode:
    """User code that a call runs.

    Parameters
    ----------
    label
        What messages call it.
    key
        The problem (its canonical JSON) or the algorithm (its name) to abandon if its process does not survive the call.
        Empty if the call is not about one of them alone.
    """

    label: str
    key: str = ""


@dataclass(frozen=True)
class Reference:
    """Stands for a problem or algorithm of the other process: an argument by which it is found there."""

    key: str
    user_code: UserCode


class RemoteLoader(abc.ABC):
    """Builds user problems and algorithms in another process, in place of this one."""

    @abc.abstractmethod
    def problem(self, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
        """Build a problem there; see `nagbench.problems.registry.build_problem`."""

    @abc.abstractmethod
    def method(self, name: str) -> Method:
        """Load an algorithm there; see `nagbench.optimizers.registry.find_algorithm`."""

    @abc.abstractmethod
    def call(self, code: UserCode, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call a function marked with `remote_call` there and return its answer."""


# Without a loader, this process imports user code itself.
REMOTE_LOADER: contextvars.ContextVar[RemoteLoader | None] = contextvars.ContextVar("remote_loader", default=None)


def user_code_among(*arguments: Any, **_: Any) -> UserCode | None:
    """Return the user code of the problems, algorithms, optimizers and references among the arguments; None without any.

    If there are several, nobody knows which of them ends its process, and none is abandoned.
    """
    found = (getattr(getattr(thing, "method", thing), "user_code", None) for thing in arguments)
    codes = [code for code in found if code is not None]
    if len(codes) > 1:
        return UserCode(" and ".join(code.label for code in codes))
    return codes[0] if codes else None


def remote_call(
    find: Callable[..., UserCode | None] = user_code_among, *, ignore: type[UsageError] | tuple[()] = ()
) -> Callable[[Function], Function]:
    """Mark a function of a module of nagbench as one that runs where the user code of its arguments lives.

    Parameters
    ----------
    find
        Returns the user code that a call with these arguments runs, or None.
    ignore
        Errors of the other process after which the call returns None.

    Returns
    -------
    decorator
        Its functions take and return what `nagbench.core.messages` can send. One with a keyword ``pulse`` calls that
        now and then as a sign of life.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            loader = REMOTE_LOADER.get()
            code = None if loader is None else find(*arguments, **keywords)
            if loader is None or code is None:
                return function(*arguments, **keywords)
            keywords.pop("pulse", None)
            try:
                return loader.call(code, function, *arguments, **keywords)
            except ignore:
                return None

        vars(call)["__remote_call__"] = True
        return cast(Function, call)

    return decorate


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
    return cast(Callable[..., Any], function)

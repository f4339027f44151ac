"""Which code from outside the package may run: what a user names, and nothing that results alone name.

A results directory names problems and optimizers by texts such as "package.module:attribute". It may come from anybody, so
such a text is no reason to import anything. Code runs if a user has named it: on the command line, in a specification, in a
call from Python, or by ``--trust``.
"""

from __future__ import annotations

from collections.abc import Iterable

from nagbench.core.errors import UsageError

_named: set[str] = set()
_EVERYTHING = "*"


def name_code(*paths: str) -> None:
    """Let code run in this process.

    Parameters
    ----------
    *paths
        "package.module:attribute" each, as a user has named it.
    """
    _named.update(paths)


def trust_everything() -> None:
    """Let any code run in this process: one that does what another asks for, which has checked it."""
    _named.add(_EVERYTHING)


def untrusted(paths: Iterable[str]) -> list[str]:
    """Return those of the paths that nobody has named, sorted."""
    return [] if _EVERYTHING in _named else sorted(set(paths) - _named)


def trust(source: object, paths: Iterable[str], *, trusted: bool) -> str:
    """Let the code run that results name, if the user trusts them.

    Parameters
    ----------
    source
        What names the code, for the message.
    paths
        The code that no user has named.
    trusted
        Whether the user trusts it.

    Returns
    -------
    str
        The line that lists the code; empty if there is none.

    Raises
    ------
    UsageError
        If there is such code, and the user does not trust it.
    """
    listed = ", ".join(sorted(paths))
    if not listed:
        return ""
    if not trusted:
        raise UsageError(f"{source} names code that you did not name: {listed}; --trust (trust=True in Python) runs it")
    name_code(*paths)
    return f"trusted, since {source} names it: {listed}"


def check_named(who: str, paths: Iterable[str]) -> None:
    """Refuse code that nobody has named.

    Parameters
    ----------
    who
        What runs it, for the message.
    paths
        The code: "package.module:attribute" each.

    Raises
    ------
    UsageError
        If some of it was not named. The message lists that.
    """
    unnamed = untrusted(paths)
    if unnamed:
        raise UsageError(f"{who} is not available without its code ({', '.join(unnamed)}), which only the results name")

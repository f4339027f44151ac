"""Find what a cell names: its problem, its engine, and whether it runs user code."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, cast

from nagbench.core.errors import UsageError, one_line, truncate
from nagbench.core.local_code import any_local, is_local
from nagbench.core.remote import REMOTE_LOADER, RemoteLoader, UserCode
from nagbench.engine.backends import MIXED, NUMBA
from nagbench.engine.oracles import parse_oracle
from nagbench.engine.records import Cell
from nagbench.optimizers.algorithm import Method
from nagbench.problems.problem import Problem
from nagbench.problems.registry import build_problem, code_of_problem


def problem_of(spec: str) -> Problem:
    """Return the problem of a cell.

    Parameters
    ----------
    spec
        Canonical JSON of family, parameters and, where they replace the family's own, start and domain.

    Returns
    -------
    Problem
        The problem, from a cache of the last 256.

    Raises
    ------
    UsageError
        If it cannot be built.
    """
    return _problem_of(spec, REMOTE_LOADER.get())


# The loader is part of the key: it decides in which process the functions of a user's problem run.
@functools.lru_cache(maxsize=256)
def _problem_of(spec: str, _loader: RemoteLoader | None) -> Problem:
    given = _parsed(spec)
    return build_problem(given["family"], given["parameters"], start=given.get("start"), domain=given.get("domain"))


def forget_problems() -> None:
    """Forget the problems that `problem_of` has built."""
    _problem_of.cache_clear()


def user_code_of(problem: str, optimizer: str) -> tuple[str, ...]:
    """Return which of the two run user code.

    Parameters
    ----------
    problem
        Canonical JSON of the problem.
    optimizer
        Name of the algorithm.

    Returns
    -------
    tuple of str
        The problem, the algorithm, both or neither. Functions of a notebook are not among them: no process but this one can
        run them.
    """
    given = json.loads(problem)
    outside = code_of_problem(given["family"], given.get("parameters") or {})
    of_problem = () if not outside or any_local(outside) else (problem,)
    return of_problem + ((optimizer,) if ":" in optimizer and not is_local(optimizer) else ())


def _parsed(problem: str) -> Mapping[str, Any]:
    """Return what a text says of a problem, which may be of somebody's results. Raises UsageError."""
    try:
        given = json.loads(problem)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{truncate(str(problem), 60)!r} is not a problem: {one_line(error)}") from None
    sound = (
        isinstance(given, dict) and isinstance(given.get("parameters"), dict) and isinstance(given.get("family"), str)
    )
    if not sound:
        raise UsageError(f"{truncate(str(problem), 60)!r} is not a problem: it lacks family or parameters")
    return cast(Mapping[str, Any], given)


def code_of(problem: str, optimizer: str) -> list[str]:
    """Return the code from outside the package that a problem and an algorithm run, "package.module:attribute" each.

    Parameters
    ----------
    problem
        Canonical JSON of the problem.
    optimizer
        Name of the algorithm.

    Raises
    ------
    UsageError
        If the text is not the JSON of a problem.
    """
    given = _parsed(problem)
    found = code_of_problem(given["family"], given["parameters"])
    return [*found, *([optimizer] if ":" in optimizer else [])]


def user_code_of_cell(cell: Cell, label: str) -> UserCode | None:
    """Return the user code of a cell, None if it has none. A call about that cell alone does not abandon it."""
    return UserCode(label) if user_code_of(cell.problem, cell.optimizer) else None


def choose_engine(problem: Problem, method: Method, asked: str | None = None, oracle: str = "exact") -> str:
    """Return the name of the engine that runs an algorithm on a problem.

    Parameters
    ----------
    problem, method
        The problem and the algorithm.
    asked
        The engine that the user asks for; None leaves the choice to the problem and the algorithm.
    oracle
        Text form of the oracle.

    Returns
    -------
    str
        The name of an engine.

    Raises
    ------
    UsageError
        If engine numba is asked for an algorithm of a library, or if an algorithm meets an oracle that it does not take.
    """
    if method.driver is not None and not parse_oracle(oracle).exact:
        raise UsageError(f"{method.name} takes the exact oracle only: its line searches compare values")
    chosen = parse_oracle(oracle)
    if method.finite_sum and (chosen.sigma > 0.0 or (method.row_slots and chosen.batch > 1)):
        known = "exact or stochastic" if method.row_slots else "exact, stochastic or minibatch:ROWS"
        raise UsageError(f"{method.name} is for means over rows and takes the oracles {known}, not {chosen.name}")
    if method.update is not None:
        return asked or problem.engine
    if asked == NUMBA.name:
        raise UsageError(
            f"{method.name} is written in Python, which engine 'numba' cannot run; leave the engine out, or use mixed"
        )
    return asked or (MIXED.name if problem.engine == NUMBA.name else problem.engine)

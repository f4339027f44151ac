"""Outcome of a check: passed, failed or skipped, with the deviation and the point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.errors import UsageError, one_line
from nagbench.core.messages import message_type
from nagbench.execution.sandbox import error_text
from nagbench.problems.problem import Floats

Status = Literal["passed", "failed", "skipped"]
T = TypeVar("T")


class Finding(NamedTuple):
    """Outcome of a check.

    Attributes
    ----------
    status : {"passed", "failed", "skipped"}
        The outcome.
    detail : str
        What was found, in words.
    deviation, allowed : float or None
        The measured deviation and its limit.
    point : tuple of float or None
        Where the deviation was largest.
    """

    status: Status
    detail: str = ""
    deviation: float | None = None
    allowed: float | None = None
    point: tuple[float, ...] | None = None


@message_type
@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check of one problem or optimizer (``subject``, by name); see `Finding` for the other fields."""

    subject: str
    check: str
    status: Status
    detail: str = ""
    deviation: float | None = None
    allowed: float | None = None
    point: tuple[float, ...] | None = None


def passed(detail: str = "") -> Finding:
    """Return the finding of a check that passed."""
    return Finding("passed", detail)


def failed(detail: str, point: Floats | None = None) -> Finding:
    """Return the finding of a check that failed.

    Parameters
    ----------
    detail : str
        What is wrong.
    point : ndarray, shape (n,), optional
        Where; it is appended to the text.

    Returns
    -------
    Finding
        The failure.
    """
    if point is None:
        return Finding("failed", detail)
    return Finding("failed", f"{detail}, at x = {text_of(point)}", point=tuple(map(float, point)))


def skipped(reason: str) -> Finding:
    """Return the finding of a check that does not apply."""
    return Finding("skipped", reason)


def compare(what: str, deviations: ArrayLike, allowed: ArrayLike, points: Floats, also: str = "") -> Finding:
    """Check that every deviation is at most its limit. A deviation of nan is a failure.

    Parameters
    ----------
    what : str
        Name of the deviation, for the text.
    deviations : array_like, shape (p,)
        The measured deviations.
    allowed : array_like, scalar or shape (p,)
        Their limits.
    points : ndarray, shape (p, n)
        The points at which they were measured.
    also : str
        Text to append.

    Returns
    -------
    Finding
        The outcome; its text names the deviation that is largest relative to its limit.
    """
    sizes = np.atleast_1d(np.asarray(deviations, dtype=np.float64))
    limits = np.broadcast_to(np.asarray(allowed, dtype=np.float64), sizes.shape)
    if not sizes.size:
        return skipped("there is no point to check")
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(sizes <= limits, np.where(limits > 0.0, sizes / limits, 0.0), np.inf)
        order = np.where(np.isnan(sizes), np.inf, np.where(limits > 0.0, sizes / limits, sizes))
    i = int(np.argmax(order)) if np.isinf(excess).any() else int(np.argmax(excess))
    size, limit = float(sizes[i]), float(limits[i])
    detail = f"{what}: {size:.3g}, allowed {limit:.3g}"
    if np.isinf(excess).any():
        return failed(f"{detail}{also}", points[i])._replace(deviation=size, allowed=limit)
    return Finding("passed", f"{detail}{also}", size, limit)


def text_of(point: Floats) -> str:
    """Format a point on one line, shortened in the middle."""
    return np.array2string(np.asarray(point), threshold=8, edgeitems=3, precision=6, separator=", ").replace("\n", "")


def run_check(subject: str, name: str, check: Callable[[T], Finding], probe: T) -> CheckResult:
    """Run a check. An exception is a failure.

    Parameters
    ----------
    subject, name : str
        Names of the problem or optimizer, and of the check.
    check : callable
        Takes ``probe`` and returns a `Finding`.
    probe : object
        Access to the problem or optimizer.

    Returns
    -------
    CheckResult
        The outcome.
    """
    try:
        with np.errstate(all="ignore"):
            finding = check(probe)
    except (Exception, SystemExit) as error:
        finding = failed(str(error) if isinstance(error, UsageError) else f"raised {one_line(error)}")
    return CheckResult(subject, name, *finding)


def run_checks(subject: str, names: Sequence[str], make: Callable[[str], CheckResult]) -> list[CheckResult]:
    """Run all checks in order. If one ends the worker of user code, skip the remaining ones.

    Parameters
    ----------
    subject : str
        Name of the problem or optimizer.
    names : sequence of str
        Names of the checks.
    make : callable
        Runs the check of a name.

    Returns
    -------
    list of CheckResult
        One result for each name.
    """
    results: list[CheckResult] = []
    for name in names:
        try:
            results.append(make(name))
        except UsageError as error:
            results.append(CheckResult(subject, name, *failed(error_text(error))))
            rest = skipped(f"not run: {name} ended the process")
            results += [CheckResult(subject, left, *rest) for left in names[len(results) :]]
            break
    return results

"""What a check finds: passed, failed or skipped, and by how much and at which point."""

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
    """``deviation`` is what was measured, to be at most ``allowed``; ``point`` is where it was largest."""

    status: Status
    detail: str = ""
    deviation: float | None = None
    allowed: float | None = None
    point: tuple[float, ...] | None = None


@message_type
@dataclass(frozen=True)
class CheckResult:
    """One check of one subject: a problem or an optimizer, by name."""

    subject: str
    check: str
    status: Status
    detail: str = ""
    deviation: float | None = None
    allowed: float | None = None
    point: tuple[float, ...] | None = None


def passed(detail: str = "") -> Finding:
    """A check that found nothing wrong."""
    return Finding("passed", detail)


def failed(detail: str, point: Floats | None = None) -> Finding:
    """A check that found something wrong; the point is added to the text."""
    if point is None:
        return Finding("failed", detail)
    return Finding("failed", f"{detail}, at x = {text_of(point)}", point=tuple(map(float, point)))


def skipped(reason: str) -> Finding:
    """A check that does not apply."""
    return Finding("skipped", reason)


def compare(what: str, deviations: ArrayLike, allowed: ArrayLike, points: Floats, also: str = "") -> Finding:
    """Passed if every deviation, of ``what``, is at most what is allowed at its point; nan is a failure.

    The text names the largest relative to what is allowed.
    """
    sizes = np.atleast_1d(np.asarray(deviations, dtype=np.float64))
    limits = np.broadcast_to(np.asarray(allowed, dtype=np.float64), sizes.shape)
    if not sizes.size:
        return skipped("no point to check at")
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(sizes <= limits, np.where(limits > 0.0, sizes / limits, 0.0), np.inf)
        order = np.where(np.isnan(sizes), np.inf, np.where(limits > 0.0, sizes / limits, sizes))
    at = int(np.argmax(order)) if np.isinf(excess).any() else int(np.argmax(excess))
    size, limit = float(sizes[at]), float(limits[at])
    detail = f"{what}: {size:.3g}, allowed {limit:.3g}"
    if np.isinf(excess).any():
        return failed(f"{detail}{also}", points[at])._replace(deviation=size, allowed=limit)
    return Finding("passed", f"{detail}{also}", size, limit)


def text_of(point: Floats) -> str:
    """A point on one line, shortened in the middle."""
    return np.array2string(np.asarray(point), threshold=8, edgeitems=3, precision=6, separator=", ").replace("\n", "")


def run_check(subject: str, name: str, check: Callable[[T], Finding], probe: T) -> CheckResult:
    """Make a check; what it raises is its failure."""
    try:
        with np.errstate(all="ignore"):
            finding = check(probe)
    except (Exception, SystemExit) as error:
        finding = failed(str(error) if isinstance(error, UsageError) else f"raised {one_line(error)}")
    return CheckResult(subject, name, *finding)


def run_checks(subject: str, names: Sequence[str], make: Callable[[str], CheckResult]) -> list[CheckResult]:
    """Make all checks, one after the other; after one that ends the worker of user code, none is made."""
    results: list[CheckResult] = []
    for name in names:
        try:
            results.append(make(name))
        except UsageError as error:
            results.append(CheckResult(subject, name, *failed(error_text(error))))
            rest = [skipped(f"not made: {name} ended the process")] * (len(names) - len(results))
            results += [CheckResult(subject, left, *why) for left, why in zip(names[len(results) :], rest, strict=True)]
            break
    return results

"""The first page of the dashboard: what changed from commit to commit, and one picture of each benchmark."""

from __future__ import annotations

import html
import importlib.resources
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from nagbench.analysis.formatting import number, seconds, whole
from nagbench.reporting.dashboard.asv_results import AsvResults
from nagbench.reporting.dashboard.changes import Series, Step, histories, link_of, steps_of
from nagbench.reporting.dashboard.checkout import Commit

ASV_PAGE = "asv.html"
_MOST_COMMITS, _MOST_LISTED = 40, 8
_WIDE, _HIGH, _EDGE = 180.0, 44.0, 4.0
# Where a benchmark has many parameter sets, the picture is of the one that holds the most of these words.
_SHOWN = ("nesterov", "rosenbrock", "tuned", "1000")


def front_page(
    results: AsvResults, commits: Sequence[Commit], thresholds: Mapping[str, float], project: str
) -> tuple[str, int]:
    """Return the page, and the number of changes beyond noise that it lists.

    Parameters
    ----------
    results
        The results that are shown.
    commits
        All commits, oldest first.
    thresholds
        Relative changes that count, by patterns of benchmark names.
    project
        What the history is of.
    """
    found = histories(results, [commit.name for commit in commits], thresholds)
    steps = [step for series in found for step in steps_of(series)]
    template = importlib.resources.files(__package__).joinpath("front.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    measured = sum(any(file.commit == commit.name for file in results.results) for commit in commits)
    page = environment.from_string(template).render(
        project=project,
        asv=ASV_PAGE,
        commits=list(_by_commit(steps, commits)),
        pictures=list(_pictures(found)),
        measured=measured,
        changes=len(steps),
    )
    return page, len(steps)


def _by_commit(steps: Sequence[Step], commits: Sequence[Commit]) -> Iterator[dict[str, Any]]:
    """Yield the commits that changed something, the newest first, each with its changes, the largest first."""
    groups: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        groups[step.commit].append(step)
    for commit in [commit for commit in reversed(commits) if commit.name in groups][:_MOST_COMMITS]:
        ordered = sorted(groups[commit.name], key=_size, reverse=True)
        yield {
            "name": commit.name[:8],
            "day": commit.day,
            "subject": commit.subject,
            "worse": sum(step.worse for step in ordered),
            "better": sum(not step.worse for step in ordered),
            "steps": [_describe(step) for step in ordered[:_MOST_LISTED]],
            "more": [_describe(step) for step in ordered[_MOST_LISTED:]],
        }


def _size(step: Step) -> float:
    ratio = step.ratio
    return math.inf if math.isnan(ratio) or ratio <= 0.0 else abs(math.log(ratio))


def _describe(step: Step) -> dict[str, Any]:
    unit = step.series.unit
    before, after = (_value(value, unit) for value in (step.before, step.after))
    ratio = step.ratio
    change = "" if math.isnan(ratio) else f"{(ratio - 1.0) * 100.0:+.3g} %" if ratio < 10.0 else f"× {ratio:.3g}"
    return {
        "kind": "worse" if step.worse else "better",
        "title": step.series.title,
        "label": step.series.label,
        "machine": step.series.machine,
        "before": before,
        "after": after,
        "change": change,
        "link": link_of(step.series),
        "picture": Markup(sparkline(step.series, step.index)),
    }


def _value(value: float, unit: str) -> str:
    if math.isnan(value):
        return "none"
    if unit == "seconds":
        return seconds(value)
    return whole(value) if float(value).is_integer() else number(value)


def _pictures(found: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """Yield one picture of each benchmark: of the series with most values, and with the words that readers look for."""
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for series in found:
        groups[series.benchmark, series.machine].append(series)
    for (_, machine), several in groups.items():
        best = max(several, key=_telling)
        known = [point.value for point in best.points if not math.isnan(point.value)]
        if known:
            yield {
                "title": best.title,
                "label": best.label,
                "machine": machine,
                "link": link_of(best),
                "last": _value(known[-1], best.unit),
                "picture": Markup(sparkline(best)),
            }


def _telling(series: Series) -> tuple[int, int]:
    known = sum(not math.isnan(point.value) for point in series.points)
    return sum(any(word in value for value in series.parameters.values()) for word in _SHOWN) * min(1, known), known


def sparkline(series: Series, mark: int | None = None) -> str:
    """Return the history of a series as a small SVG on a logarithmic axis; gaps where there is no value.

    Parameters
    ----------
    series
        The series.
    mark
        The index of the point that has a ring.
    """
    values = [point.value for point in series.points]
    positive = [value for value in values if value > 0.0]
    title = f"{series.title}, {series.label}: {len(values)} commits, logarithmic axis"
    start = f'<svg viewBox="0 0 {_WIDE:g} {_HIGH:g}" role="img" aria-label="{html.escape(title)}">'
    if not positive:
        return f'{start}<text x="{_EDGE:g}" y="{_HIGH / 2:g}">no value above 0</text></svg>'
    low, high = math.log(min(positive)), math.log(max(positive))
    # A tenth of a change is no cliff: the axis holds at least a factor of two.
    room = max(high - low, math.log(2.0))
    middle = (low + high) / 2.0

    def place(index: int) -> tuple[float, float]:
        x = _EDGE + (_WIDE - 2 * _EDGE) * index / max(1, len(values) - 1)
        return x, _HIGH / 2 - (_HIGH - 2 * _EDGE) * (math.log(values[index]) - middle) / room

    lines: list[list[str]] = [[]]
    dots = []
    for index, value in enumerate(values):
        if not value > 0.0:
            lines.append([])
            continue
        x, y = place(index)
        lines[-1].append(f"{x:.1f},{y:.1f}")
        radius, name = (3.4, "mark") if index == mark else (1.6, "dot")
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{name}"/>')
    drawn = "".join(f'<polyline points="{" ".join(line)}"/>' for line in lines if len(line) > 1)
    return f"{start}{drawn}{''.join(dots)}</svg>"

"""How objects show themselves in a notebook, and how they reach figures, which later packages draw."""

from __future__ import annotations

import html
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Figures by name. They lie in packages that import this one, so they are found when they are asked for.
_FIGURES = {
    "problem": "nagbench.reporting.figures.on_axes:plot_problem_on",
    "run": "nagbench.reporting.figures.on_axes:plot_run_on",
}


def draw(figure: str, *arguments: Any, **keywords: Any) -> Axes:
    """Draw a figure by its name, and return the axes."""
    module, _, function = _FIGURES[figure].partition(":")
    return cast("Axes", getattr(importlib.import_module(module), function)(*arguments, **keywords))


def facts_as_html(title: str, facts: Mapping[str, Any]) -> str:
    """Return facts as an HTML table with a caption; facts that are not known are left out.

    Examples
    --------
    >>> facts_as_html("bowl", {"dimension": 2, "minimum": None})
    '<table><caption>bowl</caption><tbody><tr><th>dimension</th><td>2</td></tr></tbody></table>'
    """
    known = {name: fact for name, fact in facts.items() if fact is not None and fact != ""}
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(fact)}</td></tr>" for name, fact in known.items())
    return f"<table><caption>{_text(title)}</caption><tbody>{rows}</tbody></table>"


def rows_as_html(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as an HTML table with a caption."""
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(value)}</td>' for value in row)}</tr>" for row in rows)
    caption = f"<caption>{_text(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    return html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))

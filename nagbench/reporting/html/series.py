"""Legends of methods, and the values that can be read in a drawing, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import LegendEntry


def method_legend(rows: pd.DataFrame, context: ReportContext) -> tuple[LegendEntry, ...]:
    """Return a legend of the methods in a table with the columns ``method`` and ``optimizer``."""
    methods = rows[["method", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
    return tuple(
        LegendEntry(name=method, method=context.methods.get(method), swatch=draw_swatch(style_of(optimizer)))
        for method, optimizer in methods
    )


def method_series(method: str, x: Iterable[float], y: Iterable[float], context: ReportContext) -> Mapping[str, Any]:
    """Return the values of one method's line; None where they are not finite."""
    return {"name": method, "m": context.methods.get(method), "x": json_numbers(x), "y": json_numbers(y)}


def json_numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Return numbers with this many significant digits, None where they are not finite."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]

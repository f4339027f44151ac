"""Format numbers, durations and lists for tables, pages and sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def whole(count: float) -> str:
    """Format a count with thousands separators, such as "12,345".

    A median between two counts keeps its half; nan becomes "–" and infinity "∞".
    """
    if math.isnan(count):
        return "–"
    if math.isinf(count):
        return "∞"
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"


def counted(count: int, noun: str) -> str:
    """Format a count with its noun: "1 problem", "2 problems", "1,024 cells"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def seconds(time: float) -> str:
    """Format a duration in seconds to three digits in a suitable unit: 3.21 µs, 145 ms, 12.0 s."""
    if not math.isfinite(time):
        return whole(time)
    if time == 0.0:
        return "0 s"
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(time) >= 0.9995 * size), _UNITS[-1])
    scaled = time / size
    digits = max(0, 2 - math.floor(math.log10(abs(scaled) * 1.0005)))
    return f"{scaled:,.{min(digits, 2)}f} {unit}"


def timing(time: float, *, disturbed: bool) -> str:
    """Format a measured duration: empty where it is not known, and "~3.21 µs" where other programs disturbed it."""
    if not time > 0.0:
        return ""
    return f"~{seconds(time)}" if disturbed else seconds(time)


def number(value: float) -> str:
    """Format a number to four significant digits, with an exponent where that is shorter: 0.125, 1e−6, −∞."""
    text = "–" if math.isnan(value) else f"{value:.4g}"
    return re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e").replace("inf", "∞").replace("-", "−")


def listed(items: Sequence[str], most: int = 8) -> str:
    """Join items as in a sentence: "a", "a and b", "a, b and c".

    Parameters
    ----------
    items : sequence of str
        The items.
    most : int
        The largest number of items to write out; the rest becomes "and 7 more".

    Returns
    -------
    str
        The list in words.
    """
    shown = list(items)
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(shown) - most + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


_SIGNS = {
    "gradient": "‖∇f(x)‖",
    "value": "f(x) − f*",
    "distance": "‖x − x*‖",
    "gradient-mapping": "‖G(x)‖",
    "gap": "gap(x)",
}


def measure_sign(measure: str, *, relative: bool) -> str:
    """Return the formula of a measure, such as "‖∇f(x)‖" or "‖x − x*‖ relative to the start".

    Parameters
    ----------
    measure : str
        "gradient", "value", "distance", "gradient-mapping" or "gap".
    relative : bool
        Whether the measure is divided by its value at the start.

    Returns
    -------
    str
        The formula; the name of the measure if there is none.
    """
    sign = _SIGNS.get(measure, measure)
    return f"{sign} relative to the start" if relative else sign

"""The measures by which convergence is judged."""

from __future__ import annotations

from typing import Literal

Measure = Literal["gradient", "value", "distance", "gradient-mapping", "gap"]
"""‖∇f‖₂, F − F*, the distance ‖x − x*‖₂ to the nearest known minimizer; for composite problems F = f + h also the norm
‖x − prox(x − s∇f(x))‖₂/s of the gradient mapping, with s = 1/L, and the duality gap."""

MEASURES: tuple[Measure, ...] = ("gradient", "value", "distance", "gradient-mapping", "gap")


def default_measure(composite: bool) -> Measure:
    """Return the measure of a problem if none is asked for: ‖∇f‖, or the gradient mapping of a composite problem."""
    return "gradient-mapping" if composite else "gradient"

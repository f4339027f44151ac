"""The measures by which convergence is judged."""

from __future__ import annotations

from typing import Literal

Measure = Literal["gradient", "value", "distance"]
"""‖∇f‖₂, f − f*, or the distance ‖x − x*‖₂ to the nearest known minimizer."""

MEASURES: tuple[Measure, ...] = ("gradient", "value", "distance")

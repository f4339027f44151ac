"""The loop: one iteration, written once; the counting pass, the bare replay and the evaluations made of it.

Everything here is plain Python over arrays, so it runs as it stands for plain Python functions and libraries, and numba
compiles the same source for the rest (`engine.py`). `value`, `gradient`, `observe` and `update` are entries: functions
that take addresses and sizes (see `kernels.pointer`). No function here allocates: the caller brings every array, so a call can
stop after any iteration and the next one goes on from there.

In compiled code an array, or a tuple of them, costs reference counting and copies at every call that it is passed to,
more than a small problem's gradient. So the innermost loops, `leap` and `walk`, take addresses and numbers alone; helpers
that see arrays are for what happens seldom.
"""

from nagbench.engine.loop.counting import count, ignore, leap, safe_threshold, until_when
from nagbench.engine.loop.records import (
    BLOW_UP,
    BUDGET,
    CONVERGED,
    CURVE,
    DISTANCE,
    DIVERGED,
    ERROR,
    GRADIENT,
    HIT,
    PROGRESS,
    RUNNING,
    SAMPLES,
    STALLED,
    VALUE,
    Draws,
    Rule,
    State,
    Trace,
)
from nagbench.engine.loop.replaying import query, replay, walk, walk_on

__all__ = [
    "BLOW_UP", "BUDGET", "CONVERGED", "CURVE", "DISTANCE", "DIVERGED", "ERROR", "GRADIENT", "HIT", "PROGRESS", "RUNNING",
    "SAMPLES", "STALLED", "VALUE", "Draws", "Rule", "State", "Trace", "count", "ignore", "leap",
    "query", "replay", "safe_threshold", "until_when", "walk", "walk_on",
]  # fmt: skip

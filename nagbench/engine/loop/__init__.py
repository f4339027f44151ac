"""The loop: one iteration, written once (`step`), and the loops that use it: the counting pass and the timed replay.

Everything here is plain Python over arrays, so it runs as it stands for plain Python functions and libraries, and numba
compiles the same source for the rest (`nagbench.engine.backends`). `value`, `gradient`, `observe` and `update` are entries:
functions that take addresses and sizes. No function here allocates: the caller brings every array, so a call can stop after any
iteration and the next one goes on from there.
"""

from nagbench.engine.loop.asking import count_asking, replay_asking
from nagbench.engine.loop.counting import count, count_uninterrupted, ignore, next_event, safe_threshold
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
    CountArguments,
    Draws,
    Kernels,
    Measurement,
    ProblemView,
    RunView,
    StepOptions,
    StoppingRule,
    Trace,
    Workspace,
)
from nagbench.engine.loop.replaying import call_oracle, repeat_steps, replay

__all__ = [
    "BLOW_UP",
    "BUDGET",
    "CONVERGED",
    "CURVE",
    "DISTANCE",
    "DIVERGED",
    "ERROR",
    "GRADIENT",
    "HIT",
    "PROGRESS",
    "RUNNING",
    "SAMPLES",
    "STALLED",
    "VALUE",
    "CountArguments",
    "Draws",
    "Kernels",
    "Measurement",
    "ProblemView",
    "RunView",
    "StepOptions",
    "StoppingRule",
    "Trace",
    "Workspace",
    "call_oracle",
    "count",
    "count_asking",
    "count_uninterrupted",
    "ignore",
    "next_event",
    "repeat_steps",
    "replay",
    "replay_asking",
    "safe_threshold",
]

"""Hyperparameters under nagbench's names with the defaults of the libraries, and sessions that follow schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nagbench.optimizers.algorithm import Step
from nagbench.optimizers.algorithms._hyperparameters import ADAM, LION
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.problems.problem import Floats

Arguments = Callable[[Mapping[str, float]], dict[str, Any]]

# The parameters of a library's Nesterov are the look-ahead point of the form whose iterate is x.
LOOK_AHEAD = "x + m·v, the look-ahead point"


def descent_step(default: float) -> Hyperparameter:
    """Return a step size in units of 1/L."""
    return step_size(default, tuning=(1e-2, 4.0), unit="1/L")


def adaptive_step(default: float) -> Hyperparameter:
    """Return the step size of a method that scales gradients."""
    return step_size(default, tuning=(1e-5, 1.0), unit="1")


def momentum(default: float) -> Hyperparameter:
    """Return a momentum that is tuned."""
    return fraction(default, tuning=(0.0, 0.999))


def nonnegative(default: float) -> Hyperparameter:
    """Return a hyperparameter of at least 0 that is not tuned, such as ε or a weight decay."""
    return Hyperparameter(default=default)


def adam(*, epsilon: float, **further: Hyperparameter) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of Adam and of what is derived from it."""
    return {**ADAM, "epsilon": nonnegative(epsilon), **further}


def rmsprop_decay(default: float) -> Hyperparameter:
    """Return the decay of the average of squared gradients."""
    return fraction(default, tuning=(0.5, 0.999))


def adagrad_step(default: float) -> Hyperparameter:
    """Return the step size of Adagrad."""
    return step_size(default, tuning=(1e-3, 10.0), unit="1")


def lion(default_step: float, default_decay: float) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of Lion."""
    return {
        **LION,
        "step_size": replace(LION["step_size"], default=default_step),
        "weight_decay": nonnegative(default_decay),
    }


def follow_schedule(hyper: Floats, change: Callable[[Floats], None], advance: Callable[[], Any]) -> Step:
    """Make the step of a session that passes changed hyperparameters to its library.

    Parameters
    ----------
    hyper
        The values with which the session began.
    change
        Passes new values to the library.
    advance
        Makes one iteration.

    Returns
    -------
    function
        ``step(hyper)`` calls ``change(hyper)`` if the values differ from those of the iteration before, then
        ``advance()``.
    """
    before = hyper.tobytes()

    def step(hyper: Floats) -> None:
        nonlocal before
        now = hyper.tobytes()
        if now != before:
            before = now
            change(hyper)
        advance()

    return step


def format_refusal(library: str, values: Mapping[str, float], why: str) -> str:
    """Return the message that a library does not take these values, with the library's own words."""
    given = ", ".join(f"{name}={value:g}" for name, value in values.items()) or "its defaults"
    return f"{library} refuses {given}: {why}"

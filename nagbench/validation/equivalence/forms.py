"""Published forms of the methods, written as plainly as possible, by which implementations are recognized.

Each is an update on whole arrays at one point, where the gradient is taken. They are not meant for sweeps: they exist
so that "this library implements that formula" is the result of a run, not of a name. Two forms of one group are equal
in some scenarios and differ in others, which distinguishes implementations.

Most are choices of options of the atlas's recipes. Hyperparameters are those of the group, and for some forms the
neighboring values of a schedule (``previous_…``, ``next_…``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.algorithm import Method, Step, Update
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.validation.atlas import adam, others
from nagbench.validation.atlas.recipes import Choice, Recipe, State
from nagbench.validation.equivalence.lockstep import Array

FORMS: dict[str, Method] = {}


def form(name: str, takes: str, *, slots: int = 0, look_ahead: bool = False) -> Callable[[Update], Update]:
    """Register an update as the form of this name.

    Parameters
    ----------
    name : str
        Name of the form.
    takes : str
        Names of the values in ``hyper``, separated by spaces.
    slots : int
        Number of arrays that the update keeps.
    look_ahead : bool
        Whether the gradient is taken at a separate query point.

    Returns
    -------
    callable
        The decorator; it returns the update unchanged.
    """

    def mark(update: Update) -> Update:
        hyperparameters = {key: Hyperparameter(default=0.0) for key in takes.split()}
        summary = (update.__doc__ or "").partition("\n")[0].rstrip(".")
        FORMS[name] = Method(
            name=name,
            update=update,
            hyperparameters=hyperparameters,
            slots=slots,
            look_ahead=look_ahead,
            summary=summary,
            library="formula",
        )
        return update

    return mark


@form("asgd", "step_size lambd alpha")
def _asgd(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← (1 − λ·s_k)·x − s_k·g with s_k = s/(1 + λ·s·k)^α."""
    s, decay, alpha = hyper
    _asgd_step(g, x, s / (1.0 + decay * s * k) ** alpha, decay)


@form("asgd single step", "step_size lambd alpha")
def _asgd_single_step(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply ASGD with the step size s_k rounded to single precision."""
    s, decay, alpha = hyper
    _asgd_step(g, x, float(np.float32(s / (1.0 + decay * s * k) ** alpha)), decay)


@form("asgd late single step", "previous_step_size lambd alpha")
def _asgd_late_single_step(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply ASGD with s_k computed, in single precision, from the step size of the previous iteration."""
    _asgd_single_step(k, g, x, y, state, hyper)


def _asgd_step(g: Any, x: Any, step: float, decay: float) -> None:
    """Apply x ← (1 − λ·s_k)·x − s_k·g."""
    x *= 1.0 - decay * step
    x -= step * g


@form("nesterov look-ahead", "step_size momentum next_momentum", slots=1)
def _nesterov_look_ahead(k: int, g: Any, p: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m_k·v − s·g; p ← p − s·g + m_{k+1}·v."""
    s, m, following = hyper
    state[0] = m * state[0] - s * g
    p += following * state[0] - s * g


# The recipe of a form, the options in which it differs from what is published, and its hyperparameters.
_STEP, _BALL = "step_size", "step_size momentum"
_DAMPED, _BETAS = "step_size momentum dampening", "step_size beta1 beta2 epsilon"
_OF_RECIPES: Mapping[str, tuple[str, Choice, str]] = {
    "descent": ("sgd", {}, _STEP),
    "nesterov velocity": ("sgd", {"look": "nesterov", "place": "velocity"}, _BALL),
    "nesterov buffer": ("sgd", {"look": "nesterov"}, _BALL),
    "nesterov average": ("sgd", {"look": "nesterov", "memory": "average"}, _BALL),
    "ball velocity": ("sgd", {"place": "velocity"}, _BALL),
    "ball buffer": ("sgd", {}, _BALL),
    "ball average": ("sgd", {"memory": "average"}, _BALL),
    "ball scaled": ("sgd", {"memory": "scaled"}, _BALL),
    "ball dampened": ("sgd", {"first": "damped"}, _DAMPED),
    "ball dampened later": ("sgd", {"first": "whole"}, _DAMPED),
    "adam": ("adam", {}, _BETAS),
    "adam epsilon hat": ("adam", {"epsilon": "hat"}, _BETAS),
    "adamw": ("adam", {}, f"{_BETAS} weight_decay"),
    "adamw epsilon hat": ("adam", {"epsilon": "hat"}, f"{_BETAS} weight_decay"),
    "nadam": ("nadam", {}, f"{_BETAS} momentum_decay"),
    "nadam single product": ("nadam", {"momentum": "single"}, f"{_BETAS} momentum_decay"),
    "nadam constant": ("nadam", {"momentum": "constant"}, _BETAS),
    "rmsprop outside": ("rmsprop", {}, "step_size decay epsilon"),
    "rmsprop inside": ("rmsprop", {"epsilon": "inside"}, "step_size decay epsilon"),
    "adagrad outside": ("adagrad", {}, "step_size epsilon"),
    "adagrad inside": ("adagrad", {"epsilon": "inside"}, "step_size epsilon"),
    "lion": ("lion", {}, "step_size beta1 beta2 weight_decay"),
}


def _form_of(name: str, recipe: Recipe, options: Choice, takes: str) -> Method:
    """Return the form that a recipe has with these options, the published ones elsewhere."""
    choice = {trait.name: next(iter(trait.options)) for trait in recipe.traits} | dict(options)

    def begin(x: Array, gradient: Array, hyper: Array) -> Step:
        state: State = {}
        iterations = itertools.count()

        def step(hyper: Array) -> None:
            values = {**recipe.neutral, **dict(zip(takes.split(), hyper.tolist(), strict=True))}
            x[:] = recipe.step(choice, values, state, next(iterations), gradient.copy(), x.copy())

        return step

    hyperparameters = {key: Hyperparameter(default=0.0) for key in takes.split()}
    return Method(name=name, session=begin, hyperparameters=hyperparameters, library="formula")


_RECIPES = {recipe.name: recipe for recipe in (*adam.RECIPES, *others.RECIPES)}
FORMS.update(
    {name: _form_of(name, _RECIPES[recipe], options, takes) for name, (recipe, options, takes) in _OF_RECIPES.items()}
)


# Nesterov's method as written by three more sources. They are not used to recognize implementations, but verified like
# a library.
PUBLISHED: dict[str, Method] = {}


@form("formula/cs231n", "step_size momentum", slots=1)
def _cs231n(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m·v − s·g; x ← x − m·w + (1 + m)·v, where w is the previous v (CS231n notes)."""
    s, m = hyper
    before = state[0].copy()
    state[0] = m * before - s * g
    x += (1.0 + m) * state[0] - m * before


@form("formula/ruder", "step_size momentum next_momentum", slots=1, look_ahead=True)
def _ruder(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m·v + s·∇f(x − m·v); x ← x − v (Ruder 2016, sect. 4.2)."""
    s, m, following = hyper
    state[0] = m * state[0] + s * g
    x -= state[0]
    y[:] = x - following * state[0]


@form("formula/bengio", "step_size momentum", slots=1)
def _bengio(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← x + m²·v − (1 + m)·s·g; v ← m·v − s·g (Bengio et al. 2012, eq. 7)."""
    s, m = hyper
    x += m * m * state[0] - (1.0 + m) * s * g
    state[0] = m * state[0] - s * g


PUBLISHED.update({name: FORMS.pop(name) for name in list(FORMS) if name.startswith("formula/")})

"""Published forms of the methods, written as plainly as possible, by which implementations are recognized.

Each is an update on whole arrays at one point, where the gradient is taken. They are not meant for sweeps: they exist
so that "this library implements that formula" is the result of a run, not of a name. Two forms of one group are equal
in some scenarios and differ in others, which distinguishes implementations.

Hyperparameters are those of the group, and for some forms the neighboring values of a schedule (``previous_…``,
``next_…``) or their combination.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nagbench.optimizers.algorithm import Method, Update
from nagbench.optimizers.hyperparameters import Hyperparameter

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


@form("descent", "step_size")
def _descent(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← x − s·g."""
    x -= hyper[0] * g


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


@form("nesterov velocity", "step_size momentum", slots=1)
def _nesterov_velocity(k: int, g: Any, p: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m·v − s·g; p ← p + m·v − s·g."""
    s, m = hyper
    state[0] = m * state[0] - s * g
    p += m * state[0] - s * g


@form("nesterov buffer", "step_size momentum", slots=1)
def _nesterov_buffer(k: int, g: Any, p: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply b ← m·b + g; p ← p − s·(g + m·b)."""
    s, m = hyper
    state[0] = m * state[0] + g
    p -= s * (g + m * state[0])


@form("nesterov look-ahead", "step_size momentum next_momentum", slots=1)
def _nesterov_look_ahead(k: int, g: Any, p: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m_k·v − s·g; p ← p − s·g + m_{k+1}·v."""
    s, m, following = hyper
    state[0] = m * state[0] - s * g
    p += following * state[0] - s * g


@form("nesterov average", "step_size momentum", slots=1)
def _nesterov_average(k: int, g: Any, p: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply e ← m·e + (1 − m)·g; p ← p − s·(g + m·e/(1 − m))."""
    s, m = hyper
    state[0] = m * state[0] + (1.0 - m) * g
    p -= s * (g + m * state[0] / (1.0 - m))


@form("ball velocity", "step_size momentum", slots=1)
def _ball_velocity(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply v ← m·v − s·g; x ← x + v."""
    s, m = hyper
    state[0] = m * state[0] - s * g
    x += state[0]


@form("ball buffer", "step_size momentum", slots=1)
def _ball_buffer(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply b ← m·b + g; x ← x − s·b."""
    s, m = hyper
    state[0] = m * state[0] + g
    x -= s * state[0]


@form("ball average", "step_size momentum", slots=1)
def _ball_average(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply e ← m·e + (1 − m)·g; x ← x − s·e/(1 − m)."""
    s, m = hyper
    state[0] = m * state[0] + (1.0 - m) * g
    x -= s * state[0] / (1.0 - m)


@form("ball scaled", "step_size momentum", slots=1)
def _ball_scaled(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply e ← m·e + (1 − m)·g; x ← x − s·e: the heavy ball with step size (1 − m)·s."""
    s, m = hyper
    state[0] = m * state[0] + (1.0 - m) * g
    x -= s * state[0]


@form("ball dampened", "step_size momentum dampening", slots=1)
def _ball_dampened(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply b ← m·b + (1 − d)·g from b = 0; x ← x − s·b."""
    s, m, d = hyper
    state[0] = m * state[0] + (1.0 - d) * g
    x -= s * state[0]


@form("ball dampened later", "step_size momentum dampening", slots=1)
def _ball_dampened_later(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply b ← g at first, then b ← m·b + (1 − d)·g; x ← x − s·b."""
    s, m, d = hyper
    state[0] = g if k == 0 else m * state[0] + (1.0 - d) * g
    x -= s * state[0]


def _moments(k: int, g: Any, state: Any, beta1: float, beta2: float) -> tuple[Any, Any]:
    """Update Adam's averages of g and g², and return them corrected for bias."""
    state[0] = beta1 * state[0] + (1.0 - beta1) * g
    state[1] = beta2 * state[1] + (1.0 - beta2) * g * g
    return state[0] / (1.0 - beta1 ** (k + 1)), state[1] / (1.0 - beta2 ** (k + 1))


@form("adam", "step_size beta1 beta2 epsilon", slots=2)
def _adam(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← x − s·â/(√b̂ + ε)."""
    s, beta1, beta2, epsilon = hyper
    first, second = _moments(k, g, state, beta1, beta2)
    x -= s * first / (np.sqrt(second) + epsilon)


@form("adam epsilon hat", "step_size beta1 beta2 epsilon", slots=2)
def _adam_epsilon_hat(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← x − s·â/(√b̂ + ε/√(1 − β₂ᵏ⁺¹))."""
    s, beta1, beta2, epsilon = hyper
    first, second = _moments(k, g, state, beta1, beta2)
    x -= s * first / (np.sqrt(second) + epsilon / np.sqrt(1.0 - beta2 ** (k + 1)))


@form("adamw", "step_size beta1 beta2 epsilon weight_decay", slots=2)
def _adamw(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← (1 − s·w)·x − s·â/(√b̂ + ε)."""
    x *= 1.0 - hyper[0] * hyper[4]
    _adam(k, g, x, y, state, hyper[:4])


@form("adamw epsilon hat", "step_size beta1 beta2 epsilon weight_decay", slots=2)
def _adamw_epsilon_hat(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← (1 − s·w)·x − s·â/(√b̂ + ε/√(1 − β₂ᵏ⁺¹))."""
    x *= 1.0 - hyper[0] * hyper[4]
    _adam_epsilon_hat(k, g, x, y, state, hyper[:4])


def _nadam(k: int, g: Any, x: Any, state: Any, hyper: Any, now: float, following: float, product: Any) -> None:
    """Apply x ← x − s·(μ_{j+1}·a/(1 − Π·μ_{j+1}) + (1 − μ_j)·g/(1 − Π))/(√b̂ + ε)."""
    s, beta1, beta2, epsilon = hyper
    _, second = _moments(k, g, state, beta1, beta2)
    ahead = following * state[0] / (1.0 - product * following) + (1.0 - now) * g / (1.0 - product)
    x -= s * ahead / (np.sqrt(second) + epsilon)


@form("nadam", "step_size beta1 beta2 epsilon momentum_decay", slots=3)
def _nadam_scheduled(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply NAdam with its schedule of momenta.

    With μ_j = β₁(1 − 0.96^(jψ)/2) and Π = μ₁⋯μ_j,
    x ← x − s·(μ_{j+1}·a/(1 − Π·μ_{j+1}) + (1 − μ_j)·g/(1 − Π))/(√b̂ + ε).
    """
    now, following = (hyper[1] * (1.0 - 0.5 * 0.96 ** (j * hyper[4])) for j in (k + 1, k + 2))
    state[2] = now if k == 0 else state[2] * now
    _nadam(k, g, x, state, hyper[:4], now, following, state[2])


@form("nadam single product", "step_size beta1 beta2 epsilon momentum_decay", slots=3)
def _nadam_single_product(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply NAdam with the product of momenta rounded to single precision in every iteration."""
    now, following = (hyper[1] * (1.0 - 0.5 * 0.96 ** (j * hyper[4])) for j in (k + 1, k + 2))
    state[2] = np.float32(now) if k == 0 else (state[2].astype(np.float32) * np.float32(now)).astype(state.dtype)
    _nadam(k, g, x, state, hyper[:4], now, following, state[2])


@form("nadam constant", "step_size beta1 beta2 epsilon", slots=2)
def _nadam_constant(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply NAdam without a schedule: μ_j = β₁ throughout."""
    beta1 = hyper[1]
    _nadam(k, g, x, state, hyper, beta1, beta1, beta1 ** (k + 1))


@form("rmsprop outside", "step_size decay epsilon", slots=1)
def _rmsprop_outside(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply a ← d·a + (1 − d)·g²; x ← x − s·g/(√a + ε)."""
    s, d, epsilon = hyper
    state[0] = d * state[0] + (1.0 - d) * g * g
    x -= s * g / (np.sqrt(state[0]) + epsilon)


@form("rmsprop inside", "step_size decay epsilon", slots=1)
def _rmsprop_inside(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε)."""
    s, d, epsilon = hyper
    state[0] = d * state[0] + (1.0 - d) * g * g
    x -= s * g / np.sqrt(state[0] + epsilon)


@form("adagrad outside", "step_size epsilon", slots=1)
def _adagrad_outside(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply a ← a + g²; x ← x − s·g/(√a + ε)."""
    s, epsilon = hyper
    state[0] += g * g
    x -= s * g / (np.sqrt(state[0]) + epsilon)


@form("adagrad inside", "step_size epsilon", slots=1)
def _adagrad_inside(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply a ← a + g²; x ← x − s·g/√(a + ε)."""
    s, epsilon = hyper
    state[0] += g * g
    x -= s * g / np.sqrt(state[0] + epsilon)


@form("lion", "step_size beta1 beta2 weight_decay", slots=1)
def _lion(k: int, g: Any, x: Any, y: Any, state: Any, hyper: Any) -> None:
    """Apply x ← x − s·(sign(β₁·a + (1 − β₁)·g) + w·x); a ← β₂·a + (1 − β₂)·g."""
    s, beta1, beta2, w = hyper
    x -= s * (np.sign(beta1 * state[0] + (1.0 - beta1) * g) + w * x)
    state[0] = beta2 * state[0] + (1.0 - beta2) * g


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

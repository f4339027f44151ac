"""Groups of implementations that claim to be one method, and the reasons why some of them differ.

A reason is a pair of forms (`forms.py`) and a sentence. It is given for a pair of implementations only if a run has
shown that one follows the first form, the other the second, and neither follows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nagbench.validation.equivalence.lockstep import Array, Schedule

Setting = float | Callable[[Schedule], Array]


@dataclass(frozen=True)
class Member:
    """An implementation of a group.

    Attributes
    ----------
    name : str
        Its name.
    settings : mapping
        Its hyperparameters in terms of those of the group, where the names alone do not give them.
    """

    name: str
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """Why implementations of these two forms differ."""

    forms: tuple[str, str]
    text: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """Implementations that claim to be one method.

    Attributes
    ----------
    name, title : str
        Name on the command line, and title for display.
    base : mapping of str to float
        Hyperparameters of all members.
    members : tuple of Member
        The implementations.
    forms : tuple of str
        The forms that a member may follow.
    reasons : tuple of Reason
        Known reasons for differences.
    point_map : str
        Formula that relates the two points of members that take their gradient elsewhere than at their parameters.
    """

    name: str
    title: str
    base: Mapping[str, float]
    members: tuple[Member, ...]
    forms: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    point_map: str = ""


def _members(*names: str | Member) -> tuple[Member, ...]:
    """Make members of names."""
    return tuple(item if isinstance(item, Member) else Member(item) for item in names)


def _torch(name: str, *suffixes: str) -> tuple[Member, ...]:
    """Make members of the variants of one PyTorch optimizer."""
    return tuple(Member(f"torch/{name}{suffix}") for suffix in ("", "-foreach", *suffixes))


def _averaged_step(values: Schedule) -> Array:
    """Return the step size of QHM: it multiplies an average, so it is 1/(1 − m) times that of the others."""
    return values["step_size"] / (1.0 - values["momentum"])


def _dampened_step(values: Schedule) -> Array:
    """Return the step size (1 − d)·s, with which a heavy ball without dampening equals one with dampening d."""
    return values["step_size"] * (1.0 - values["dampening"])


_VELOCITY = "the velocity holds past step sizes; the buffer does not: it is a velocity that decays with m·s_k/s_{k−1}"
_AVERAGE = "the memory holds (1 − m)·g, so a change of m acts on past gradients too"
_SCALED = "the heavy ball with step (1 − m)·s: the memory holds (1 − m)·g, without compensation"
_INSIDE = "ε inside the root: √(a + ε), not √a + ε"
_EPSILON_HAT = "ε is not corrected for bias (“ε hat”): it acts as ε/√(1 − β₂ᵏ) would where it is"

_ADAM = {"step_size": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-4}

_ALL = (
    Group(
        name="descent",
        title="gradient descent",
        base={"step_size": 1e-3},
        members=_members("gradient-descent", *_torch("sgd", "-fused"), "keras/sgd", "optax/sgd"),
        forms=("descent",),
    ),
    Group(
        name="averaging",
        title="gradient descent with averaging (ASGD)",
        base={"step_size": 1e-3, "lambd": 0.0, "alpha": 0.0, "t0": 1.0},
        members=_members(Member("averaged-gradient-descent", {"burn_in": 1.0}), "gradient-descent", *_torch("asgd")),
        forms=("asgd", "asgd single step", "asgd late single step"),
        reasons=(
            Reason(("asgd", "asgd single step"), "the step size is kept in single precision"),
            Reason(
                ("asgd single step", "asgd late single step"),
                "the step size of an iteration is computed at the end of the previous iteration, so changes come late",
            ),
        ),
        point_map="x̄_k is the mean of x_2 … x_k, the points where the gradients are taken",
    ),
    Group(
        name="nesterov",
        title="Nesterov's accelerated gradient",
        base={"step_size": 1e-4, "momentum": 0.9},
        members=_members(
            "nesterov",
            "nesterov-two-sequence",
            Member("qhm", {"step_size": _averaged_step, "nu": lambda values: values["momentum"]}),
            *_torch("sgd-nesterov", "-fused"),
            "keras/sgd-nesterov",
            "optax/sgd-nesterov",
            "optax/sgd-nesterov-chain",
            "formula/ruder",
            "formula/cs231n",
            "formula/bengio",
        ),
        forms=("nesterov velocity", "nesterov buffer", "nesterov look-ahead", "nesterov average"),
        reasons=(
            Reason(("nesterov velocity", "nesterov buffer"), _VELOCITY),
            Reason(("nesterov buffer", "nesterov average"), _AVERAGE),
            Reason(
                ("nesterov velocity", "nesterov look-ahead"),
                "the look-ahead uses the momentum of this iteration, m_k, not that of the next, m_{k+1}",
            ),
        ),
        point_map="x_k = p_k + m·s·b_k",
    ),
    Group(
        name="momentum",
        title="the heavy ball",
        base={"step_size": 1e-4, "momentum": 0.9, "dampening": 0.0},
        members=_members(
            Member("momentum", {"step_size": _dampened_step}),
            Member(
                "qhm",
                {"step_size": lambda values: _averaged_step(values) * (1.0 - values["dampening"]), "nu": 1.0},
            ),
            *_torch("sgd", "-fused"),
            Member("keras/sgd", {"step_size": _dampened_step}),
            Member("optax/sgd", {"step_size": _dampened_step}),
        ),
        forms=("ball velocity", "ball buffer", "ball average", "ball scaled", "ball dampened", "ball dampened later"),
        reasons=(
            Reason(("ball average", "ball scaled"), _SCALED),
            Reason(("ball velocity", "ball buffer"), _VELOCITY),
            Reason(("ball buffer", "ball average"), _AVERAGE),
            Reason(("ball dampened", "ball dampened later"), "the first buffer is the undamped gradient, b₁ = g₀"),
        ),
    ),
    Group(
        name="adam",
        title="Adam",
        base=_ADAM,
        members=_members("adam", *_torch("adam", "-fused"), "keras/adam", "optax/adam"),
        forms=("adam", "adam epsilon hat"),
        reasons=(Reason(("adam", "adam epsilon hat"), _EPSILON_HAT),),
    ),
    Group(
        name="adamw",
        title="AdamW",
        base={**_ADAM, "weight_decay": 0.1},
        members=_members("adamw", *_torch("adamw", "-fused"), "keras/adamw", "optax/adamw"),
        forms=("adamw", "adamw epsilon hat"),
        reasons=(Reason(("adamw", "adamw epsilon hat"), _EPSILON_HAT),),
    ),
    Group(
        name="nadam",
        title="NAdam, with momentum_decay 1, the only value that Keras has",
        base={**_ADAM, "momentum_decay": 1.0},
        members=_members("nadam", *_torch("nadam"), "keras/nadam", "optax/nadam"),
        forms=("nadam", "nadam single product", "nadam constant"),
        reasons=(
            Reason(("nadam", "nadam single product"), "the product of the momenta is kept in single precision"),
            Reason(("nadam", "nadam constant"), "no schedule of the momentum: μ_j = β₁, as if momentum_decay were ∞"),
        ),
    ),
    Group(
        name="rmsprop",
        title="RMSprop",
        base={"step_size": 1e-3, "decay": 0.9, "epsilon": 1e-4},
        members=_members(
            "rmsprop",
            "rmsprop-epsilon-inside",
            *_torch("rmsprop"),
            "keras/rmsprop",
            "optax/rmsprop",
        ),
        forms=("rmsprop outside", "rmsprop inside"),
        reasons=(Reason(("rmsprop outside", "rmsprop inside"), _INSIDE),),
    ),
    Group(
        name="adagrad",
        title="Adagrad, its accumulators 0 at first",
        base={"step_size": 1e-1, "epsilon": 1e-4, "initial_accumulator_value": 0.0},
        members=_members("adagrad", *_torch("adagrad", "-fused"), "keras/adagrad", "optax/adagrad"),
        forms=("adagrad outside", "adagrad inside"),
        reasons=(Reason(("adagrad outside", "adagrad inside"), _INSIDE),),
    ),
    Group(
        name="lion",
        title="Lion",
        base={"step_size": 1e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1},
        members=_members("lion", "keras/lion", "optax/lion"),
        forms=("lion",),
    ),
)

GROUPS = {group.name: group for group in _ALL}


def algorithm_of(optimizer: str) -> str:
    """Return nagbench's name of the algorithm that a library's optimizer implements; other names are returned unchanged.

    An optimizer with a momentum that may be 0 belongs to the algorithm with momentum.
    """
    if "/" not in optimizer:
        return optimizer
    found = [group.members[0].name for group in _ALL if any(member.name == optimizer for member in group.members)]
    return found[-1] if found else optimizer

"""PyTorch's optimizers, on a parameter that shares memory with the loop's iterate.

Each is there with PyTorch's defaults (on a CPU it then updates one tensor at a time), and, with a suffix, with its
*foreach* and
*fused* implementations forced, if there is one for CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

from nagbench.core.errors import one_line
from nagbench.optimizers.adapters import _common
from nagbench.optimizers.adapters._common import LOOK_AHEAD, Arguments, follow_schedule, format_refusal, nonnegative
from nagbench.optimizers.adapters._native import Loop, find_form, torch_loop
from nagbench.optimizers.algorithm import Method, Session, Step, Theory
from nagbench.optimizers.algorithms._hyperparameters import inverse_smoothness, polyak, strongly_convex
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.problems.problem import Floats, Problem

_TORCH_NAMES = {"step_size": "lr", "decay": "alpha", "epsilon": "eps"}


def make_session(
    find_class: Callable[[], Any], names: list[str], arguments: Arguments, flags: Mapping[str, Any]
) -> Session:
    """Return the sessions of a ``torch.optim.Optimizer`` class.

    Parameters
    ----------
    find_class
        Returns the class, once PyTorch may be imported.
    names
        The hyperparameters under nagbench's names, in order.
    arguments
        Turns hyperparameters into arguments of the class.
    flags
        Further arguments.
    """

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        import torch

        parameter = torch.nn.Parameter(torch.from_numpy(iterate))
        parameter.grad = torch.from_numpy(gradient)

        def given(hyper: Floats) -> dict[str, Any]:
            return arguments(dict(zip(names, hyper.tolist(), strict=True)))

        optimizer = find_class()([parameter], **given(hyper), **flags)
        group = optimizer.param_groups[0]
        return follow_schedule(hyper, lambda now: group.update(given(now)), optimizer.step)

    return begin


def find_refusal(kind: type[Any], arguments: Mapping[str, Any]) -> str | None:
    """Return the error that a class raises for its arguments; None if it takes them."""
    import torch

    try:
        kind([torch.nn.Parameter(torch.zeros(1))], **arguments)
    except Exception as error:
        return one_line(error)
    return None


def _class(name: str) -> type[Any]:
    import torch

    return cast(type[Any], getattr(torch.optim, name))


def _arguments(values: Mapping[str, float]) -> dict[str, Any]:
    """Return hyperparameters under PyTorch's names."""
    given: dict[str, Any] = {_TORCH_NAMES.get(name, name): value for name, value in values.items()}
    if "beta1" in given:
        given["betas"] = (given.pop("beta1"), given.pop("beta2"))
    return given


def _refuses(class_name: str, flags: Mapping[str, Any], values: Mapping[str, float]) -> str | None:
    why = find_refusal(_class(class_name), {**_arguments(values), **flags})
    return why and format_refusal("torch", values, why)


def _native_loop(
    class_name: str, flags: Mapping[str, Any], problem: Problem, start: Floats, values: Mapping[str, float]
) -> Loop | None:
    form = find_form(problem)
    return form and torch_loop(lambda p: _class(class_name)(p, **_arguments(values), **flags), *form, start)


def _algorithms(
    name: str,
    class_name: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    *,
    fused: bool = False,
    flags: Mapping[str, Any] | None = None,
    tested_at: str = "x",
    theory: Theory | None = None,
) -> Iterator[Method]:
    """Yield the algorithm with PyTorch's default implementation and with the forced ones."""
    kinds: dict[str, dict[str, bool]] = {"": {}, "-foreach": {"foreach": True}}
    if fused:
        kinds["-fused"] = {"fused": True}
    for suffix, kind in kinds.items():
        given = {**(flags or {}), **kind}
        text = ", ".join(f"{key}={value}" for key, value in given.items())
        yield Method(
            name=f"torch/{name}{suffix}",
            library="torch",
            session=make_session(partial(_class, class_name), list(hyperparameters), _arguments, given),
            native=partial(_native_loop, class_name, given),
            refuses=partial(_refuses, class_name, given),
            hyperparameters=hyperparameters,
            autonomous=False,
            tested_at=tested_at,
            source=f"torch.optim.{class_name}" + (f" with {text}" if text else ""),
            summary=summary,
            theory=theory,
            distributions=("torch",),
        )


_ADAM = _common.adam(epsilon=1e-8, weight_decay=nonnegative(0.0))
_SGD = {
    "step_size": _common.descent_step(1e-3),
    "momentum": _common.momentum(0.0),
    "dampening": fraction(0.0),
    "weight_decay": nonnegative(0.0),
}
_SGD_NESTEROV = {
    "step_size": _common.descent_step(1e-3),
    # PyTorch's default is no momentum, which it refuses with Nesterov's method.
    "momentum": _common.momentum(0.9),
    "weight_decay": nonnegative(0.0),
}
_RMSPROP = {
    "step_size": _common.adaptive_step(1e-2),
    "decay": _common.rmsprop_decay(0.99),
    "epsilon": nonnegative(1e-8),
    "momentum": fraction(0.0),
    "weight_decay": nonnegative(0.0),
}
_ADAGRAD = {
    "step_size": _common.adagrad_step(1e-2),
    "lr_decay": nonnegative(0.0),
    "epsilon": nonnegative(1e-10),
    "weight_decay": nonnegative(0.0),
}
_ASGD = {
    "step_size": _common.descent_step(1e-2),
    "lambd": nonnegative(1e-4),
    "alpha": nonnegative(0.75),
    "t0": nonnegative(1e6),
    "weight_decay": nonnegative(0.0),
}

_ALL = (
    *_algorithms("sgd", "SGD", _SGD, "b ← m·b + (1 − d)·g, at first b ← g; x ← x − s·b", fused=True, theory=polyak),
    *_algorithms(
        "sgd-nesterov",
        "SGD",
        _SGD_NESTEROV,
        "b ← m·b + g, at first b ← g; p ← p − s·(g + m·b)",
        fused=True,
        flags={"nesterov": True},
        tested_at=LOOK_AHEAD,
        theory=strongly_convex,
    ),
    *_algorithms("adam", "Adam", _ADAM, "x ← x − s·â/(√b̂ + ε), â and b̂ the corrected averages of g and g²", fused=True),
    *_algorithms(
        "adamw",
        "AdamW",
        {**_ADAM, "weight_decay": nonnegative(1e-2)},
        "Adam with x ← (1 − s·w)·x before each step",
        fused=True,
    ),
    *_algorithms(
        "nadam",
        "NAdam",
        {**_ADAM, "step_size": _common.adaptive_step(2e-3), "momentum_decay": nonnegative(4e-3)},
        "Adam with Nesterov's look-ahead and momentum β₁(1 − 0.96^(kψ)/2)",
    ),
    *_algorithms("rmsprop", "RMSprop", _RMSPROP, "a ← d·a + (1 − d)·g²; x ← x − s·g/(√a + ε)"),
    *_algorithms("adagrad", "Adagrad", _ADAGRAD, "a ← a + g²; x ← x − s·g/(√a + ε)", fused=True),
    *_algorithms(
        "asgd",
        "ASGD",
        _ASGD,
        "x ← (1 − λ·s_k)·x − s_k·g, s_k = s/(1 + λ·s·k)^α; its average is kept separately and not tested",
        theory=inverse_smoothness,
    ),
)
METHODS = {algorithm.name: algorithm for algorithm in _ALL}

"""PyTorch's optimizers, on a parameter that shares memory with the loop's iterate.

Each is there as it comes (on a processor PyTorch then takes a tensor at a time), and, with a suffix, forced to its
*foreach* and *fused* implementations, where there is one for processors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

from nagbench.core.errors import one_line
from nagbench.optimizers.adapters._common import (
    ADAPTIVE_TUNING,
    LOOK_AHEAD,
    MOMENTUM_TUNING,
    STEP_TUNING,
    Arguments,
    Floats,
    number,
    refused,
    watched,
)
from nagbench.optimizers.adapters._native import Loop, form_of, torch_loop
from nagbench.optimizers.algorithm import Hyperparameter, Method, Session, Step, Tuning, fraction, step_size
from nagbench.optimizers.algorithms._hyperparameters import inverse_smoothness, polyak, strongly_convex
from nagbench.problems.problem import Problem


def session_of(kind: Callable[[], Any], names: list[str], arguments: Arguments, flags: Mapping[str, Any]) -> Session:
    """Sessions of the class that ``kind()`` returns; ``arguments`` turns our hyperparameters, ``names``, into its own."""

    def begin(iterate: Floats, gradient: Floats, hyper: Floats) -> Step:
        import torch

        parameter = torch.nn.Parameter(torch.from_numpy(iterate))
        parameter.grad = torch.from_numpy(gradient)

        def given(hyper: Floats) -> dict[str, Any]:
            return arguments(dict(zip(names, hyper.tolist(), strict=True)))

        optimizer = kind()([parameter], **given(hyper), **flags)
        group = optimizer.param_groups[0]
        return watched(hyper, lambda now: group.update(given(now)), optimizer.step)

    return begin


def refusal(kind: type[Any], arguments: Mapping[str, Any]) -> str | None:
    """What the class says to arguments that it does not take; None if it takes them."""
    import torch

    try:
        kind([torch.nn.Parameter(torch.zeros(1))], **arguments)
    except Exception as error:
        return one_line(error)
    return None


def _class(name: str) -> type[Any]:
    import torch

    return cast(type[Any], getattr(torch.optim, name))


_OWN = {"step_size": "lr", "decay": "alpha", "epsilon": "eps"}


def _arguments(values: Mapping[str, float]) -> dict[str, Any]:
    """Our hyperparameters under PyTorch's names."""
    given: dict[str, Any] = {_OWN.get(name, name): value for name, value in values.items()}
    if "beta1" in given:
        given["betas"] = (given.pop("beta1"), given.pop("beta2"))
    return given


def _refuses(class_name: str, flags: Mapping[str, Any], values: Mapping[str, float]) -> str | None:
    why = refusal(_class(class_name), {**_arguments(values), **flags})
    return why and refused("torch", values, why)


def _natively(
    class_name: str, flags: Mapping[str, Any], problem: Problem, start: Floats, values: Mapping[str, float]
) -> Loop | None:
    found = form_of(problem)
    return found and torch_loop(lambda p: _class(class_name)(p, **_arguments(values), **flags), *found, start)


_STEP = step_size(1e-3, tuning=STEP_TUNING, unit="1/L")
_MOMENTUM = fraction(0.0, tuning=MOMENTUM_TUNING)
_WEIGHT_DECAY = number(0.0)
_ADAM = {
    "step_size": step_size(1e-3, tuning=ADAPTIVE_TUNING, unit="1"),
    "beta1": fraction(0.9, tuning=(0.0, 0.99)),
    "beta2": fraction(0.999, tuning=(0.9, 0.9999)),
    "epsilon": number(1e-8),
    "weight_decay": _WEIGHT_DECAY,
}


def _methods(
    name: str,
    class_name: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    *,
    fused: bool = False,
    flags: Mapping[str, Any] | None = None,
    tested_at: str = "x",
    theory: Tuning | None = None,
) -> Iterator[Method]:
    kinds: dict[str, dict[str, bool]] = {"": {}, "-foreach": {"foreach": True}}
    if fused:
        kinds["-fused"] = {"fused": True}
    for suffix, kind in kinds.items():
        given = {**(flags or {}), **kind}
        shown = ", ".join(f"{key}={value}" for key, value in given.items())
        yield Method(
            name=f"torch/{name}{suffix}",
            library="torch",
            session=session_of(partial(_class, class_name), list(hyperparameters), _arguments, given),
            native=partial(_natively, class_name, given),
            refuses=partial(_refuses, class_name, given),
            hyperparameters=hyperparameters,
            autonomous=False,
            tested_at=tested_at,
            source=f"torch.optim.{class_name}" + (f" with {shown}" if shown else ""),
            summary=summary,
            theory=theory,
            distributions=("torch",),
        )


def _all() -> Iterator[Method]:
    yield from _methods(
        "sgd", "SGD",
        {"step_size": _STEP, "momentum": _MOMENTUM, "dampening": fraction(0.0), "weight_decay": _WEIGHT_DECAY},
        "b ← m·b + (1 − d)·g, at first b ← g; x ← x − s·b",
        fused=True, theory=polyak,
    )  # fmt: skip
    yield from _methods(
        "sgd-nesterov", "SGD",
        # PyTorch's default is no momentum, which it refuses here.
        {"step_size": _STEP, "momentum": fraction(0.9, tuning=MOMENTUM_TUNING), "weight_decay": _WEIGHT_DECAY},
        "b ← m·b + g, at first b ← g; p ← p − s·(g + m·b)",
        fused=True, flags={"nesterov": True}, tested_at=LOOK_AHEAD, theory=strongly_convex,
    )  # fmt: skip
    yield from _methods(
        "adam", "Adam", _ADAM, "x ← x − s·â/(√b̂ + ε), â and b̂ the corrected averages of g and g²", fused=True
    )
    yield from _methods(
        "adamw",
        "AdamW",
        {**_ADAM, "weight_decay": number(1e-2)},
        "Adam with x ← (1 − s·w)·x before each step",
        fused=True,
    )
    yield from _methods(
        "nadam", "NAdam",
        {**_ADAM, "step_size": step_size(2e-3, tuning=ADAPTIVE_TUNING, unit="1"), "momentum_decay": number(4e-3)},
        "Adam with Nesterov's look-ahead and momentum β₁(1 − 0.96^(kψ)/2)",
    )  # fmt: skip
    yield from _methods(
        "rmsprop", "RMSprop",
        {
            "step_size": step_size(1e-2, tuning=ADAPTIVE_TUNING, unit="1"),
            "decay": fraction(0.99, tuning=(0.5, 0.999)),
            "epsilon": number(1e-8),
            "momentum": fraction(0.0),
            "weight_decay": _WEIGHT_DECAY,
        },
        "a ← d·a + (1 − d)·g²; x ← x − s·g/(√a + ε)",
    )  # fmt: skip
    yield from _methods(
        "adagrad", "Adagrad",
        {
            "step_size": step_size(1e-2, tuning=(1e-3, 10.0), unit="1"),
            "lr_decay": number(0.0),
            "epsilon": number(1e-10),
            "weight_decay": _WEIGHT_DECAY,
        },
        "a ← a + g²; x ← x − s·g/(√a + ε)", fused=True,
    )  # fmt: skip
    yield from _methods(
        "asgd", "ASGD",
        {
            "step_size": step_size(1e-2, tuning=STEP_TUNING, unit="1/L"),
            "lambd": number(1e-4),
            "alpha": number(0.75),
            "t0": number(1e6),
            "weight_decay": _WEIGHT_DECAY,
        },
        "x ← (1 − λ·s_k)·x − s_k·g, s_k = s/(1 + λ·s·k)^α; its average is kept beside and not tested",
        theory=inverse_smoothness,
    )  # fmt: skip


METHODS = {method.name: method for method in _all()}

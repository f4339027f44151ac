"""The hyperparameters with which a method runs on a problem, mode by mode: theory, default, tuned, grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nagbench.names import Variant
from nagbench.objective import Problem
from nagbench.specification import Spec
from nagbench.updates import Method, tuning_of

Setting = tuple[str, int, Mapping[str, float]]
_AT_ONCE = 4096


def settings(spec: Spec, variant: Variant, problem: Problem, unit: float) -> Iterator[Setting]:
    """(mode, trial, hyperparameters) of every setting in which a variant runs on a problem."""
    if variant.lists:
        yield from _listed(spec, variant, unit)
        return
    modes: tuple[str, ...] = spec.modes or ("theory", "tuned")
    if not variant.free:
        modes = ("given",)
    for mode in modes:
        if mode in ("given", "default"):
            yield mode, 0, dict(variant.pinned)
        elif mode == "theory":
            tuning = theory_of(variant.method, problem)
            if tuning is not None and not _refused(variant.method, {**tuning, **variant.pinned}):
                yield mode, 0, {**tuning, **variant.pinned}
        elif mode == "tuned":
            for trial, values in enumerate(trials(variant.method, variant.free, spec.trials, unit)):
                yield mode, trial, {**values, **variant.pinned}
        else:
            yield from _full_grid(spec, variant, unit)


def theory_of(method: Method, problem: Problem) -> Mapping[str, float] | None:
    """The method's textbook hyperparameters from L and μ, with μ = 0 where f is known to be convex and no more.

    None where L is not known, f is not known to be convex, or the method has none for this μ.
    """
    mu = 0.0 if problem.strong_convexity is None and problem.kind == "convex" else problem.strong_convexity
    if problem.smoothness is None or mu is None:
        return None
    return tuning_of(method, problem.smoothness, mu)


def trials(method: Method, free: Sequence[str], count: int, unit: float) -> Iterator[dict[str, float]]:
    """The first ``count`` points of the Sobol sequence (without its first, the origin), mapped to the tuning ranges."""
    from scipy.stats import qmc

    sobol = qmc.Sobol(max(1, len(free)), scramble=False).fast_forward(1)
    ways = [(name, method.hyperparameters[name].spread(unit)) for name in free]
    for at in range(0, count, _AT_ONCE):
        for point in sobol.random(min(_AT_ONCE, count - at)).tolist():
            yield {name: way(p) for (name, way), p in zip(ways, point, strict=False)}


def _listed(spec: Spec, variant: Variant, unit: float) -> Iterator[Setting]:
    """The listed values crossed; a step size that is neither listed nor pinned runs over a grid, never at a default."""
    axes = dict(variant.lists)
    if "step_size" in variant.free:
        axes["step_size"] = _axis(spec, variant.method, "step_size", unit)
    for trial, values in enumerate(itertools.product(*axes.values())):
        yield "grid", trial, {**variant.pinned, **dict(zip(axes, values, strict=True))}


def _axis(spec: Spec, method: Method, name: str, unit: float) -> list[float]:
    return [method.hyperparameters[name].at(float(p), unit) for p in np.linspace(0.0, 1.0, spec.grid)]


def _full_grid(spec: Spec, variant: Variant, unit: float) -> Iterator[Setting]:
    axes = [_axis(spec, variant.method, name, unit) for name in variant.free]
    crossed = (
        {**variant.pinned, **dict(zip(variant.free, values, strict=True))} for values in itertools.product(*axes)
    )
    for trial, values in enumerate(crossed):
        if not _refused(variant.method, values):
            yield "grid", trial, values


def _refused(method: Method, values: Mapping[str, float]) -> bool:
    """Whether a library does not take a combination that nobody asked for: at a grid's end, or of theory at κ = 1."""
    # Schedules are the loop's business: a library is asked about its own hyperparameters alone.
    full = {name: values.get(name, hyper.default) for name, hyper in method.hyperparameters.items()}
    return method.refuses is not None and method.refuses(full) is not None


def needs_unit(spec: Spec, variants: Sequence[Variant]) -> bool:
    """Whether any of these modes chooses a hyperparameter in units of 1/L."""
    tuned = spec.modes is None or {"tuned", "grid"} & set(spec.modes) or any(variant.lists for variant in variants)
    return bool(tuned) and any(
        variant.method.hyperparameters[name].unit == "1/L" for variant in variants for name in variant.free
    )

"""The exact worst case of an algorithm over a class of functions, by performance estimation with PEPit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nagbench.analysis.worst_cases import Instance, published_bound
from nagbench.core.asking import Oracle
from nagbench.core.errors import UsageError, one_line
from nagbench.core.remote import remote_call
from nagbench.core.text_form import parse_text
from nagbench.optimizers.algorithm import Method, Optimizer, make_update, textbook_hyperparameters
from nagbench.optimizers.registry import lookup_algorithm
from nagbench.problems.problem import Floats
from nagbench.validation.worst_functions import WorstFunction, extract, measured_on, worst_entry

FunctionClass = Literal["smooth-convex", "smooth-strongly-convex", "composite"]
CLASSES: tuple[FunctionClass, ...] = ("smooth-convex", "smooth-strongly-convex", "composite")
# Two runs of a linear algorithm agree up to this.
_EQUAL = 1e-9
# PEPit's open solvers reach 1e-6 with this one.
_SOLVER = "CLARABEL"


@dataclass(frozen=True)
class WorstCase:
    """The worst case of an optimizer after N iterations.

    Parameters
    ----------
    optimizer, function_class, iterations
        The certified optimizer (as text), class and number of iterations.
    L, mu
        The constants of the class.
    measure, start
        What is bounded, "value", "gradient" (its square) or "distance" (its square), and what is at most 1 at the start,
        "distance" (its square), "height" f(x₀) − f*, or "both", height + μ/2·distance.
    certified
        The largest value of the measure over the class.
    published
        The published bound, nan if there is none.
    measured
        The measure after N iterations on the worst function that was extracted, nan if there is none.
    worst
        The entry of a suite that holds this function; None in the class "composite".
    """

    optimizer: str
    function_class: str
    iterations: int
    L: float
    mu: float
    measure: str
    start: str
    certified: float
    published: float
    measured: float = math.nan
    worst: Mapping[str, Any] | None = None

    @property
    def verdict(self) -> str:
        """Say whether the published bound holds and is tight, and whether the measured value exceeds the certified one."""
        if exceeds(self.measured, self.certified):
            return "the measured value exceeds the certified worst case"
        if math.isnan(self.published):
            return "no published bound for these hyperparameters"
        if exceeds(self.certified, self.published):
            return "the published bound is exceeded"
        return (
            "the published bound is tight"
            if self.certified > self.published * 0.999 - 1e-6
            else "the published bound holds"
        )


def exceeds(value: float, bound: float, size: float = 1.0) -> bool:
    """Return whether a value is larger than a bound by more than the solver's error: 1e-4 of it, and 1e-6 of the size."""
    return value > bound * (1.0 + 1e-4) + 1e-6 * size


def certify(
    text: str,
    iterations: int,
    function_class: str | None = None,
    *,
    L: float = 1.0,
    mu: float = 0.1,
    measure: str = "value",
    start: str = "distance",
) -> WorstCase:
    """Compute the exact worst case of an optimizer over a class of functions.

    Parameters
    ----------
    text
        The optimizer as NAME:key=value,…; hyperparameters that are not given take their textbook values for L and μ, and a
        horizon the number of iterations.
    iterations
        N, at least 1.
    function_class
        "smooth-convex", "smooth-strongly-convex" or "composite" (f convex and L-smooth, h convex); the first, unless the
        algorithm has textbook values only for μ > 0.
    L, mu
        The constants of f; μ counts for the strongly convex class.
    measure, start
        See `WorstCase`.

    Returns
    -------
    WorstCase
        The certified worst case beside the published bound.

    Raises
    ------
    UsageError
        If PEPit is not installed, if the update is not linear in past points and gradients, if μ is not
        below L, or if a name is not valid.
    """
    name, given = parse_text(text)
    method = lookup_algorithm(name)
    chosen = function_class or _usual_class(method, L)
    if chosen not in CLASSES:
        raise UsageError(f"unknown class {chosen!r} (known: {', '.join(CLASSES)})")
    constant = mu if chosen == "smooth-strongly-convex" else 0.0
    if constant >= L:
        raise UsageError(f"the worst case needs a strong convexity μ below L = {L:g}, not {constant:g}")
    values: dict[str, Any] = dict(textbook_hyperparameters(method, L, constant) or {})
    if "horizon" in method.hyperparameters:
        values["horizon"] = iterations
    optimizer = Optimizer(method, {**values, **given})
    script = linear_script(optimizer, iterations, chosen == "composite")
    certified, found = _solve(script, chosen, L, constant, measure, start)
    instance = Instance(
        smoothness=L,
        strong_convexity=constant,
        distance=1.0 if start == "distance" else 0.0,
        height={"distance": 0.5 * L, "height": 1.0, "both": 1.0}[start],
        step=float(optimizer.hyperparameters.get("step_size", math.nan)) * L,
        momentum=float(optimizer.hyperparameters.get("momentum", 0.0)),
        given=optimizer.hyperparameters,
    )
    published = published_bound(name, instance, iterations, measure, start, composite=chosen == "composite")
    worst = None
    if found is not None:
        source = f"worst case of {optimizer} after {iterations} iterations, by PEPit"
        worst = worst_entry(found, smoothness=L, strong_convexity=constant, source=source)
    measured = math.nan if worst is None else measured_on(worst, optimizer, iterations, measure)
    return WorstCase(
        str(optimizer), chosen, iterations, L, constant, measure, start, certified, published, measured, worst
    )


def _usual_class(method: Method, L: float) -> str:
    """Return the class for which an algorithm has textbook values."""
    only_strongly = method.theory is not None and textbook_hyperparameters(method, L, 0.0) is None
    return "smooth-strongly-convex" if only_strongly else "smooth-convex"


@remote_call()
def linear_script(optimizer: Optimizer, iterations: int, composite: bool) -> list[tuple[str, float, Floats]]:
    """Return the requests of an algorithm, as combinations of the start, past gradients and past subgradients.

    Parameters
    ----------
    optimizer
        The optimizer.
    iterations
        N.
    composite
        Whether it runs on composite problems.

    Returns
    -------
    list of (kind, step, coefficients)
        In the order of the requests: ("gradient", 0, point), ("prox", step, proximal point), and last ("end",
        0, iterate). The basis is the start, and then the answers of these requests in their order; the answer to a
        proximal step is a subgradient of h at the point.

    Raises
    ------
    UsageError
        If the algorithm is not linear in them.

    Notes
    -----
    The algorithm runs once with unit vectors as its start and its gradients, which gives the coefficients, and once with
    random vectors, which must agree with them.
    """
    why = f"{optimizer.name}: its update is not linear in past points and gradients, so no worst case can be certified"
    method = optimizer.method
    if composite:
        if method.proximal is None and not (method.asks and method.composite):
            raise UsageError(f"{optimizer.name} takes no proximal step, so class composite does not apply")
        method = method.proximal or method
    if method.observe is not None or method.driver is not None or iterations < 1:
        raise UsageError(why)
    per_iteration = 4
    units = np.eye(1 + per_iteration * iterations)
    random = np.random.default_rng(0).standard_normal((len(units), 5))
    try:
        with np.errstate(all="ignore"):
            script = _play(method, optimizer, units, iterations, composite)
            checked = _play(method, optimizer, random, iterations, composite)
    except (ArithmeticError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(f"{why} ({one_line(error)})") from None
    expected = [(kind, step, point @ random) for kind, step, point in script]
    same = len(script) == len(checked) and all(
        a[0] == b[0] and math.isclose(a[1], b[1]) and np.allclose(a[2], b[2], rtol=_EQUAL, atol=_EQUAL * 10.0)
        for a, b in zip(expected, checked, strict=False)
    )
    if not same:
        raise UsageError(why)
    return script


def _play(
    method: Method, optimizer: Optimizer, basis: Floats, iterations: int, composite: bool
) -> list[tuple[str, float, Floats]]:
    """Run an algorithm from the first row of the basis, answering its requests by the next rows, and return these."""
    script: list[tuple[str, float, Floats]] = []
    n = basis.shape[1]

    def gradient(_n: int, x: Floats, *rest: Any) -> None:
        rest[-1][:] = basis[1 + len(script)]
        script.append(("gradient", 0.0, x.copy()))

    def prox(_n: int, x: Floats, step: float, *rest: Any) -> None:
        if not composite:
            rest[-1][:] = x
            return
        rest[-1][:] = x - step * basis[1 + len(script)]
        script.append(("prox", float(step), rest[-1].copy()))

    def value(*_: Any) -> float:
        raise ValueError("it asks for values")

    iterate, slots = basis[0].copy(), np.zeros((max(method.slots, 1), n))
    query = iterate.copy() if method.look_ahead else iterate
    update, grad, none = make_update(method), np.zeros(n), np.zeros(0)
    oracle = Oracle(value, gradient, value, prox, n, 0, none, 0, none, 0, none, 0, 0, none, math.nan, np.zeros(2))
    for k in range(iterations):
        hyper = optimizer.hyper_at(k)
        if method.asks:
            update(k, oracle, grad, iterate, query, slots, hyper)
        else:
            gradient(n, query, grad)
            update(k, grad, iterate, query, slots, hyper)
    return [*script, ("end", 0.0, iterate.copy())]


def _solve(
    script: list[tuple[str, float, Floats]], function_class: str, L: float, mu: float, measure: str, start: str
) -> tuple[float, WorstFunction | None]:
    """Solve the performance estimation problem of a script; return its value, and the worst function of a smooth class."""
    try:
        from PEPit import PEP
        from PEPit.functions import ConvexFunction, SmoothStronglyConvexFunction
    except ImportError:
        raise UsageError("certify needs PEPit, which is not installed; pip install 'nagbench[certify]'") from None
    problem = PEP()
    f = problem.declare_function(SmoothStronglyConvexFunction, mu=mu, L=L)
    h = problem.declare_function(ConvexFunction) if function_class == "composite" else None
    whole = f if h is None else f + h
    least, first = whole.stationary_point(), problem.set_initial_point()
    height, distance = whole(first) - whole(least), (first - least) ** 2
    problem.set_initial_condition(
        {"distance": distance, "height": height, "both": height + mu / 2 * distance}[start] <= 1
    )
    answers = [first]
    for kind, _, coefficients in script[:-1]:
        point = _combine(coefficients, answers)
        # A subgradient is a new direction: the point itself depends on it.
        answers.append(f.gradient(point) if kind == "gradient" else _subgradient(h, coefficients, answers))
    end = _combine(script[-1][2], answers)
    metrics = {
        "value": lambda: whole(end) - whole(least),
        "gradient": lambda: f.gradient(end) ** 2,
        "distance": lambda: (end - least) ** 2,
    }
    problem.set_performance_metric(metrics[measure]())
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(problem.solve(verbose=0, solver=_SOLVER))
    return value, None if h is not None else extract(f.list_of_points, least, first)


def _combine(coefficients: Floats, answers: list[Any]) -> Any:
    """Return Σ cᵢ·answerᵢ of PEPit's points."""
    terms = [float(c) * answer for c, answer in zip(coefficients, answers, strict=False) if c != 0.0]
    return sum(terms[1:], terms[0]) if terms else 0.0 * answers[0]


def _subgradient(h: Any, coefficients: Floats, answers: list[Any]) -> Any:
    """Return a new subgradient of h at the point that these coefficients give, the last of them that of the subgradient."""
    from PEPit import Expression, Point

    subgradient = Point()
    point = _combine(coefficients, [*answers, subgradient])
    h.add_point((point, subgradient, Expression()))
    return subgradient


def table_of(found: WorstCase) -> Mapping[str, object]:
    """Return the outcome as a row of a table."""
    return {
        "optimizer": found.optimizer,
        "class": found.function_class,
        "L": found.L,
        "mu": found.mu,
        "N": found.iterations,
        "measure": found.measure,
        "start": found.start,
        "certified": found.certified,
        "published": None if math.isnan(found.published) else found.published,
        "measured": None if math.isnan(found.measured) else found.measured,
        "verdict": found.verdict,
    }

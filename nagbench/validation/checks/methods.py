"""Contract of a method: what its update does with its arrays, and whether its declared properties hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.core.remote import remote_call
from nagbench.engine.records import Run
from nagbench.engine.single_run import run
from nagbench.optimizers.algorithm import Method, Optimizer, textbook_hyperparameters
from nagbench.optimizers.given import format_value
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats, Problem
from nagbench.validation.checks.algorithm_probe import ARGUMENTS, DIMENSION, STEPS, AlgorithmProbe
from nagbench.validation.checks.findings import (
    CheckResult,
    Finding,
    compare,
    failed,
    passed,
    run_check,
    run_checks,
    skipped,
    text_of,
)
from nagbench.validation.checks.kernels import first_line
from nagbench.validation.checks.use import other_values, use
from nagbench.validation.equivalence.rounding import same

MethodCheck = Callable[["AlgorithmProbe"], Finding]
# The smallest positive number: a tolerance that no run reaches.
_UNREACHABLE = 5e-324
_THEORY = {"L": 10.0, "mu": 0.1}
# Silver steps have a bound after 2ʲ − 1 iterations alone.
_BUDGET = 2**14 - 1


def check_method(optimizer: Optimizer, *, seed: int = 0) -> list[CheckResult]:
    """Run all checks of a method at the hyperparameters of an optimizer.

    Parameters
    ----------
    optimizer : Optimizer
        The method with its hyperparameters.
    seed : int
        Seed of the random gradients.

    Returns
    -------
    list of CheckResult
        One result for each check.
    """
    names = list(checks_of(optimizer.method))
    return run_checks(optimizer.name, names, lambda name: make_method_check(optimizer, name, seed))


@remote_call()
def make_method_check(optimizer: Optimizer, name: str, seed: int) -> CheckResult:
    """Run one of the checks of a method, in the process that has its code."""
    check = checks_of(optimizer.method)[name]
    return run_check(optimizer.name, name, check, AlgorithmProbe(optimizer, seed))


def checks_of(method: Method) -> Mapping[str, MethodCheck]:
    """Return the checks for this kind of method, by name."""
    if method.asks:
        return OF_ASKING
    if method.update is None:
        return OF_SESSIONS if method.session is not None else OF_DRIVERS
    return CHECKS if method.proximal is None else {**CHECKS, "composite": composite}


def hyperparameters(probe: AlgorithmProbe) -> Finding:
    """Check that the defaults and both ends of the tuning ranges are valid."""
    for name, hyper in probe.method.hyperparameters.items():
        tried = {} if math.isnan(hyper.default) else {"default": hyper.default}
        if hyper.tuning is not None:
            low, high = hyper.tuning
            if not low < high:
                return failed(f"the tuning range of {name}, ({low:g}, {high:g}), is empty")
            tried |= {"low end of its tuning range": low, "high end of its tuning range": high}
        for what, value in tried.items():
            try:
                hyper.check(probe.method.name, name, value)
            except UsageError as error:
                return failed(f"the {what} is not valid: {error}")
    return passed(", ".join(f"{name}={format_value(value)}" for name, value in probe.optimizer.hyperparameters.items()))


def inputs(probe: AlgorithmProbe) -> Finding:
    """Check that the update does not write to its inputs, and observing f not to the iterate or the hyperparameters."""
    for k, arrays in enumerate(probe.states()):
        seen = {name: array.copy() for name, array in arrays.items()}
        probe.observe(k, seen)
        for name in ("iterate", "hyper"):
            if not np.array_equal(seen[name], arrays[name]):
                return failed(
                    f"observe writes to {name} in iteration {k}: {text_of(arrays[name])} became {text_of(seen[name])}"
                )
        gradient, hyper = probe.gradients[k].copy(), arrays["hyper"].copy()
        probe.update(k, gradient, *(arrays[name] for name in ARGUMENTS))
        for name, now, before in (("gradient", gradient, probe.gradients[k]), ("hyper", arrays["hyper"], hyper)):
            if not np.array_equal(now, before):
                return failed(f"the update writes to {name} in iteration {k}: {text_of(before)} became {text_of(now)}")
    return passed()


def query(probe: AlgorithmProbe) -> Finding:
    """Check the query point: with look-ahead every element is written; without, it is neither read nor written.

    With look-ahead it may be read: it is where the gradient was taken, and part of the state in which stalls are
    detected.
    """
    for k, arrays in enumerate(probe.states()):
        if probe.method.look_ahead:
            before = arrays["y"].copy()
            probe.step(k, arrays)
            if (arrays["y"] == before).any():
                still = int(np.argmax(arrays["y"] == before))
                return failed(
                    f"look_ahead is set, but iteration {k} does not write coordinate {still} of the query point"
                )
            continue
        expected = {name: array.copy() for name, array in arrays.items()}
        probe.step(k, expected)
        arrays["y"][:] = np.nan
        probe.step(k, arrays)
        if not np.array_equal(arrays["iterate"], expected["iterate"], equal_nan=True):
            return failed(
                f"look_ahead is not set, but iteration {k} reads the query point; what it remembers belongs in its state"
            )
        if not np.isnan(arrays["y"]).all():
            return failed(f"look_ahead is not set, but iteration {k} writes to the query point")
    return passed()


def slots(probe: AlgorithmProbe) -> Finding:
    """Check that exactly the declared slots are used."""
    declared, arrays = probe.method.slots, probe.arrays()
    arrays["state"] = np.vstack([arrays["state"], np.full((1, DIMENSION), 7.0)])
    for k in range(STEPS):
        probe.step(k, arrays)
    if not (arrays["state"][declared] == 7.0).all():
        return failed(f"slots={declared} is declared, but slot {declared} is written")
    for slot in range(declared):
        if not arrays["state"][slot].any():
            return failed(f"slots={declared} is declared, but slot {slot} is never written")
    probe.iterates()
    return passed(f"{declared} used")


def coordinates(probe: AlgorithmProbe) -> Finding:
    """Check that every coordinate moves."""
    still = (probe.iterates() == probe.arrays()["iterate"]).all(axis=0).nonzero()[0]
    return (
        failed(f"coordinate {still[0]} of {DIMENSION} does not move in {STEPS} iterations") if still.size else passed()
    )


def autonomous(probe: AlgorithmProbe) -> Finding:
    """Check that a method declared autonomous does not depend on the number of the iteration."""
    depends = None
    for k, arrays in enumerate(probe.states()):
        ends = [{name: array.copy() for name, array in arrays.items()} for _ in range(3)]
        for end, at in zip(ends, (k, k + 1, 1000 * k + 17), strict=True):
            probe.step(k, end, at)
        if any(not np.array_equal(end[name], ends[0][name]) for end in ends for name in ("iterate", "y", "state")):
            depends = k
            break
    if probe.method.autonomous and depends is not None:
        return failed(f"autonomous is set, but iteration {depends} depends on its number")
    if not probe.method.autonomous and depends is None:
        return passed("autonomous is not set, although no iteration depends on its number: stalls will not be detected")
    return passed()


def determinism(probe: AlgorithmProbe) -> Finding:
    """Check that a repeated run gives the same bits."""
    return _check_identical("the same run again", probe.iterates(), probe.iterates())


def state(probe: AlgorithmProbe) -> Finding:
    """Check that no state leaks from one run into the next."""
    before = probe.iterates()
    for name, hyper in probe.method.hyperparameters.items():
        for value in other_values(probe, name, hyper)[:1]:
            probe.iterates(values={name: value})
    return _check_identical("a run after others", before, probe.iterates())


def _check_identical(what: str, first: Floats, second: Floats) -> Finding:
    """Check that two sequences of iterates are the same bit for bit."""
    differ = ~same(first, second).all(axis=1)
    if not differ.any():
        return passed()
    k = int(np.argmax(differ))
    size = float(np.abs(first[k] - second[k]).max())
    return failed(f"{what} differs from the first in iteration {k}, by {size:.3g}")._replace(
        deviation=size, allowed=0.0
    )


def engines(probe: AlgorithmProbe) -> Finding:
    """Check that compiled and plain Python agree on fifty iterations of a quadratic, and that compiled runs repeat."""
    problem = make_problem("quadratic", eigenvalues=[1.0, 10.0], start=[1.0, 1.0])
    paths: dict[str, Floats] = {}
    for name in ("python", "numba", "numba"):
        try:
            done = run(problem, probe.optimizer, tolerance=_UNREACHABLE, budget=50, path=True, engine=name)
        except Exception as error:
            return failed(f"on engine {name} it does not run: {first_line(error)}")
        if done.error or done.path is None:
            return failed(f"on engine {name}: {done.error}")
        if name in paths and not np.array_equal(paths[name], done.path, equal_nan=True):
            return failed("compiled, the same run differs when it is repeated")
        paths[name] = done.path
    shared = min(len(path) for path in paths.values())
    first, second = paths["python"][:shared], paths["numba"][:shared]
    scale = np.maximum(np.abs(first).max(axis=1), np.finfo(float).tiny)
    return compare("relative deviation of the engines", np.abs(first - second).max(axis=1) / scale, 1e-10, first)


def output(probe: AlgorithmProbe) -> Finding:
    """Check that the iterates stay finite."""
    for k, point in enumerate(probe.iterates()):
        if not np.isfinite(point).all():
            return failed(f"x is not finite after iteration {k}: {text_of(point)}")
    return passed()


def gradient(probe: AlgorithmProbe) -> Finding:
    """Check that the gradient is not written to, because the next measurement may read it."""
    arrays, given = probe.arrays(), probe.gradients[0].copy()
    for k in range(STEPS):
        given[:] = probe.gradients[k]
        probe.update(k, given, *(arrays[name] for name in ARGUMENTS))
        if not np.array_equal(given, probe.gradients[k]):
            if probe.method.library == "own":
                return failed(f"iteration {k} writes to the gradient")
            return passed("the library writes to the gradient, which is computed again before it is read")
    return _compare_with_shared_arrays(probe)


def _compare_with_shared_arrays(probe: AlgorithmProbe) -> Finding:
    """Say whether a user's optimizer would be another one if x and the gradient were the same arrays throughout."""
    session: Any = probe.method.session
    if not hasattr(session, "shared"):
        return passed()
    fresh = probe.iterates()
    try:
        shared = AlgorithmProbe(
            Optimizer(replace(probe.method, session=replace(session, shared=True)), probe.optimizer.hyperparameters)
        )
        shared.gradients = probe.gradients
        differ = ~np.all(shared.iterates() == fresh, axis=1)
    except Exception as error:
        return passed(f"with the same arrays in every iteration it raised {one_line(error)}; here each has its own")
    if not differ.any():
        return passed()
    return passed(
        "it keeps or replaces an array that it is given: with the same arrays in every iteration it would differ from "
        f"iteration {int(np.argmax(differ))} on; here each iteration has its own, as in its author's loop"
    )


def bowl(probe: AlgorithmProbe) -> Finding:
    """Check that a thousand iterations on x² + y² stay finite."""
    done = run("bowl", probe.optimizer, tolerance=_UNREACHABLE, budget=1000, engine="python")
    if done.status in ("diverged", "error"):
        return failed(f"{done.status} in iteration {done.iterations} {done.error}".rstrip(), done.iterate)
    return passed(f"‖∇f‖ = {done.gradient_norm:.3g} after {done.iterations} iterations, {done.status}")


def theory(probe: AlgorithmProbe) -> Finding:
    """Check that the textbook hyperparameters are valid, and converge on a quadratic with that L and μ."""
    tuning = probe.method.theory
    if tuning is None:
        return skipped("no theory is given")
    L, mu = _THEORY["L"], _THEORY["mu"]
    try:
        chosen, convex = (Optimizer(probe.method, tuning(L, mu) or {}), _convex_optimizer(probe.method, L))
    except Exception as error:
        return failed(f"theory({L:g}, {mu:g}) gives no valid hyperparameters: {one_line(error)}")
    problem = make_problem("quadratic", eigenvalues=[mu, 0.5, 3.0, L])
    done = run(problem, chosen, tolerance=1e-8, relative=True, budget=_BUDGET, engine="python")
    if done.status != "converged":
        promised = _sublinear(problem, chosen, done)
        said = f"with theory({L:g}, {mu:g}) it ends {done.status} after {done.iterations} iterations"
        return passed(promised) if promised else failed(said)
    if convex is not None:
        flat = run(
            make_problem("quadratic", eigenvalues=[0.0, 0.5, L], start=[1.0, 1.0, 1.0]),
            convex,
            tolerance=1e-3,
            relative=True,
            budget=_BUDGET,
            engine="python",
        )
        if flat.status != "converged":
            return failed(f"with theory({L:g}, 0) it ends {flat.status} after {flat.iterations} iterations")
    return passed(f"converges in {done.iterations} iterations to a relative ‖∇f‖ of 1e-8 with L = {L:g}, μ = {mu:g}")


def repeats(probe: AlgorithmProbe) -> Finding:
    """Check that a repeated run of an algorithm that asks gives the same bits."""
    problem = make_problem("quadratic", eigenvalues=[1.0, 3.0, 10.0], start=[1.0, 1.0, 1.0])
    paths = [
        run(problem, probe.optimizer, tolerance=_UNREACHABLE, budget=30, path=True, engine="python").path
        for _ in range(2)
    ]
    assert paths[0] is not None
    assert paths[1] is not None
    return _check_identical("the same run again", paths[0], paths[1])


def composite(probe: AlgorithmProbe) -> Finding:
    """Check that the algorithm reaches the minimum of a quadratic in a box, with its textbook values if it has any."""
    method = probe.method
    if method.asks and not method.composite:
        return skipped("it takes no proximal step")
    problem = make_problem("box-quadratic", eigenvalues=[0.5, 10.0, 3.0], center=[2.0, 0.5, -4.0])
    assert problem.smoothness is not None
    tuning = textbook_hyperparameters(method, problem.smoothness, problem.strong_convexity or 0.0)
    chosen = probe.optimizer if tuning is None else Optimizer(method, tuning)
    done = run(problem, chosen, tolerance=1e-8, budget=_BUDGET, engine="python")
    if done.status == "converged":
        return passed(f"meets a gradient mapping of 1e-8 on a quadratic in a box in {done.iterations} iterations")
    promised = _sublinear(problem, chosen, done)
    said = f"on a quadratic in a box it ends {done.status} after {done.iterations} iterations {done.error}"
    return passed(f"{promised} on a quadratic in a box") if promised else failed(said)


def _sublinear(problem: Problem, chosen: Optimizer, done: Run) -> str:
    """Say that f is within gradient descent's bound L‖x₀ − x*‖²/(2k), which an algorithm meets that knows nothing of μ.

    Empty if it is not, or if the textbook values depend on μ, because then a linear rate is promised. Some algorithms have no
    linear rate: averages of iterates, and those on the edge of stability.
    """
    assert problem.smoothness is not None
    assert problem.minimum is not None
    assert problem.minimizers is not None
    convex = _convex_optimizer(chosen.method, problem.smoothness)
    if done.status != "budget" or convex is None or convex.hyperparameters != chosen.hyperparameters:
        return ""
    away = problem.start - problem.minimizers[0]
    bound = problem.smoothness * float(away @ away) / (2.0 * done.iterations)
    height = done.value - problem.minimum
    return (
        f"f − f* = {height:.3g} ≤ L‖x₀ − x*‖²/(2k) = {bound:.3g} after k = {done.iterations}" if height <= bound else ""
    )


def _convex_optimizer(method: Method, L: float) -> Optimizer | None:
    """Return the method with its textbook hyperparameters for convex functions (μ = 0). Return None if it has none."""
    values = textbook_hyperparameters(method, L, 0.0)
    return None if values is None else Optimizer(method, values)


# State that leaks between runs is looked for early, before the other checks have run the method many times.
CHECKS: Mapping[str, MethodCheck] = {
    "hyperparameters": hyperparameters,
    "determinism": determinism,
    "state": state,
    "use": use,
    "inputs": inputs,
    "query": query,
    "slots": slots,
    "coordinates": coordinates,
    "autonomous": autonomous,
    "engines": engines,
    "bowl": bowl,
    "theory": theory,
}
# A session hides its state and runs in Python only, so the checks of arrays and engines do not apply.
OF_SESSIONS: Mapping[str, MethodCheck] = {
    "hyperparameters": hyperparameters,
    "output": output,
    "determinism": determinism,
    "state": state,
    "use": use,
    "gradient": gradient,
    "coordinates": coordinates,
    "bowl": bowl,
    "theory": theory,
}
# An update that asks cannot be given made-up gradients, so it is only run.
OF_ASKING: Mapping[str, MethodCheck] = {
    "hyperparameters": hyperparameters,
    "determinism": repeats,
    "engines": engines,
    "bowl": bowl,
    "theory": theory,
    "composite": composite,
}
OF_DRIVERS: Mapping[str, MethodCheck] = {"hyperparameters": hyperparameters, "bowl": bowl}

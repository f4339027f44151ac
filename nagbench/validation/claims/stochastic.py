"""The claim that Nesterov momentum does not improve the rate with stochastic gradients, and which methods do improve it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from nagbench.core.canonical import canonical
from nagbench.engine import loop
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.records import UNREACHABLE, Cell
from nagbench.engine.runner import count
from nagbench.experiments.sobol import sobol_points
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.curvature import step_size_unit
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats, Ints, Problem
from nagbench.validation.claims.records import Claim, ClaimResult

HORIZONS = (100, 300, 1_000, 3_000, 10_000)
TASKS = (
    # Control group: with an exact gradient acceleration is a theorem. Ill-conditioned, so that neither method reaches
    # rounding.
    ("ill-conditioned-1e6", "exact"),
    ("breast-cancer-logistic-1e-4", "exact"),
    ("ill-conditioned-1e2", "noise:0.01"),
    ("ill-conditioned-1e2", "noise:1.0"),
    ("breast-cancer-logistic", "minibatch:32"),
    ("breast-cancer-logistic", "stochastic"),
    ("diabetes-ridge", "minibatch:32"),
    ("diabetes-ridge", "stochastic"),
)
_FITTED_HORIZONS = 3
_EVERY = 100
# Excesses below this fraction of the initial one are rounding.
_FLOOR = 1e-15
_RESAMPLES = 2_000
# Lower than the methods' own tuning ranges, because noise requires small steps.
_STEP = Hyperparameter(default=0.1, tuning=(1e-4, 2.0), unit="1/L")
_MOMENTUM = Hyperparameter(default=0.9, tuning=(0.0, 0.999), scale="log-complement")
_RANGES = {"step_size": _STEP, "momentum": _MOMENTUM}
_PERIOD = Hyperparameter(default=1000.0, tuning=(10.0, 10_000.0))


@dataclass(frozen=True)
class Candidate:
    """A method, with the values that are fixed and those that are tuned in addition to its own hyperparameters.

    Attributes
    ----------
    name : str
        The algorithm.
    fixed : mapping
        Values that are not tuned.
    further : mapping
        Tuned values that are not hyperparameters of the algorithm, such as the period of a schedule.
    """

    name: str
    fixed: Mapping[str, float | str] = field(default_factory=dict)
    further: Mapping[str, Hyperparameter] = field(default_factory=dict)

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{key}={value}" for key, value in self.fixed.items())])


_DESCENT, _NESTEROV = Candidate("gradient-descent"), Candidate("nesterov")
# The accelerated methods among which one is looked for that improves on gradient descent.
ACCELERATED = (
    _NESTEROV,
    Candidate("momentum", {"schedule": "inverse"}, {"schedule_period": _PERIOD}),
    Candidate("accsgd"),
    Candidate("ac-sa"),
    Candidate("accelegrad"),
    Candidate("accelerated-svrg"),
    Candidate("katyusha"),
)


@dataclass(frozen=True)
class Plan:
    """Size of the experiment.

    Attributes
    ----------
    trials : int
        Tuning trials of each method.
    tuning_seeds, scoring_seeds : int
        Number of seeds for tuning, and of other seeds for scoring.
    horizons : tuple of int
        Numbers K of gradients of a mini-batch after which the excess is measured: iterations, except for methods that take
        several gradients in one. Multiples of 100.
    accelerated : tuple of Candidate
        The methods among which the best one is compared with gradient descent.
    """

    trials: int = 32
    tuning_seeds: int = 3
    scoring_seeds: int = 8
    horizons: tuple[int, ...] = HORIZONS
    accelerated: tuple[Candidate, ...] = ACCELERATED


def stochastic(tasks: Sequence[tuple[str, str]] = TASKS, plan: Plan | None = None) -> ClaimResult:
    """Compare the excess f − f* after K iterations of gradient descent and Nesterov's method, each tuned for that K.

    Parameters
    ----------
    tasks : sequence of (str, str)
        Problems with their oracles.
    plan : Plan, optional
        Size of the experiment; the defaults of `Plan` if not given.

    Returns
    -------
    ClaimResult
        One row for each task: the slopes of both methods, their difference as an interval, ``rate`` in words, and the
        ratio of Nesterov's excess to gradient descent's at the smallest and at the largest K. Then ``best``, the accelerated
        method of the least excess at the largest K on the seeds of the tuning, and the ratio of its excess to gradient
        descent's on the other seeds, which have no part in this choice, with its interval.

    Notes
    -----
    All methods get the same number of trials of one Sobol sequence over s·L in [10⁻⁴, 2] and 1 − m in [10⁻³, 1], log-uniform,
    and over their own ranges of their other hyperparameters. The best trial on some seeds (by the geometric mean of the excess)
    is scored on others, with common random numbers. The slope is that of ln(excess) over ln(K) for the three largest K, the
    exponent of a power of K: a better rate is a steeper slope. Intervals hold 95 % of a paired bootstrap over the scoring
    seeds; with an exact gradient there is one outcome and no interval.
    """
    plan = plan or Plan()
    table = pd.DataFrame([_compare_methods(make_problem(name), oracle, plan) for name, oracle in tasks])
    sampled = table[table["oracle"] != "exact"]
    better = int((sampled["rate"] == "better").sum())
    ahead = int((sampled["ratio_last_high"] < 1.0).sum())
    early = int((sampled["ratio_first"] < 0.9).sum())
    verdict = (
        f"with a sampled gradient Nesterov's rate is better on {better} of {len(sampled)} tasks; its excess is smaller with "
        f"confidence after {plan.horizons[-1]:,} iterations on {ahead}, and by a tenth or more after "
        f"{plan.horizons[0]:,} on {early}; {_found(sampled)}"
    )
    return ClaimResult(table, verdict)


def _found(sampled: pd.DataFrame) -> str:
    """Say which accelerated methods improve on gradient descent with confidence."""
    surely = sampled[sampled["best_high"] < 1.0]
    if surely.empty:
        return (
            f"no accelerated method improves on gradient descent with confidence on any of these {len(sampled)} tasks"
        )
    which = ", ".join(
        f"{row['best']} on {row['problem']} ({row['oracle']}) by a factor of {1.0 / row['best_ratio']:.3g}"
        for row in surely.to_dict("records")
    )
    return f"an accelerated method improves on gradient descent with confidence on {len(surely)} of {len(sampled)}: {which}"


def _compare_methods(problem: Problem, oracle: str, plan: Plan) -> Mapping[str, object]:
    """Compare the methods on one task."""
    _, descent = _tuned_excess(problem, oracle, _DESCENT, plan)
    tuned = {
        str(candidate): _tuned_excess(problem, oracle, candidate, plan)
        for candidate in (_NESTEROV, *(other for other in plan.accelerated if str(other) != str(_NESTEROV)))
        if not find_algorithm(candidate.name).finite_sum or oracle.startswith(("minibatch", "stochastic"))
    }
    nesterov = tuned[str(_NESTEROV)][1]
    slopes = [_slopes(scores, plan) for scores in (descent, nesterov)]
    row: dict[str, object] = {
        "problem": problem.name,
        "oracle": oracle,
        "descent_slope": float(slopes[0].mean()),
        "nesterov_slope": float(slopes[1].mean()),
    }
    low, high = _interval(slopes[1] - slopes[0])
    row |= {"slope_low": low, "slope_high": high}
    row["rate"] = "better" if high < 0 else "worse" if low > 0 else "indistinguishable"
    row["ratio_first"] = float(np.exp(np.log(nesterov / descent)[:, 0].mean()))
    row |= _ratio("ratio_last", nesterov, descent)
    best = min(tuned, key=lambda name: tuned[name][0])
    return row | {"best": best} | _ratio("best", tuned[best][1], descent)


def _ratio(name: str, scores: Floats, descent: Floats) -> dict[str, float]:
    """Return the mean ratio of two methods' excess at the largest K, and its interval."""
    gaps = np.log(scores[:, -1] / descent[:, -1])
    low, high = np.exp(_interval(gaps))
    key = "best_ratio" if name == "best" else name
    return {key: float(np.exp(gaps.mean())), f"{name}_low": float(low), f"{name}_high": float(high)}


def _slopes(scores: Floats, plan: Plan) -> Floats:
    """Fit the slope of ln(excess) over ln(K) for every seed, over the largest K. Shape (seeds,)."""
    late = np.log(plan.horizons[-_FITTED_HORIZONS:])
    return np.asarray(np.polyfit(late, np.log(scores[:, -_FITTED_HORIZONS:]).T, 1)[0])


def _interval(differences: Floats) -> tuple[float, float]:
    """Return the middle 95 % of a bootstrap of the mean; infinite ends where runs that diverged are among its values."""
    random = np.random.default_rng(0)
    means = differences[random.integers(0, differences.size, (_RESAMPLES, differences.size))].mean(axis=1)
    # Between two values of a run that diverged there is nothing to interpolate.
    method: Literal["linear", "inverted_cdf"] = "linear" if np.isfinite(means).all() else "inverted_cdf"
    low, high = np.quantile(means, [0.025, 0.975], method=method)
    return float(low), float(high)


def _tuned_excess(problem: Problem, oracle: str, candidate: Candidate, plan: Plan) -> tuple[float, Floats]:
    """Tune a method for every horizon.

    Returns the mean logarithm of the excess at the largest horizon on the seeds of the tuning, and the excess on every scoring
    seed at every horizon, each with its own tuned setting, shape (seeds, K).
    """
    seeds = (plan.tuning_seeds, plan.scoring_seeds) if oracle != "exact" else (1, 1)
    chosen = list(_trials(problem, candidate, plan.trials))
    excess = [_excess(problem, oracle, optimizer, range(seeds[0]), plan) for optimizer in chosen]
    tuning = np.array([np.log(each).mean(axis=0) for each in excess])
    best = tuning.argmin(axis=0)
    scoring = range(plan.tuning_seeds, plan.tuning_seeds + seeds[1])
    runs = {trial: _excess(problem, oracle, chosen[trial], scoring, plan) for trial in set(best.tolist())}
    return float(tuning[best[-1], -1]), np.stack([runs[trial][:, i] for i, trial in enumerate(best.tolist())], axis=1)


def _trials(problem: Problem, candidate: Candidate, trials: int) -> Iterator[Optimizer]:
    """Yield the settings of a Sobol sequence."""
    method = find_algorithm(candidate.name)
    free = {
        name: _RANGES.get(name, hyper) for name, hyper in method.hyperparameters.items() if hyper.tuning is not None
    }
    free |= candidate.further
    unit = step_size_unit(problem)
    for point in sobol_points(len(free)).random(trials):
        given = {name: free[name].value_at(float(p), unit) for name, p in zip(free, point, strict=True)}
        yield Optimizer(method, {**candidate.fixed, **given})


def _iterations(problem: Problem, oracle: str, method: Method, plan: Plan) -> Ints:
    """Return the iterations, multiples of 100, that cost at most K gradients of a mini-batch, for every horizon K."""
    horizons = np.array(plan.horizons)
    if not method.finite_sum or oracle == "exact":
        return horizons
    rows = int(oracle.partition(":")[2]) if ":" in oracle else 1
    passes = problem.row_count / rows
    period = max(1, int(2.0 * passes))
    iterations = np.arange(0, horizons[-1] + 1, _EVERY)
    # Two gradients an iteration, and a full one at the beginning of every stage.
    costs = 2.0 * iterations + np.ceil(iterations / period) * passes
    return np.asarray(iterations[np.searchsorted(costs, horizons, side="right") - 1])


def _excess(problem: Problem, oracle: str, optimizer: Optimizer, seeds: range, plan: Plan) -> Floats:
    """Return f − f* at every horizon, bounded below by rounding. Shape (seeds, K).

    The excess is infinite if the run had diverged.
    """
    assert problem.minimum is not None
    height = problem.value(problem.start) - problem.minimum
    out = np.full((len(seeds), len(plan.horizons)), np.inf)
    wanted = _iterations(problem, oracle, optimizer.method, plan)
    for row, seed in zip(out, seeds, strict=True):
        cell = Cell(
            problem=canonical(problem.spec),
            optimizer=optimizer.name,
            hyperparameters=dict(optimizer.hyperparameters),
            oracle=oracle,
            seed=seed,
            engine=problem.engine,
            measure="value",
            tolerances=(UNREACHABLE,),
            budget=max(int(wanted[-1]), 1),
            every=_EVERY,
        )
        schedule = np.unique([0, *wanted]).astype(np.int64)
        record = loop.Trace(schedule, np.zeros(schedule.size + 1, loop.CURVE), np.zeros((0, problem.dimension)))
        found = count(LoadedBatch(problem, optimizer.method, [cell]), trace=record)
        rows = record.curve[: found.recorded]
        # It met f ≤ f*, which rounding allows, or it can move no more.
        over = found.hits["status"][0, -1] in (loop.CONVERGED, loop.STALLED)
        i = np.searchsorted(rows["iteration"], wanted, side="right") - 1
        values = rows["value"][i] - problem.minimum
        # A run that is over keeps its value; a run that diverged has none from there on.
        known = np.isfinite(values) & ((rows["iteration"][i] == wanted) | over)
        row[:] = np.where(known, np.maximum(values, _FLOOR * height), np.inf)
    return out


CLAIMS = (
    Claim(
        "stochastic",
        "In the stochastic gradient case, Nesterov momentum does not improve the rate of convergence.",
        "Goodfellow, Bengio & Courville 2016, sect. 8.3.3",
        stochastic,
    ),
)

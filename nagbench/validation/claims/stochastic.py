"""The claim that Nesterov momentum does not improve the rate of convergence with a stochastic gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nagbench.core.canonical import canonical
from nagbench.engine import loop
from nagbench.engine.batch_run import LoadedBatch
from nagbench.engine.records import UNREACHABLE, Cell
from nagbench.engine.runner import count
from nagbench.experiments.sobol import sobol_points
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.curvature import step_size_unit
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats, Problem
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
        Numbers of iterations K after which the excess is measured.
    """

    trials: int = 32
    tuning_seeds: int = 3
    scoring_seeds: int = 8
    horizons: tuple[int, ...] = HORIZONS


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
        ratio of Nesterov's excess to gradient descent's at the smallest and at the largest K.

    Notes
    -----
    Both methods get the same number of trials of one Sobol sequence over s·L in [10⁻⁴, 2] and 1 − m in [10⁻³, 1],
    log-uniform. The best trial on some seeds (by the geometric mean of the excess) is scored on others, with common
    random numbers. The slope is that of ln(excess) over ln(K) for the three largest K, the exponent of a power of K: a
    better rate is a steeper slope. Intervals hold 95 % of a paired bootstrap over the scoring seeds; with an exact
    gradient there is one outcome and no interval.
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
        f"{plan.horizons[0]:,} on {early}"
    )
    return ClaimResult(table, verdict)


def _compare_methods(problem: Problem, oracle: str, plan: Plan) -> Mapping[str, object]:
    """Compare both methods on one task."""
    descent, nesterov = (_tuned_excess(problem, oracle, name, plan) for name in ("gradient-descent", "nesterov"))
    slopes = [_slopes(scores, plan) for scores in (descent, nesterov)]
    row: dict[str, object] = {
        "problem": problem.name, "oracle": oracle,
        "descent_slope": float(slopes[0].mean()), "nesterov_slope": float(slopes[1].mean()),
    }  # fmt: skip
    low, high = _interval(slopes[1] - slopes[0])
    row |= {"slope_low": low, "slope_high": high}
    row["rate"] = "better" if high < 0 else "worse" if low > 0 else "indistinguishable"
    gaps = np.log(nesterov / descent)
    row["ratio_first"] = float(np.exp(gaps[:, 0].mean()))
    row["ratio_last"] = float(np.exp(gaps[:, -1].mean()))
    low, high = np.exp(_interval(gaps[:, -1]))
    return row | {"ratio_last_low": float(low), "ratio_last_high": float(high)}


def _slopes(scores: Floats, plan: Plan) -> Floats:
    """Fit the slope of ln(excess) over ln(K) for every seed, over the largest K. Shape (seeds,)."""
    late = np.log(plan.horizons[-_FITTED_HORIZONS:])
    return np.asarray(np.polyfit(late, np.log(scores[:, -_FITTED_HORIZONS:]).T, 1)[0])


def _interval(differences: Floats) -> tuple[float, float]:
    """Return the middle 95 % of a bootstrap of the mean."""
    random = np.random.default_rng(0)
    means = differences[random.integers(0, differences.size, (_RESAMPLES, differences.size))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _tuned_excess(problem: Problem, oracle: str, name: str, plan: Plan) -> Floats:
    """Return the excess on every scoring seed at every horizon, each with its own tuned setting. Shape (seeds, K)."""
    method = find_algorithm(name)
    seeds = (plan.tuning_seeds, plan.scoring_seeds) if oracle != "exact" else (1, 1)
    chosen = list(_trials(problem, method, plan.trials))
    tuning = np.array([_mean_log(problem, method, oracle, given, range(seeds[0]), plan) for given in chosen])
    best = tuning.argmin(axis=0)
    scoring = range(plan.tuning_seeds, plan.tuning_seeds + seeds[1])
    runs = {trial: _excess(problem, method, oracle, chosen[trial], scoring, plan) for trial in set(best.tolist())}
    return np.stack([runs[trial][:, i] for i, trial in enumerate(best.tolist())], axis=1)


def _trials(problem: Problem, method: Method, trials: int) -> Iterator[dict[str, float]]:
    """Yield the settings of a Sobol sequence."""
    free = {"step_size": _STEP, "momentum": _MOMENTUM}
    names = [name for name in free if name in method.hyperparameters]
    unit = step_size_unit(problem)
    for point in sobol_points(len(names)).random(trials):
        yield {name: free[name].value_at(float(p), unit) for name, p in zip(names, point, strict=True)}


def _mean_log(
    problem: Problem, method: Method, oracle: str, given: Mapping[str, float], seeds: range, plan: Plan
) -> Floats:
    """Average the logarithm of the excess over seeds. Shape (K,)."""
    return np.asarray(np.log(_excess(problem, method, oracle, given, seeds, plan)).mean(axis=0))


def _excess(
    problem: Problem, method: Method, oracle: str, given: Mapping[str, float], seeds: range, plan: Plan
) -> Floats:
    """Return f − f* at every horizon, bounded below by rounding. Shape (seeds, K).

    The excess is infinite if the run had diverged.
    """
    assert problem.minimum is not None
    height = problem.value(problem.start) - problem.minimum
    out = np.full((len(seeds), len(plan.horizons)), np.inf)
    for row, seed in zip(out, seeds, strict=True):
        cell = Cell(
            problem=canonical(problem.spec), optimizer=method.name,
            hyperparameters=dict(Optimizer(method, given).hyperparameters), oracle=oracle, seed=seed,
            engine=problem.engine, measure="value", tolerances=(UNREACHABLE,), budget=plan.horizons[-1], every=_EVERY,
        )  # fmt: skip
        schedule = np.array((0, *plan.horizons), np.int64)
        record = loop.Trace(schedule, np.zeros(schedule.size + 1, loop.CURVE), np.zeros((0, problem.dimension)))
        found = count(LoadedBatch(problem, method, [cell]), trace=record)
        rows = record.curve[: found.recorded]
        stalled = found.hits["status"][0, -1] == loop.STALLED
        i = np.searchsorted(rows["iteration"], plan.horizons, side="right") - 1
        values = rows["value"][i] - problem.minimum
        # A run that stalled keeps its value; a run that diverged has none from there on.
        known = np.isfinite(values) & ((rows["iteration"][i] == plan.horizons) | stalled)
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

"""The certificate: which implementations coincide, to how many ulps, and from which step on they differ."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

import pandas as pd

from nagbench.core.environment import installed_versions
from nagbench.core.errors import UsageError, check_number, check_whole, unknown_name
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Problem
from nagbench.validation.equivalence.lockstep import Array
from nagbench.validation.equivalence.rounding import RUNS, SAFETY, Comparison
from nagbench.validation.equivalence.scenarios import SCENARIOS, change_at
from nagbench.validation.equivalence.selection import Selection, select_implementations
from nagbench.validation.equivalence.trials import Pair, Trial, try_group

PROBLEM, STEPS = "rosenbrock-10", 60
FORMAT = 2
_LIBRARIES = ("numpy", "torch", "keras", "optax", "jax")


@dataclass(frozen=True, eq=False)
class Certificate:
    """Result of `verify`.

    Attributes
    ----------
    problem : str
        Name of the problem.
    dimension, steps : int
        Dimension of the problem and number of iterations.
    trials : tuple of Trial
        One trial for each group and scenario.
    missing : mapping of str to str
        The reason, by implementation, why its library cannot be used.
    named : frozenset of str
        The implementations that were requested by name.
    versions : mapping of str to str
        Versions of nagbench and the libraries.
    """

    problem: str
    dimension: int
    steps: int
    trials: tuple[Trial, ...]
    missing: Mapping[str, str]
    named: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=lambda: installed_versions("nagbench", *_LIBRARIES))

    @property
    def pairs(self) -> pd.DataFrame:
        """Return one row for each pair, group and scenario.

        The columns are those of the JSON; those of the mapped comparison have the prefix ``mapped_``.
        """
        return pd.DataFrame(
            [
                {"group": trial.group.name, "scenario": trial.scenario.name, **_flatten(_pair_data(pair))}
                for trial in self.trials
                for pair in trial.pairs
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate as plain data in the form of `schema`."""
        return {
            "format": FORMAT,
            "problem": self.problem,
            "dimension": self.dimension,
            "steps": self.steps,
            "changed_at": change_at(self.steps),
            "rounding": {"runs": RUNS, "safety": SAFETY},
            "versions": dict(self.versions),
            "missing": dict(self.missing),
            "trials": [_trial_data(trial) for trial in self.trials],
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON. Infinite distances are the text "inf"."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)


def verify(
    *names: str,
    problem: str | Problem = PROBLEM,
    scenarios: Sequence[str] | None = None,
    steps: int = STEPS,
    hyperparameters: Mapping[str, float] | None = None,
) -> Certificate:
    """Run implementations in lockstep and report which coincide.

    Parameters
    ----------
    *names : str
        Groups, or implementations: ours, a library's ("torch/sgd-nesterov") or anyone's ("package.module:attribute").
        All groups if there are no names.
    problem : str or Problem
        The problem on which they run.
    scenarios : sequence of str, optional
        Names of `SCENARIOS`; all by default.
    steps : int
        Number of iterations, at least 2.
    hyperparameters : mapping of str to float, optional
        Values that replace those of the groups, for problems that need others.

    Returns
    -------
    Certificate
        The comparisons of all pairs.

    Raises
    ------
    UsageError
        If a name is unknown, a value is not valid, or the library of a named implementation is missing.
    """
    found = problem if isinstance(problem, Problem) else make_problem(problem)
    for name in scenarios or ():
        if name not in SCENARIOS:
            raise unknown_name("scenario", name, SCENARIOS)
    if check_whole("steps", steps) < 2:
        raise UsageError(f"steps {steps} is not valid; allowed: at least 2")
    chosen = [SCENARIOS[name] for name in dict.fromkeys(scenarios or SCENARIOS)]
    selection = _replace_hyperparameters(select_implementations(names), hyperparameters or {})
    trials = [
        trial
        for selected in selection.groups
        for scenario in chosen
        if (trial := try_group(selected.group, scenario, selected.members, found, int(steps))) is not None
    ]
    return Certificate(found.name, found.dimension, int(steps), tuple(trials), selection.missing, selection.named)


def _replace_hyperparameters(selection: Selection, given: Mapping[str, float]) -> Selection:
    """Return the selection with these hyperparameters in the groups that have them."""
    known = {name for selected in selection.groups for name in selected.group.base}
    for name in given:
        if name not in known:
            refusal = unknown_name("hyperparameter of these groups", name, known)
            raise UsageError(f"{refusal}; that of one implementation is given with its name, as in NAME:{name}=VALUE")
    values = {name: check_number(name, value) for name, value in given.items()}
    groups = tuple(
        replace(
            selected,
            group=replace(
                selected.group,
                base={**selected.group.base, **{k: v for k, v in values.items() if k in selected.group.base}},
            ),
        )
        for selected in selection.groups
    )
    return replace(selection, groups=groups)


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a certificate."""
    text = files("nagbench.validation.equivalence").joinpath("certificate.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _trial_data(trial: Trial) -> dict[str, Any]:
    """Return a trial as plain data."""
    return {
        "group": trial.group.name,
        "title": trial.group.title,
        "scenario": trial.scenario.name,
        "precision": trial.scenario.precision,
        "hyperparameters": dict(trial.group.base),
        "implementations": [
            {
                "name": implementation.name,
                "library": implementation.library,
                "tested_at": implementation.tested_at,
                "look_ahead": implementation.look_ahead,
                "forms": list(implementation.forms),
                "diverged_at": implementation.diverged_at,
            }
            for implementation in trial.implementations
        ],
        "forms": list(trial.forms),
        "refused": dict(trial.refused),
        "pairs": [_pair_data(pair) for pair in trial.pairs],
        "picture": {
            "allowed": _round(trial.allowed),
            "lines": [{"a": line.a, "b": line.b, "distances": _round(line.distances)} for line in trial.lines],
        },
    }


def _round(values: Array) -> list[float | str | None]:
    """Round to four digits, which is more than a plot shows."""
    return [json_number(float(f"{value:.4g}")) for value in values]


def _pair_data(pair: Pair) -> dict[str, Any]:
    """Return a pair as plain data."""
    return {
        "a": pair.a,
        "b": pair.b,
        **_comparison_data(pair.raw),
        "mapped": None if pair.mapped is None else _comparison_data(pair.mapped),
        "explanation": pair.explanation,
    }


def _comparison_data(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data."""
    return {
        "verdict": found.verdict,
        "parts_at": found.parts_at,
        "distance": json_number(found.distance),
        "ulps": json_number(found.ulps),
        "resolution": json_number(found.resolution),
        "told_until": found.told_until,
    }


def json_number(value: float) -> float | str | None:
    """Return a number that JSON can hold: "inf" for what is infinite, None for what is no number."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "inf"


def _flatten(pair: dict[str, Any]) -> dict[str, Any]:
    """Flatten the mapped comparison into columns."""
    mapped = pair.pop("mapped")
    explanation = pair.pop("explanation")
    empty = dict.fromkeys(("verdict", "parts_at", "distance", "ulps", "resolution", "told_until"))
    return {
        **pair,
        **{f"mapped_{name}": value for name, value in (mapped or empty).items()},
        "explanation": explanation,
    }

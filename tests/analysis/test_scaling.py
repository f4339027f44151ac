"""Exponents and importances against what they are by construction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from nagbench.analysis.scaling import scaling, slope
from nagbench.analysis.tuning import importance


def table_of(iterations: dict[float, float], dimension: int = 10, family: str = "quadratic") -> pd.DataFrame:
    rows = [
        {"task": f"{family}-{size:g}", "mode": "theory", "method": "m", "optimizer": "m", "family": family,
         "dimension": dimension, "iterations": count, "status": "converged", "cell": f"{size:g}"}
        for size, count in iterations.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_slope_of_a_power_law_is_its_power(power: float) -> None:
    sizes = {10.0**k: 3.0 * 10.0 ** (k * power) for k in (2, 4, 6)}
    told = scaling(table_of(sizes), {f"quadratic-{size:g}": size for size in sizes})
    assert set(told["along"]) == {"condition"}
    assert told["x"].tolist() == list(sizes)
    assert slope(told["x"], told["iterations"]) == pytest.approx(power)


def test_failures_have_no_part_in_a_slope_and_two_points_have_none() -> None:
    sizes = {1e2: 10.0, 1e3: 100.0, 1e4: 1000.0, 1e5: math.inf}
    told = scaling(table_of(sizes), {f"quadratic-{size:g}": size for size in sizes})
    assert slope(told["x"], told["iterations"]) == pytest.approx(1.0)
    assert math.isnan(slope(told["x"][:2], told["iterations"][:2]))


def test_only_what_differs_in_one_thing_is_set_side_by_side() -> None:
    three = {1e2: 10.0, 1e3: 30.0, 1e4: 100.0}
    known = {f"quadratic-{size:g}": size for size in three}
    assert scaling(table_of({1e2: 10.0, 1e4: 100.0}), known).empty
    assert scaling(table_of(three), {}).empty
    mixed = pd.concat([table_of({size: count}, dimension=n) for n, (size, count) in enumerate(three.items(), 2)])
    assert scaling(mixed, known).empty
    same = pd.concat([table_of({size: count}, dimension=n) for n, (size, count) in enumerate(three.items(), 2)])
    told = scaling(same, dict.fromkeys(known, 50.0))
    assert told["along"].unique().tolist() == ["dimension"]
    assert told["x"].tolist() == [2.0, 3.0, 4.0]


def trials(count: np.ndarray, **values: np.ndarray) -> pd.DataFrame:
    n = len(count)
    named = dict.fromkeys(("problem", "oracle", "optimizer", "variant"), "a")
    return pd.DataFrame(
        {**named, "mode": "tuned", "trial": range(n), "start": 0, "seed": 0, "tolerance": 1e-6, "status": "converged",
         "iterations": count, "gradient_evaluations": count, "residual": 1e-7, "overshoot": 0.0,
         "cell": [str(k) for k in range(n)],
         **values}
    )  # fmt: skip


def test_what_decides_alone_explains_nearly_everything_and_the_rest_nothing() -> None:
    random = np.random.default_rng(1)
    step, momentum = random.permutation(np.geomspace(1e-4, 1.0, 64)), random.permutation(np.linspace(0.0, 0.99, 64))
    told = importance(trials(np.round(1e3 / step).astype(int), step_size=step, momentum=momentum))
    by_name = told.set_index("hyperparameter")
    assert set(by_name.index) == {"step_size", "momentum"}
    assert by_name.loc["step_size", "share"] > 0.9
    assert by_name.loc["momentum", "share"] <= by_name.loc["momentum", "chance"] < 0.2
    assert (by_name["trials"] == 64).all()


def test_the_share_is_kelleys() -> None:
    """Eight trials in two bins with ranks 1, 2, 3, 6 and 4, 5, 7, 8: η² = 18/42, so ε² = 1 − (24/42)·7/6 = 1/3."""
    told = importance(trials(np.array([1, 2, 3, 6, 4, 5, 7, 8]), step_size=np.arange(1.0, 9.0)))
    assert told["share"].tolist() == pytest.approx([1 / 3])


def test_chance_alone_is_seldom_taken_for_importance() -> None:
    random = np.random.default_rng(2)
    found = [
        importance(trials(random.permutation(32), step_size=np.geomspace(1e-4, 1.0, 32)), shuffles=200)
        for _ in range(100)
    ]
    told = pd.concat(found)
    assert (told["share"] > told["chance"]).sum() <= 13


def test_failures_rank_behind_all_counts_by_what_they_reached() -> None:
    step = np.arange(1.0, 41.0)
    rows = trials(np.full(40, 1000), step_size=step).assign(
        status=np.where(step > 20, "budget", "converged"), residual=np.where(step > 20, step, 1e-7)
    )
    rows["iterations"] = np.where(step > 20, 5, 10 * step).astype(int)
    assert importance(rows)["share"].iloc[0] > 0.9


def test_what_does_not_vary_has_no_importance() -> None:
    assert importance(trials(np.arange(16), step_size=np.full(16, 0.1))).empty


def test_the_word_of_a_schedule_is_no_number_to_explain_anything() -> None:
    step = np.geomspace(1e-4, 1.0, 16)
    rows = trials(np.arange(16), step_size=step).assign(schedule="cosine", momentum_schedule=None)
    assert importance(rows)["hyperparameter"].tolist() == ["step_size"]

"""Widths, regret and overshoot on tables whose answers can be worked out by hand, and on real scans."""

import numpy as np
import pandas as pd
import pytest

import nagbench
from nagbench.analysis.sensitivity import best_settings, overshoot_by_momentum, paired_overshoot, regret, usable_steps
from nagbench.experiments.scan import cross_axes, scan
from nagbench.experiments.selection import select_best_trials
from nagbench.optimizers.registry import find_algorithm


def row(step, count, *, status=None, mode="grid", trial=0, start=0, momentum=0.9, optimizer="momentum", **more):
    return {
        "cell": f"{optimizer}-{mode}-{trial}-{start}", "problem": "p", "oracle": "exact", "optimizer": optimizer,
        "variant": optimizer, "mode": mode, "trial": trial, "start": start, "seed": 0, "tolerance": 1e-6,
        "status": status or "converged", "iterations": count, "gradient_evaluations": float(count), "overshoot": 0.0,
        "step_size": step, "momentum": momentum, "residual": 1e-7, **more,
    }  # fmt: skip


def test_widths_are_decades_of_the_steps_that_converge():
    counts = {1e-4: 900, 1e-3: 100, 1e-2: 50, 1e-1: 80, 1e0: None}
    rows = [
        row(step, count or 5, status="converged" if count else "diverged", trial=i)
        for i, (step, count) in enumerate(counts.items())
    ]
    widths = usable_steps(pd.DataFrame(rows), within=2.0).iloc[0]
    # Half a decade for the first, one each for the next three; the last diverged.
    assert widths["converged_decades"] == pytest.approx(3.5)
    assert widths["usable_decades"] == pytest.approx(3.0)
    assert (widths["lowest"], widths["highest"]) == (1e-3, 1e-1)
    assert (widths["best"], widths["iterations"], widths["spacing"]) == (1e-2, 50, pytest.approx(1.0))


def test_the_width_of_gradient_descent_ends_at_2_over_l():
    problem = nagbench.problem("quadratic", eigenvalues=[1.0, 10.0], start=[1.0, 1.0])
    steps = np.geomspace(1e-3, 1.0, 121)
    table = scan(problem, find_algorithm("gradient-descent"), cross_axes({"step_size": steps}), budget=20_000)
    widths = usable_steps(table).iloc[0]
    assert widths["converged_decades"] == pytest.approx(np.log10(0.2 / 1e-3), abs=2 * widths["spacing"])
    # The best of two modes is 2/(L + μ), to the grid and to whole iterations.
    assert widths["best"] == pytest.approx(2 / 11, rel=0.05)


def test_nothing_usable_is_a_width_of_zero():
    rows = [row(step, 100, status="budget", trial=i) for i, step in enumerate((0.1, 0.2, 0.4))]
    widths = usable_steps(pd.DataFrame(rows)).iloc[0]
    assert (widths["converged_decades"], widths["usable_decades"], widths["iterations"]) == (0.0, 0.0, np.inf)
    assert np.isnan(widths["best"])


def test_the_best_setting_is_by_the_median_over_starts_with_failures_as_infinite():
    rows = [
        *(row(0.1, count, trial=0, start=i) for i, count in enumerate((10, 10, 500))),
        *(row(0.2, count, trial=1, start=i) for i, count in enumerate((20, 20, 20))),
        row(0.4, 1, trial=2, start=0),
        *(row(0.4, 1, trial=2, start=i, status="diverged") for i in (1, 2)),
    ]
    best = best_settings(pd.DataFrame(rows)).iloc[0]
    assert (best["step_size"], best["iterations"], best["settings"], best["converged"]) == (0.1, 10, 3, 2)
    assert best["share"] == pytest.approx(2 / 3)


def test_where_nothing_converged_the_smallest_final_measure_is_best():
    rows = [
        row(step, 9, status="budget", trial=i, residual=r)
        for i, (step, r) in enumerate([(0.1, 5.0), (0.2, 1.0), (0.3, 1.0)])
    ]
    best = best_settings(pd.DataFrame(rows)).iloc[0]
    assert (best["step_size"], best["iterations"], best["converged"], best["share"]) == (0.2, np.inf, 0, 0.0)


def test_a_final_measure_that_is_missing_counts_as_infinite():
    rows = [
        *(row(0.1, 9, status="budget", trial=0, start=i, residual=r) for i, r in enumerate([1.0, np.nan, np.nan])),
        *(row(0.2, 9, status="budget", trial=1, start=i, residual=2.0) for i in range(3)),
    ]
    table = pd.DataFrame(rows)
    best = best_settings(table).iloc[0]
    assert best["step_size"] == 0.2
    assert table[select_best_trials(table)]["step_size"].unique() == [0.2]


def test_a_given_setting_is_compared_with_the_tuning_of_its_optimizer():
    rows = [
        row(0.1, 300, mode="given") | {"variant": "momentum:step_size=0.1"},
        row(0.2, 100, mode="tuned"),
        row(0.2, 25, mode="tuned", optimizer="nesterov"),
    ]
    found = regret(pd.DataFrame(rows)).iloc[0]
    assert found[["best", "regret", "best_of_all", "regret_of_all"]].tolist() == [100, 3.0, 25, 12.0]


def test_regret_is_the_ratio_to_the_best_of_the_same_and_of_all():
    rows = [
        row(0.1, 300, mode="default"),
        row(0.2, 100, mode="tuned", trial=0),
        row(0.3, 150, mode="tuned", trial=1),
        row(0.2, 25, mode="tuned", optimizer="nesterov"),
        row(0.9, 7, mode="default", optimizer="nesterov", status="diverged"),
    ]
    found = regret(pd.DataFrame(rows)).set_index("variant")
    assert found.loc["momentum", ["best", "regret", "regret_of_all"]].tolist() == [100, 3.0, 12.0]
    assert found.loc["nesterov", "regret"] == np.inf


def test_a_default_that_beats_its_tuning_has_no_regret():
    rows = [row(0.1, 50, mode="default"), row(0.2, 100, mode="tuned")]
    assert regret(pd.DataFrame(rows))["regret"].tolist() == [1.0]


def test_overshoot_goes_by_momentum_and_leaves_out_what_failed():
    rows = [
        row(0.1, 10, trial=0, momentum=0.5, overshoot=0.0),
        row(0.2, 10, trial=1, momentum=0.5, overshoot=0.4),
        row(0.1, 10, trial=2, momentum=0.9, overshoot=1.0),
        row(0.9, 10, trial=3, momentum=0.9, overshoot=1e9, status="diverged"),
    ]
    table = overshoot_by_momentum(pd.DataFrame(rows)).set_index("momentum")
    assert table.loc[0.5, ["settings", "median", "highest", "rising"]].tolist() == [2, 0.2, 0.4, 0.5]
    assert table.loc[0.9, "highest"] == 1.0


def test_pairs_need_the_same_setting():
    rows = [
        row(0.1, 10, overshoot=1.0), row(0.2, 10, trial=1, overshoot=0.5), row(0.3, 10, trial=2, overshoot=0.0),
        row(0.1, 10, optimizer="nesterov", overshoot=0.25), row(0.2, 10, trial=1, optimizer="nesterov", overshoot=0.6),
        row(0.3, 10, trial=2, optimizer="nesterov", overshoot=0.0), row(0.7, 10, trial=3, optimizer="nesterov"),
    ]  # fmt: skip
    found = paired_overshoot(pd.DataFrame(rows)).iloc[0]
    assert found["pairs"] == 3
    assert (found["less"], found["equal"], found["more"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert found["ratio"] == pytest.approx((0.25 + 1.2) / 2)

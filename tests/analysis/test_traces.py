"""Curves as figures draw them, against the runs that they were recorded in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nagbench
from nagbench.analysis.traces import bands, traces


def tables(*runs: nagbench.Run, **columns: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of runs and of curves, as a sweep makes them."""
    rows = [
        {
            "cell": run.cell.key, "problem": "p", "dimension": 2, "oracle": "exact", "optimizer": run.cell.optimizer,
            "library": "nagbench", "engine": "numba", "mode": "given", "selected": True, "start": 0, "seed": seed,
            "dtype": "float64", "budget": run.cell.budget, "measure": run.cell.measure, "tested_at": "x",
            "relative": run.cell.relative, "tolerance": run.cell.tolerances[-1], "status": run.status,
            "iterations": run.iterations, "gradient_evaluations": run.gradient_evaluations, "value": run.value,
            "residual": run.residual, "predicted_iterations": None, "error": "", "family": "f", **columns,
        }
        for seed, run in enumerate(runs)
    ]  # fmt: skip
    curves = [pd.DataFrame(run.curve).assign(cell=run.cell.key) for run in runs]
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


NO_TIMES = pd.DataFrame(columns=["cell", "machine", "iterations", "wall_time", "wall_time_iqr"])
SHIFTED = nagbench.problem("quadratic", eigenvalues=[1.0, 4.0], start=[1.0, 1.0])


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
def test_residual_is_the_measure(measure: Any, relative: bool) -> None:
    run = nagbench.run(SHIFTED, "nesterov:step_size=0.1", measure=measure, relative=relative, path=True)
    curve = traces(*(tables(run)[0], NO_TIMES, tables(run)[1]))
    gradients = run.path * [1.0, 4.0]
    direct = {
        "gradient": np.linalg.norm(gradients, axis=1),
        "value": 0.5 * (run.path * gradients).sum(axis=1),
        "distance": np.linalg.norm(run.path, axis=1),
    }[measure]
    expected = direct / direct[0] if relative else direct
    np.testing.assert_allclose(curve["residual"], expected[curve["iteration"]], rtol=1e-9)


def test_values_count_from_a_minimum_that_is_not_zero() -> None:
    run = nagbench.run("bowl", "gradient-descent:step_size=0.1", measure="value", tolerance=1e-3)
    runs, curves = tables(run)
    lifted = traces(runs.assign(value=runs["value"] + 7.0), NO_TIMES, curves.assign(value=curves["value"] + 7.0))
    np.testing.assert_allclose(lifted["residual"], curves["value"], atol=1e-14)


def test_time_and_evaluations_are_spread_evenly() -> None:
    run = nagbench.run("bowl", "gradient-descent:step_size=0.1")
    runs, curves = tables(run)
    times = pd.DataFrame(
        {"cell": runs["cell"], "machine": "m", "iterations": runs["iterations"], "wall_time": 2.0, "wall_time_iqr": 0.1}
    )
    curve = traces(runs, times, curves)
    np.testing.assert_allclose(curve["time"], 2.0 * curve["iteration"] / run.iterations)
    np.testing.assert_allclose(curve["evaluations"], curve["iteration"])
    assert traces(runs, NO_TIMES, curves)["time"].isna().all()


def test_the_typical_run_is_the_median_one() -> None:
    runs = [nagbench.run("bowl", "gradient-descent:step_size=0.1", start=start) for start in ([9, 9], [1, 1], [3, 3])]
    curve = traces(tables(*runs)[0], NO_TIMES, tables(*runs)[1])
    assert curve.loc[curve["typical"], "cell"].unique().tolist() == [runs[2].cell.key]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    run = nagbench.run("bowl", "gradient-descent:step_size=1e-4", budget=5000)
    runs, curves = tables(run)
    curve = traces(runs, NO_TIMES, curves, most=50)
    assert len(curve) <= 50 < len(curves)
    assert curve["iteration"].iloc[[0, -1]].tolist() == [0, 5000]


def test_a_cell_that_goes_by_two_modes_has_its_curve_twice() -> None:
    run = nagbench.run("bowl", "gradient-descent:step_size=0.1")
    runs, curves = tables(run)
    both = traces(pd.concat([runs, runs.assign(mode="theory")]), NO_TIMES, curves)
    assert both.groupby("mode").size().tolist() == [len(curves), len(curves)]


def test_an_error_has_no_curve() -> None:
    run = nagbench.run("bowl", "gradient-descent:step_size=0.1")
    runs, curves = tables(run)
    assert traces(runs.assign(status="error"), NO_TIMES, curves.iloc[:0]).empty


def curve(cell: str, residuals: list[float], status: str = "converged") -> pd.DataFrame:
    named = {"task": "p", "mode": "tuned", "method": "m", "cell": cell, "status": status}
    return pd.DataFrame({**named, "iteration": range(len(residuals)), "residual": residuals})


def test_bands_hold_the_middle_half_where_ended_runs_keep_their_last_measure() -> None:
    ended, long = curve("a", [4.0, 1.0]), curve("b", [4.0, 3.0, 2.0])
    table = bands(pd.concat([ended, long]))
    assert table[["iteration", "low", "high"]].to_numpy().tolist() == [[0, 4.0, 4.0], [1, 1.0, 3.0], [2, 1.0, 2.0]]


def test_a_run_that_diverged_is_infinite_from_its_end_on() -> None:
    table = bands(pd.concat([curve("a", [4.0, 9.0], "diverged"), curve("b", [4.0, 3.0, 2.0])]))
    assert table["high"].tolist() == [4.0, np.inf, np.inf]
    assert bands(curve("alone", [1.0, 0.5])).empty


def test_a_method_whose_typical_run_was_not_recorded_is_drawn_by_one_that_was() -> None:
    rows, curves = tables(nagbench.run(SHIFTED, "nesterov:step_size=0.1"))
    several = [rows.assign(cell=cell, start=k, iterations=10 + k) for k, cell in enumerate("abc")]
    found = traces(pd.concat(several, ignore_index=True), NO_TIMES, curves.assign(cell="a"))
    assert set(found.loc[found["typical"], "cell"]) == {"a"}
    both = pd.concat([curves.assign(cell="a"), curves.assign(cell="b")])
    found = traces(pd.concat(several, ignore_index=True), NO_TIMES, both)
    assert set(found.loc[found["typical"], "cell"]) == {"b"}

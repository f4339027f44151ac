"""The table of times: one row an implementation, with the reason where its count is another."""

import numpy as np
import pandas as pd

import nagbench
from nagbench.analysis.times import per_iteration


def test_counts_agree_where_the_same_point_is_tested_and_the_reason_stands_beside(folder):
    sweep = nagbench.sweep(
        problems=["quadratic:dimension=3,condition=100"], optimizers=["nesterov", "*/sgd-nesterov"], modes=["theory"],
        tolerances=[1e-3], repeats=2, curves=False, out=folder / "r",
    )  # fmt: skip
    table = per_iteration(sweep.runs, sweep.timings).set_index("method")
    assert list(table.index) == ["nesterov", "keras/sgd-nesterov", "optax/sgd-nesterov", "torch/sgd-nesterov"]
    assert table["iterations"].iloc[1:].nunique() == 1
    assert table["iterations"].iloc[0] != table["iterations"].iloc[1]
    assert (table["note"].iloc[1:] == "another point than nesterov, tested at x").all()
    samples = sweep.timings.set_index("cell")["samples"]
    runs = sweep.runs.drop_duplicates("cell").set_index("optimizer")
    found = table.loc["torch/sgd-nesterov"]
    median = np.nanmedian(samples[runs.loc["torch/sgd-nesterov", "cell"]])
    assert np.isclose(found["time"] * found["iterations"], median)


def test_without_times_the_counts_are_there(folder):
    sweep = nagbench.sweep(
        problems=["bowl"],
        optimizers=["gradient-descent"],
        modes=["theory"],
        timing=False,
        curves=False,
        out=folder / "r",
    )
    table = per_iteration(sweep.runs, sweep.timings)
    assert isinstance(table, pd.DataFrame)
    assert table["time"].isna().all()
    assert (table["note"] == "").all()


def test_times_are_of_one_machine(folder):
    sweep = nagbench.sweep(
        problems=["bowl"], optimizers=["gradient-descent", "nesterov"], modes=["default"], tolerances=[1e-2], repeats=1,
        curves=False, out=folder / "r",
    )  # fmt: skip
    here = sweep.timings
    elsewhere = here.iloc[:1].assign(machine="another", wall_time=1e6)
    for timings in (pd.concat([here, elsewhere]), pd.concat([elsewhere, here])):
        table = per_iteration(sweep.runs, timings)
        assert set(table["machine"]) == set(here["machine"])
        assert (table["time"] < 1e3).all()

"""The luck in tuning, against simulation, and held-out scores on tables worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nagbench
from nagbench.analysis.tuning import by_trials, cost, fairness, held_out
from nagbench.experiments.selection import select_best_trials


def table(scores, starts=1, mode="tuned"):
    """A tuned variant: scores[trial] or scores[trial][start]; None did not converge."""
    rows = []
    for trial, score in enumerate(scores):
        counts = score if isinstance(score, list) else [score] * starts
        for start, count in enumerate(counts):
            rows.append(
                {
                    "cell": f"{trial}-{start}", "problem": "p", "oracle": "exact", "optimizer": "m", "variant": "m",
                    "mode": mode, "trial": trial, "start": start, "seed": 0, "tolerance": 1e-6, "residual": 0.1,
                    "status": "converged" if count else "budget", "iterations": count or 1000,
                    "gradient_evaluations": float(count or 1000),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_quantiles_of_the_best_of_n_are_those_of_a_bootstrap():
    scores = np.random.default_rng(1).integers(10, 500, 40).tolist()
    found = by_trials(table(scores)).set_index("trials")
    random = np.random.default_rng(2)
    for n in (1, 3, 10, 40):
        best = np.array(scores)[random.integers(0, 40, (40_000, n))].min(axis=1)
        for name, level in (("low", 0.025), ("median", 0.5), ("high", 0.975)):
            # Between the sample's quantiles a little to either side: scores are discrete.
            around = np.quantile(best, [level - 0.01, level + 0.01], method="inverted_cdf")
            assert around[0] <= found.loc[n, name] <= around[1]


def test_the_prefix_is_the_running_minimum_and_its_cost_the_running_sum():
    found = by_trials(table([50, 80, None, 20]))
    assert found["best"].tolist() == [50, 50, 50, 20]
    assert found["evaluations"].tolist() == [50, 130, 1130, 1150]


def test_a_replicate_that_ends_earlier_keeps_its_best_and_costs_nothing_more():
    found = by_trials(table([50, 80, 20, 30, 10]).assign(replicate=lambda rows: rows["trial"] // 3))
    assert found["trials"].tolist() == [1, 2, 3]
    assert found["best"].tolist() == [50, 50, 20]
    assert found["low"].tolist() == [30, 10, 10]
    assert found["high"].tolist() == [50, 50, 20]
    assert found["evaluations"].tolist() == [40, 85, 95]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 100) | st.none(), min_size=1, max_size=20))
def test_more_trials_are_never_worse(scores):
    found = by_trials(table(scores))
    for name in ("best", "low", "median", "high"):
        values = found[name].to_numpy()
        assert (values[1:] <= values[:-1]).all()
    assert (found["low"] <= found["median"]).all()
    assert (found["median"] <= found["high"]).all()
    assert found["low"].iloc[-1] == found["best"].iloc[-1]


def test_the_cost_of_all_trials_beside_the_best_ones():
    found = cost(table([[50, 60], [10, 20], [None, None]])).iloc[0]
    assert (found["trials"], found["cells"], found["converged"]) == (3, 6, 2)
    assert (found["iterations"], found["evaluations"], found["evaluations_of_best"]) == (15, 2140, 30)


def test_tuning_on_some_starts_is_scored_on_the_others():
    # Trial 0 is best on starts 0 and 1, trial 1 on start 2.
    found = held_out(table([[10, 10, 100], [30, 30, 20]]), folds=3)
    assert found["trial"].tolist() == [1, 1, 0]
    assert found["scored"].tolist() == [30, 30, 100]
    assert found["best"].tolist() == [10, 10, 20]
    assert found["regret"].tolist() == [3.0, 3.0, 5.0]
    assert found["tuned_on"].tolist() == [2, 2, 2]


def test_what_is_scored_was_never_tuned_on():
    """Each trial wins on one start alone, so what wins on the one loses on the other."""
    found = held_out(table([[1, 50], [50, 1]]), folds=2)
    assert found["tuned"].tolist() == [1, 1]
    assert found["scored"].tolist() == [50, 50]
    assert found["best"].tolist() == [1, 1]


def crossed(counts):
    """counts[trial][seed][start] as a table."""
    seeds = range(len(counts[0]))
    parts = [table([trial[seed] for trial in counts]).assign(seed=seed) for seed in seeds]
    return pd.concat(parts, ignore_index=True)


def test_neither_the_start_nor_the_seed_of_what_is_scored_was_tuned_on():
    # Each trial wins at the starts of its own, whatever the seed: what is tuned on the one start loses on the other.
    starts = held_out(crossed([[[1, 50], [1, 50]], [[50, 1], [50, 1]]]))
    assert starts["held"].tolist() == ["starts and seeds"] * 2
    assert starts["regret"].tolist() == [50.0, 50.0]
    assert (starts["tuned_on"].tolist(), starts["scored_on"].tolist()) == ([1, 1], [1, 1])
    # And so with seeds.
    assert held_out(crossed([[[1, 1], [50, 50]], [[50, 50], [1, 1]]]))["regret"].tolist() == [50.0, 50.0]


def test_what_there_is_one_of_is_not_held_out():
    assert set(held_out(crossed([[[1], [50]], [[50], [1]]]))["held"]) == {"seeds"}
    assert fairness(table([[1, 50], [50, 1]])).iloc[0]["held"] == "starts"


def test_an_unfinished_sweep_is_scored_where_it_can_be():
    whole = crossed([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    found = held_out(whole[(whole["start"] == 0) | (whole["seed"] == 0)])
    assert found.empty
    found = held_out(whole[whole["cell"].ne("1-1") | whole["seed"].ne(1)])
    assert found["trial"].tolist() == [0, 0]


def test_the_cost_is_that_of_the_trial_that_is_selected():
    tied = table([[10, 30], [20, 20]])
    tied.loc[tied["trial"] == 1, "residual"] = 0.01
    tied.loc[tied["trial"] == 1, "gradient_evaluations"] = 70.0
    assert set(tied[select_best_trials(tied)]["trial"]) == {1}
    assert cost(tied).iloc[0]["evaluations_of_best"] == 140.0


def test_one_pair_alone_leaves_nothing_to_hold_out():
    assert held_out(table([10, 20])).empty
    whole = fairness(table([10, 20])).iloc[0]
    assert whole["iterations"] == 10
    assert np.isnan(whole["held_out"])


def test_only_tuned_rows_count():
    both = pd.concat([table([10, 20]), table([1], mode="default")], ignore_index=True)
    assert by_trials(both)["best"].tolist() == [10, 10]
    assert by_trials(table([1], mode="default")).empty


def test_regret_of_one_where_the_held_out_best_is_found():
    assert fairness(table([[10, 10], [20, 20]])).iloc[0]["held_out_regret"] == pytest.approx(1.0)


def test_the_table_names_the_iterations_of_the_trial_that_the_sweep_selected(tmp_path):
    """Most trials of a search run from one start only: their counts may be lower, and are no medians over all starts."""
    sweep = nagbench.sweep(
        problems=["rosenbrock"], optimizers=["nesterov"], trials=16, replicates=2, budget=20_000, modes=["tuned"],
        timing=False, curves=False, out=tmp_path / "s",
    )  # fmt: skip
    shown = sweep.shown
    selected = shown[shown["tolerance"] == shown["tolerance"].min()]
    [found] = fairness(sweep.runs).to_dict("records")
    assert found["iterations"] == selected["iterations"].median()
    assert found["cells"] < found["trials"] * len(selected)
    assert by_trials(sweep.runs)["best"].min() >= found["iterations"]

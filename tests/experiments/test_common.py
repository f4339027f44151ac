"""Mode common: one setting for all problems, chosen on the others, against closed forms and by what may change nothing."""

import itertools
import shutil

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from command_line import nag
from hypothesis import given, settings

import nagbench
from nagbench.analysis.verdicts import verdicts, verdicts_of
from nagbench.core.errors import UsageError
from nagbench.engine.oracles import HELD_OUT
from nagbench.experiments import selection
from nagbench.experiments.index import index_results
from nagbench.experiments.plan import alone_message, make_plan
from nagbench.experiments.selection import replicate_winners, select_best_trials
from nagbench.experiments.specification import validate_spec

QUIET = {"timing": False, "curves": False}
# The same condition number at two scales, and another one.
TEN, TEN_SCALED, HUNDRED = (
    f"quadratic:eigenvalues=[{low},{high}]" for low, high in ((1.0, 10.0), (7.0, 70.0), (1.0, 100.0))
)
TEN_AGAIN = "quadratic:eigenvalues=[1e0,10.0]"
SMALL = {
    "problems": [TEN, TEN_SCALED, HUNDRED],
    "optimizers": ["gradient-descent", "nesterov"],
    "modes": ["common", "theory"],
    "trials": 16,
    "replicates": 3,
    "starts": 2,
    "held_out": 4,
    "moved": 2,
    "budget": 5_000,
    **QUIET,
}
BUDGET = 1000


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A sweep of mode common with replicates."""
    return nagbench.sweep(**SMALL, out=tmp_path_factory.mktemp("small") / "results")


def _chosen(sweep):
    """The trials that stand for each problem and variant."""
    rows = sweep.runs[sweep.runs["selected"] & (sweep.runs["mode"] == "common")]
    return rows.groupby(["problem", "variant"])["trial"].agg(lambda trials: set(trials)).map(sorted).to_dict()


# A table: outcomes[problem][trial] are the counts of its runs, None for one that is not solved.


def _table(outcomes, variant="m", mode="common", names=None):
    rows = [
        {
            "problem": problem, "variant": variant, "mode": mode, "oracle": "exact", "trial": trial, "start": start,
            "cell": f"{(names or {}).get(problem, problem)}-{trial}-{start}", "tolerance": 1e-6, "budget": BUDGET,
            "status": "budget" if count is None else "converged",
            "iterations": BUDGET if count is None else count, "residual": 0.5,
        }
        for problem, trials in outcomes.items()
        for trial, counts in enumerate(trials)
        for start, count in enumerate(counts)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _selected(runs):
    rows = runs[select_best_trials(runs)]
    return dict(zip(rows["problem"], rows["trial"], strict=True))


COUNTS = st.one_of(st.none(), st.integers(0, BUDGET))


@st.composite
def tables(draw):
    """Outcomes of up to five problems, six trials and four runs."""
    trials, runs = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    one = st.lists(st.lists(COUNTS, min_size=runs, max_size=runs), min_size=trials, max_size=trials)
    return draw(st.dictionaries(st.sampled_from("abcde"), one, min_size=2, max_size=5))


def test_gradient_descent_takes_the_step_that_is_best_for_the_condition_number_of_the_other_problem(tmp_path):
    """On λ = {1, κ} the rate at s·L = t is max(|1 − t|, |1 − t/κ|), least at t = 2κ/(κ + 1)."""
    pair = [TEN, HUNDRED]
    sweep = nagbench.sweep(
        problems=pair,
        optimizers=["gradient-descent"],
        modes=["common"],
        trials=64,
        replicates=1,
        starts=2,
        held_out=0,
        moved=0,
        out=tmp_path,
        **QUIET,
    )
    largest = {TEN: 10.0, HUNDRED: 100.0}
    runs = sweep.runs[sweep.runs["tolerance"] == 1e-6]
    steps = runs[runs["problem"] == TEN].drop_duplicates("trial").set_index("trial")["step_size"] * largest[TEN]
    assert len(steps) == 64
    for problem, other in (pair, pair[::-1]):
        kappa = largest[other]
        rates = np.maximum(abs(1.0 - steps), abs(1.0 - steps / kappa))
        rows = runs[runs["selected"] & (runs["problem"] == problem)]
        [step] = rows["step_size"].unique() * largest[problem]
        assert step == pytest.approx(steps[rates.idxmin()])
        # Neighbors are 10 % apart.
        assert abs(np.log(step / (2.0 * kappa / (kappa + 1.0)))) < 0.1
    # The two differ, so neither problem is served by its own best.
    assert runs[runs["selected"]]["trial"].nunique() == 2


def test_a_trial_is_the_same_multiple_of_1_over_l_on_every_problem(small):
    runs = small.runs[(small.runs["mode"] == "common")].drop_duplicates(["problem", "variant", "trial"])
    steps = runs.pivot(index=["variant", "trial"], columns="problem", values="step_size")
    assert len(steps) == 2 * 3 * 16
    np.testing.assert_allclose(steps[TEN] * 10.0, steps[HUNDRED] * 100.0, rtol=1e-14)
    np.testing.assert_allclose(steps[TEN] * 10.0, steps[TEN_SCALED] * 70.0, rtol=1e-14)
    momenta = runs.pivot(index=["variant", "trial"], columns="problem", values="momentum").dropna()
    assert len(momenta) == 3 * 16
    assert (momenta.nunique(axis=1) == 1).all()


def test_the_rule_on_a_table_worked_out_by_hand():
    outcomes = {
        # Trial 0 solves all runs of a and c; trial 1 is faster there but leaves a run of c; trial 2 is as good as 1 on b.
        "a": [[40, 40], [10, 10], [50, 50]],
        "b": [[20, None], [100, 100], [100, 100]],
        "c": [[90, 90], [10, None], [30, 30]],
    }
    # On a, trial 2 alone solves all of b and c. On b, trials 0 and 2 solve all: 40·90 > 50·30. On c, 1 and 2: 10·100 < 50·100.
    assert _selected(_table(outcomes)) == {"a": 2, "b": 2, "c": 1}
    # A tie goes to the lower number, and 4·25 = 10·10 is one, whatever logarithms round to.
    assert _selected(_table({"a": [[1], [1]], "b": [[10], [4]], "c": [[10], [25]]}))["a"] == 0
    assert _selected(_table({"a": [[1], [1]], "b": [[4], [10]], "c": [[25], [10]]}))["a"] == 0
    # The mean is geometric: 10·1000 < 110·100, though 10 + 1000 > 110 + 100.
    assert _selected(_table({"a": [[1], [1]], "b": [[110], [10]], "c": [[100], [1000]]}))["a"] == 1


@given(tables(), st.data())
@settings(deadline=None, max_examples=50)
def test_the_outcomes_of_a_problem_have_no_part_in_its_selection(outcomes, data):
    problem = data.draw(st.sampled_from(sorted(outcomes)))
    shape = [len(counts) for counts in outcomes[problem]]
    changed = [data.draw(st.lists(COUNTS, min_size=runs, max_size=runs)) for runs in shape]
    before, after = _selected(_table(outcomes)), _selected(_table({**outcomes, problem: changed}))
    assert before[problem] == after[problem]


@given(tables(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_neither_order_nor_names_matter_and_a_second_name_is_no_second_problem(outcomes, random):
    table = _table(outcomes)
    found = _selected(table)
    rows = list(range(len(table)))
    random.shuffle(rows)
    assert _selected(table.iloc[rows]) == found
    first = min(outcomes)
    # Twice a problem under one more name: neither tells the other, nor counts for two.
    twice = _table({**outcomes, "z": outcomes[first]}, names={"z": first})
    assert _selected(twice) == {**found, "z": found[first]}


@given(tables(), st.data())
@settings(deadline=None, max_examples=50)
def test_what_is_best_on_every_other_problem_is_selected(outcomes, data):
    problem = data.draw(st.sampled_from(sorted(outcomes)))
    runs = len(next(iter(outcomes.values()))[0])
    best = {name: [*trials, [None if name == problem else 0] * runs] for name, trials in outcomes.items()}
    table = _table(best)
    trial = _selected(table)[problem]
    others = table[(table["problem"] != problem) & (table["trial"] == trial)]
    # The added one solves all at once; an equal one with a lower number may stand for it.
    assert (others["iterations"] == 0).groupby(others["problem"]).mean().min() >= 0.5
    assert (others["status"] == "converged").all()


@given(tables(), st.integers(2, 9))
@settings(deadline=None, max_examples=50)
def test_no_problem_weighs_more_because_it_takes_longer(outcomes, factor):
    first = min(outcomes)
    # A run that is over at its start has no multiple.
    outcomes = {
        name: [[None if count is None else max(count, 1) for count in counts] for counts in trials]
        for name, trials in outcomes.items()
    }
    table = _table(outcomes)
    slower = table.assign(
        iterations=table["iterations"].where(table["problem"] != first, factor * table["iterations"]),
        budget=table["budget"].where(table["problem"] != first, factor * table["budget"]),
    )
    assert _selected(slower) == _selected(table)


def test_a_run_that_is_missing_counts_as_one_that_is_not_solved():
    outcomes = {"a": [[1, 1], [1, 1]], "b": [[5, 5], [9, 9]], "c": [[5, 5], [9, 9]]}
    table = _table(outcomes)
    assert _selected(table)["a"] == 0
    lost = table[~((table["problem"] == "b") & (table["trial"] == 0) & (table["start"] == 1))]
    assert _selected(lost)["a"] == 1


def test_a_problem_without_another_one_has_no_selection():
    alone = _table({"a": [[5], [3]]})
    assert not select_best_trials(alone).any()
    both = _table({"a": [[5], [3]], "b": [[5], [3]]}, names={"b": "a"})
    assert not select_best_trials(both).any()
    # Another mode is not touched.
    assert _selected(pd.concat([alone, _table({"a": [[5], [3]]}, mode="grid")], ignore_index=True)) == {"a": 1}


@pytest.mark.parametrize("seed", range(3))
def test_the_index_and_the_table_select_the_same_from_part_of_the_outcomes(small, tmp_path, seed):
    shutil.copytree(small.store.folder, tmp_path / "some")
    some, random = nagbench.load(tmp_path / "some"), np.random.default_rng(seed)
    stored = some.store.read("runs")
    for file in (tmp_path / "some" / "runs").glob("*.parquet"):
        file.unlink()
    cells = stored["cell"].unique()
    kept = stored[stored["cell"].isin(random.choice(cells, cells.size * 2 // 3, replace=False))].copy()
    # Other outcomes than those of the sweep, so that ties and failures are common.
    status = random.choice(["converged", "budget", "error"], len(kept), p=[0.6, 0.3, 0.1])
    kept = kept.assign(iterations=random.integers(1, 6, len(kept)), status=status)
    some.store.append("runs", kept)
    order = ["cell", "variant", "mode", "tolerance"]
    whole = some.runs[some.runs["selected"]].sort_values(order, ignore_index=True)
    assert set(whole["mode"]) == {"common", "theory"}
    pd.testing.assert_frame_equal(some.shown.sort_values(order, ignore_index=True), whole)
    _check_winners(some)


def _check_winners(sweep):
    """Check that the index finds the winners of the table, of mode common."""
    index = index_results(sweep.store, sweep.manifest["plan"], sweep.minima)
    plan = sweep.plan[index.winners(SMALL["trials"])]
    of_index = plan[plan["mode"] == "common"]
    of_table = replicate_winners(sweep.runs, SMALL["trials"])
    keys = ["problem", "variant", "trial"]
    assert set(of_index[keys].itertuples(index=False, name=None)) == set(
        of_table.loc[of_table["mode"] == "common", keys].itertuples(index=False, name=None)
    )


def test_the_index_finds_the_winners_of_the_replicates_and_verdicts_need_no_more_rows(small):
    _check_winners(small)
    spec = small.manifest["spec"]
    pd.testing.assert_frame_equal(verdicts_of(small), verdicts(small.runs, small.scores, spec))
    assert len(small.judged) <= len(small.runs)


def test_each_replicate_chooses_among_its_own_trials_and_its_half_among_half_of_them(small):
    won = replicate_winners(small.runs, SMALL["trials"])
    assert len(won) == 3 * 2 * 3 * 2
    assert (won["trial"] // 16 == won["replicate"]).all()
    assert (won.loc[won["half"], "trial"] % 16 < 8).all()
    searched = small.runs[small.runs["mode"] == "common"]
    assert (searched["replicate"] == searched["trial"] // 16).all()


def test_what_is_selected_is_scored_from_held_out_starts_and_judged(small):
    scores = small.scores[(small.scores["mode"] == "common") & (small.scores["start"] >= HELD_OUT)]
    won = replicate_winners(small.runs, SMALL["trials"])
    keys = ["problem", "variant", "trial"]
    scored = scores.groupby(keys)["start"].agg(lambda starts: set(starts) & {HELD_OUT + i for i in range(4)})
    for key in won[keys].itertuples(index=False, name=None):
        assert len(scored[key]) == 4
    table = small.verdicts[(small.verdicts["mode"] == "common") & (small.verdicts["tolerance"] == 1e-6)]
    assert set(table["problem"]) == {TEN, TEN_SCALED, HUNDRED, "all"}
    assert not table["reason"].str.contains("tuned once").any()
    assert table["ratio"].notna().all()


def test_shards_and_a_resumed_sweep_select_the_same(small, tmp_path):
    shards = [nagbench.sweep(**SMALL, out=tmp_path / str(i), shard=(i, 2)) for i in (1, 2)]
    assert all(0 < shard.counted < small.counted for shard in shards)
    merged = nagbench.merge([shard.store.folder for shard in shards], tmp_path / "merged")
    assert _chosen(merged) == _chosen(small)
    assert merged.manifest["common"] == small.manifest["common"]
    again = nagbench.sweep(**SMALL, out=tmp_path / "1")
    assert _chosen(again) == _chosen(small)
    pd.testing.assert_frame_equal(again.verdicts, small.verdicts)
    resumed = nagbench.sweep(**SMALL, out=tmp_path / "merged")
    pd.testing.assert_frame_equal(resumed.verdicts, small.verdicts)


def test_sweeps_of_different_problems_select_anew_when_they_are_merged(small, tmp_path):
    """What the merged problems select may not be scored yet; the same sweep scores it."""
    parts = [[TEN, HUNDRED], [TEN_SCALED, HUNDRED]]
    sides = [nagbench.sweep(**{**SMALL, "problems": part}, out=tmp_path / str(i)) for i, part in enumerate(parts)]
    merged = nagbench.merge([side.store.folder for side in sides], tmp_path / "merged")
    assert _chosen(merged) == _chosen(small)
    each = merged.verdicts[(merged.verdicts["mode"] == "common") & (merged.verdicts["problem"] != "all")]
    assert set(each["verdict"]) == {"undecided"}
    assert "not scored from held-out starts" in set(each["reason"])
    whole = nagbench.sweep(**{**SMALL, "problems": [TEN, HUNDRED, TEN_SCALED]}, out=tmp_path / "merged")
    names = ["problem", "mode", "a", "b", "tolerance"]
    tables = [sweep.verdicts.sort_values(names, ignore_index=True) for sweep in (whole, small)]
    pd.testing.assert_frame_equal(*tables)


def test_a_problem_under_two_names_stands_once(tmp_path):
    sweep = nagbench.sweep(**{**SMALL, "problems": [TEN, TEN_AGAIN, HUNDRED]}, out=tmp_path)
    chosen = _chosen(sweep)
    other = nagbench.sweep(**{**SMALL, "problems": [TEN, HUNDRED]}, out=tmp_path / "other")
    for variant, problem in itertools.product(SMALL["optimizers"], (TEN, HUNDRED)):
        assert chosen[problem, variant] == _chosen(other)[problem, variant]
    assert all(chosen[TEN_AGAIN, variant] == chosen[TEN, variant] for variant in SMALL["optimizers"])


@pytest.mark.parametrize("problems", [["bowl"], [TEN, TEN_AGAIN]])
def test_one_problem_is_refused(problems, tmp_path):
    with pytest.raises(UsageError, match="mode common needs at least two problems"):
        nagbench.sweep(problems=problems, optimizers=["nesterov"], modes=["common"], out=tmp_path)
    options = [word for name in problems for word in ("-p", name)]
    done = nag("sweep", *options, "-o", "nesterov", "--mode", "common", "--out", str(tmp_path / "refused"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_optimizer_that_runs_on_one_problem_alone_is_left_out():
    """Gradient descent cannot run on a composite problem."""
    spec = {
        **SMALL,
        "problems": ["bowl", "lasso-sparse-recovery"],
        "optimizers": ["gradient-descent", "ista"],
        "trials": 2,
    }
    plan = make_plan(validate_spec(spec))
    assert {planned.variant for planned in plan if planned.mode == "common"} == {"ista"}
    assert {planned.problem for planned in plan if planned.mode == "common"} == {"bowl", "lasso-sparse-recovery"}
    assert alone_message(plan).endswith("left out of mode common: gradient-descent")
    assert alone_message(make_plan(validate_spec(SMALL))) == ""


def test_a_specification_without_the_mode_keeps_its_hash():
    assert validate_spec({}).hash == "41cd5643"
    assert validate_spec({"modes": ["common"]}).hash != validate_spec({"modes": ["tuned"]}).hash


def test_trials_of_a_replicate_are_those_of_the_specification_up_to_a_limit():
    assert selection.replicate_size("common", 16) == 16
    assert [selection.replicate_size("common", trials) for trials in (16, 512, 1024)] == [16, 64, 128]
    assert selection.replicate_size("tuned", 512) == 512

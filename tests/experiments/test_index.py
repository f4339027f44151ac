"""Which cells are missing, counted and selected: what the index says, against what whole tables say."""

import shutil

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

import nagbench
from benchmarks.hostile import SPEC, table_hash
from nagbench.core.keys import keys_to_text
from nagbench.experiments import index as index_module
from nagbench.experiments.index import SweepIndex, index_results
from nagbench.experiments.selection import GROUP, select_best_trials
from nagbench.experiments.storage.store import Store

# Few keys, spread over all there are, so that they come back.
KEYS = st.lists(st.integers(0, 40).map(lambda i: i * 0x0639_1A2B_3C4D_5E6F % 2**64), max_size=60)
TRIALS = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 3), st.sampled_from([1, 2, 3]),
        st.sampled_from(["converged", "budget", "error"]), st.sampled_from([np.nan, 0.0, 0.5, np.inf]),
    ),
    min_size=1,
    max_size=20,
)  # fmt: skip
PRINT = "00" * 8


def _add(index, keys):
    index.add_plan(np.array(keys, np.uint64), ("a",) * len(GROUP), np.zeros(len(keys), np.int64), PRINT)


def _outcomes(keys, **columns):
    """Outcomes of both tolerances, the looser first."""
    texts = keys_to_text(np.repeat(np.array(keys, dtype=">u8"), 2).tobytes())
    rest = {
        "tolerance": [1e-3, 1e-6] * len(keys), "status": "converged", "iterations": 1, "residual": 0.0,
        "digest": PRINT, "fingerprint": PRINT, "error": "", "gradient_evaluations": 1.0, "value": 0.0, "gradient_norm": 0.0,
        "rises": 0, "overshoot": 0.0, "rate": 0.5, **columns,
    }  # fmt: skip
    return pd.DataFrame({"cell": texts.to_pylist(), **rest})


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Makes stores without a part."""

    def make():
        store = Store(tmp_path_factory.mktemp("store"))
        store.prepare()
        return store

    return make


def test_pending_are_the_first_rows_of_cells_of_the_shard_that_are_not_counted(empty):
    @given(KEYS, KEYS, KEYS, st.integers(1, 9), st.sampled_from([None, (1, 2), (2, 2)]))
    @settings(deadline=None, max_examples=40)
    def check(plan, done, failed, size, shard):
        store, index = empty(), SweepIndex(1e-6)
        for at in range(0, len(plan), size):
            _add(index, plan[at : at + size])
        for keys, status in ((done, "converged"), (failed, "error")):
            if keys:
                store.append("runs", _outcomes(keys, status=status))
        index.read_outcomes(store)
        first = [row for row, key in enumerate(plan) if key not in plan[:row]]
        in_shard = [row for row in first if shard is None or plan[row] % shard[1] == shard[0] - 1]
        assert np.flatnonzero(index.pending(shard)).tolist() == [row for row in in_shard if plan[row] not in done]
        assert index.cells == len(set(plan))
        assert index.counted == len(set(plan) & {*done, *failed})
        ends = [row for row in first if plan[row] in failed and plan[row] not in done]
        assert np.flatnonzero(index.failed()).tolist() == ends

    check()


def test_outcomes_from_other_sources_do_not_count(empty):
    store, index = empty(), SweepIndex(1e-6)
    _add(index, [1, 2])
    store.append("runs", pd.concat([_outcomes([1]), _outcomes([2], fingerprint="11" * 8)]))
    index.read_outcomes(store)
    assert (index.counted, index.pending().tolist()) == (1, [False, True])


@given(TRIALS)
@settings(deadline=None)
def test_the_best_trial_has_most_runs_most_solved_then_least_median_count_final_measure_and_number(rows):
    columns = ["variant", "trial", "iterations", "status", "residual"]
    runs = pd.DataFrame(rows, columns=columns).assign(problem="p", mode="tuned", oracle="exact", tolerance=1e-6)
    scored = runs.assign(
        score=np.where(runs["status"] == "converged", runs["iterations"], np.inf), final=runs["residual"].fillna(np.inf)
    )
    groups = scored.groupby(["variant", "trial"])
    medians = groups[["score", "final"]].median()
    medians["runs"], medians["solved"] = groups.size(), groups["score"].agg(lambda score: np.isfinite(score).mean())
    order = ["runs", "solved", "score", "final", "trial"]
    ranked = medians.reset_index().sort_values(order, ascending=[False, False, True, True, True])
    best = ranked.groupby("variant")["trial"].first()
    assert select_best_trials(runs).tolist() == (runs["variant"].map(best) == runs["trial"]).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_of_a_part_of_the_outcomes_is_what_is_selected(undisturbed, tmp_path, seed, monkeypatch):
    """Some cells are not run yet, some are there twice, some of these as an error; groups are ranked one by one."""
    monkeypatch.setattr(index_module, "_AT_ONCE", 1)
    shutil.copytree(undisturbed.store.folder, tmp_path / "some")
    some, random = nagbench.load(tmp_path / "some"), np.random.default_rng(seed)
    runs = some.store.read("runs")
    for file in (tmp_path / "some" / "runs").glob("*.parquet"):
        file.unlink()
    cells = runs["cell"].unique()
    kept = runs[runs["cell"].isin(random.choice(cells, cells.size // 2, replace=False))]
    failed = runs[runs["cell"].isin(random.choice(cells, cells.size // 4, replace=False))]
    failed = failed.assign(status="error", residual=np.inf, error="killed")
    for table in (failed, kept, kept.sample(frac=0.3, random_state=seed)):
        some.store.append("runs", table)
    order = ["cell", "variant", "mode", "tolerance"]
    whole = some.runs[some.runs["selected"]].sort_values(order, ignore_index=True)
    assert 0 < some.counted < undisturbed.counted
    assert some.counted == some.runs["cell"].nunique()
    assert len(whole)
    pd.testing.assert_frame_equal(some.shown.sort_values(order, ignore_index=True), whole)


def test_a_cell_that_met_one_tolerance_and_then_failed_is_not_done(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    # A slow machine writes several parts.
    rows = pd.concat([part.to_pandas() for part in undisturbed.store.scan("runs")], ignore_index=True)
    failed = (rows["tolerance"] == rows["tolerance"].min()) & (rows["status"] == "converged")
    assert failed.any()
    rows.loc[failed, ["status", "error"]] = ["error", "stopped"]
    for file in (copy / "runs").glob("*.parquet"):
        file.unlink()
    store = nagbench.load(copy).store
    store.append("runs", pa.Table.from_pandas(rows, preserve_index=False))
    assert len(nagbench.load(copy).failures) == failed.sum()
    assert index_results(store, undisturbed.manifest["plan"]).pending().sum() == failed.sum()
    again = nagbench.sweep(**SPEC, out=copy)
    assert again.failures.empty
    assert table_hash(again) == table_hash(undisturbed)
    # The outcomes of both lie in one part then, as after compaction.
    parts = list(store.scan("runs"))
    for order in (parts, parts[::-1]):
        joined = tmp_path / f"joined-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(undisturbed.store.folder, joined)
        for file in (joined / "runs").glob("*.parquet"):
            file.unlink()
        nagbench.load(joined).store.append("runs", pa.concat_tables(order))
        assert nagbench.load(joined).failures.empty

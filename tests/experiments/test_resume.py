"""Which cells are left and which are shown, found a heap at a time, against what whole tables say."""

import shutil

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

import nagbench
from benchmarks.hostile import SPEC, table_hash
from nagbench.experiments import best_trials, resume
from nagbench.experiments.resume import Pending, PlanKeys, cells_among, is_among, keys_of_plan, stored_outcomes
from nagbench.experiments.storage import heaps
from nagbench.experiments.storage.heaps import HEAPS, by_key, by_row, span_of

# Few keys, spread over all heaps, so that they come back.
KEYS = st.lists(st.integers(0, 40).map(lambda i: i * 0x0639_1A2B_3C4D_5E6F % 2**64), max_size=60)
TRIALS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([np.nan, 1.0, 2.0, np.inf]), st.sampled_from([0.0, 0.5, np.inf])),
    min_size=1,
    max_size=20,
)


def _ids(keys):
    return np.array(keys, dtype=np.uint64)


def _records(spilled, **columns):
    records = np.empty(len(next(iter(columns.values()))), spilled._kind)
    for name, column in columns.items():
        records[name] = column
    return records


@given(KEYS, KEYS, st.integers(1, 9), st.sampled_from([None, (1, 2), (2, 2)]))
@settings(deadline=None)
def test_pending_are_the_first_rows_of_cells_of_the_shard_that_are_not_known(plan, done, lot, shard):
    keys, known = PlanKeys(), by_key()
    for at in range(0, len(plan), lot):
        keys.add(_ids(plan[at : at + lot]), ["print"])
    known.add(_ids(done).view([("key", "u8")]))
    seen, rows = set(done), []
    for row, key in enumerate(plan):
        if key not in seen and (shard is None or key % shard[1] == shard[0] - 1):
            rows.append(row)
        seen.add(key)
    pending = Pending(keys, known, shard)
    assert np.flatnonzero(pending._left).tolist() == rows
    assert len(pending) == len(rows)
    assert keys.cells == len(set(plan))
    assert cells_among(keys, known) == len(set(plan) & set(done))
    assert is_among(_ids(plan), known).tolist() == [key in set(done) for key in plan]


@pytest.mark.parametrize("together", [1, 7, 2**15])
@pytest.mark.parametrize("kept", [1, 2**20])
def test_heaps_hold_what_was_added_in_its_order(together, kept, monkeypatch):
    monkeypatch.setattr(heaps, "_TOGETHER", together)
    monkeypatch.setattr(heaps, "_KEPT", kept)
    rows = 1000
    spilled = by_row(rows, ("score", "f8"))
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(rows), 2))
    for some in np.array_split(order, 13):
        spilled.add(_records(spilled, row=some, score=some + 0.5))
    filled = [spilled.heap(number) for number in range(HEAPS)]
    for number, heap in enumerate(filled):
        wanted = order[order // span_of(rows) == number]
        assert heap["row"].tolist() == wanted.tolist()
        assert (heap["score"] == wanted + 0.5).all()
    assert sum(heap.size for heap in filled) == order.size


@given(TRIALS)
@settings(deadline=None)
def test_the_best_trial_is_that_of_a_table(rows):
    """As `selection.select_best_trials` says it: medians over starts and seeds, then the order score, final measure, trial."""
    table = pd.DataFrame(rows, columns=["trial", "score", "final"]).sort_values("trial", kind="stable")
    found = best_trials._best(*(table[name].to_numpy() for name in table.columns))
    scored = table.dropna().groupby("trial").median().reset_index()
    if scored.empty:
        assert found is None
        return
    first = scored.sort_values(["score", "final", "trial"]).iloc[0]
    assert found == (first["score"], first["final"], first["trial"])


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_of_a_part_of_the_outcomes_is_what_is_selected(undisturbed, tmp_path, seed, monkeypatch):
    """Some cells are not run yet, some are there twice, some of these as an error; nothing stays in memory."""
    monkeypatch.setattr(heaps, "_TOGETHER", 1)
    monkeypatch.setattr(heaps, "_KEPT", 1)
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


def test_where_there_is_no_room_one_line_says_so(monkeypatch):
    monkeypatch.setattr(heaps, "_KEPT", 1)

    class Full:
        def seek(self, *_):
            return 0

        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(heaps.tempfile, "SpooledTemporaryFile", lambda _: Full())
    keys = resume.PlanKeys()
    keys.add(_ids([1, 2]), [])
    with pytest.raises(heaps.UsageError, match=r"no room in .* to sort cells: No space left on device"):
        keys.heap(0)


def test_a_cell_that_met_one_tolerance_and_then_failed_is_not_done(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    [part] = undisturbed.store.scan("runs")
    rows = part.to_pandas()
    failed = (rows["tolerance"] == rows["tolerance"].min()) & (rows["status"] == "converged")
    assert failed.any()
    rows.loc[failed, ["status", "error"]] = ["error", "stopped"]
    for file in (copy / "runs").glob("*.parquet"):
        file.unlink()
    store = nagbench.load(copy).store
    store.append("runs", pa.Table.from_pandas(rows, preserve_index=False))
    assert len(nagbench.load(copy).failures) == failed.sum()
    keys = keys_of_plan(store, undisturbed.manifest["plan"])
    assert len(Pending(keys, stored_outcomes(store, keys.fingerprints))) == failed.sum()
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

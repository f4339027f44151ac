"""The store: schemas of the past, damage, compaction, many rows, hostile files, a disk that is full."""

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import nag
from tunings import ONE_START_OPTIONS

import nagbench
from benchmarks import hostile
from benchmarks.hostile import SPEC, table_hash
from nagbench.core.keys import keys_to_ints
from nagbench.engine.loaded_batch import load_batch
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.replay import compare_outcomes, count_again, find_stored_cell, recorded_outcome
from nagbench.experiments.selection import select_best_trials
from nagbench.experiments.storage.store import Store

DATA = Path(__file__).parent / "data"


def test_a_store_of_schema_1_reads_as_it_did(tmp_path):
    """The CSV is what the nagbench of that time made of the same directory."""
    shutil.copytree(DATA / "store-1", tmp_path / "old")
    old = nagbench.load(tmp_path / "old")
    then = pd.read_csv(DATA / "store-1.csv", dtype={"cell": str}, keep_default_na=True)
    now = old.runs[list(then.columns)].reset_index(drop=True)
    for name in then.columns:
        mine, theirs = now[name], then[name]
        if name == "error":
            assert set(mine) == {""}
            assert theirs.isna().all()
        elif pd.api.types.is_float_dtype(theirs):
            np.testing.assert_array_equal(mine.astype(float).to_numpy(), theirs.to_numpy())
        else:
            assert mine.tolist() == theirs.tolist()
    assert (len(old.timings), len(old.curves), old.missing) == (14, 535, 0)
    assert list(old.manifest["machines"]) == [old.manifest["machine"]["id"]]


def test_what_is_shown_is_what_is_selected(undisturbed):
    whole = undisturbed.runs[undisturbed.runs["selected"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(undisturbed.shown, whole)
    assert set(undisturbed.plan[undisturbed.selected]["cell"]) == set(whole["cell"])
    assert select_best_trials(undisturbed.runs).any()


def test_compaction_loses_nothing_and_disturbs_no_reader(undisturbed, tmp_path):
    store = Store(tmp_path)
    store.prepare()
    table = next(undisturbed.store.scan("runs"))
    for at in range(table.num_rows):
        store.append("runs", table.slice(at, 1))
    before = store.read("runs").sort_values(["cell", "tolerance"], ignore_index=True)
    reader = store.scan("runs")
    read = [next(reader)]
    store.compact("runs")
    assert len(list((tmp_path / "runs").glob("*.parquet"))) == 1
    after = store.read("runs").sort_values(["cell", "tolerance"], ignore_index=True)
    pd.testing.assert_frame_equal(before, after)
    read += list(reader)
    assert set(pa.concat_tables(read)["cell"].to_pylist()) == set(before["cell"])


def test_rows_that_are_there_twice_count_once(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    for part in list(Store(copy).scan("runs")):
        Store(copy).append("runs", part.slice(0, part.num_rows // 2))
    assert table_hash(nagbench.load(copy)) == table_hash(undisturbed)
    assert nagbench.load(copy).missing == 0


def test_a_damaged_part_is_said_on_stderr(undisturbed, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    part = next((copy / "runs").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-7])
    assert nagbench.load(copy).missing > 0
    assert part.name in capsys.readouterr().err


def planted(folder, kind, table):
    """A part that is whole as far as its name says."""
    store = Store(folder)
    name = store.append(kind, table)
    manifest = json.loads((folder / "manifest.json").read_text())
    if kind == "plan":
        (folder / "manifest.json").write_text(json.dumps({**manifest, "plan": name}))
    return name


@pytest.mark.parametrize("plan", ["../../../etc/passwd", "/etc/passwd", "nothing.parquet", "", "..", "\0"])
def test_a_plan_elsewhere_is_not_read(undisturbed, tmp_path, plan):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    file = copy / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "plan": plan}))
    with pytest.raises(nagbench.UsageError):
        _ = nagbench.load(copy).runs
    with pytest.raises(nagbench.UsageError):
        _ = nagbench.load(copy).missing


@pytest.mark.parametrize(
    "column", [{"cell": "../../etc"}, {"cell": None}, {"cell": "zz" * 8}, {"iterations": "many"}, {"tolerance": "x"}]
)
def test_hostile_outcomes_give_a_warning(undisturbed, tmp_path, column):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    rows = undisturbed.store.read("runs").head(3).assign(**column)
    planted(copy, "runs", rows.astype(dict.fromkeys(column, object)))
    lines = []
    assert nagbench.load(copy, warn=lines.append).missing == 0
    assert lines


@pytest.mark.parametrize("value", [None, "zz" * 8, "0" * 15])
@pytest.mark.parametrize(("kind", "column"), [("runs", "cell"), ("runs", "digest"), ("runs", "fingerprint"),
                                              ("predictions", "cell")])  # fmt: skip
def test_a_part_with_keys_that_are_none_is_put_aside_and_its_cells_run_again(
    undisturbed, tmp_path, kind, column, value
):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    # A slow machine writes several parts.
    file = min((copy / kind).glob("*.parquet"))
    rows = pq.read_table(file)
    file.unlink()
    keys = pa.array([value, *rows[column].to_pylist()[1:]], pa.string())
    name = planted(copy, kind, rows.set_column(rows.column_names.index(column), column, keys))
    assert table_hash(nagbench.sweep(**SPEC, out=copy)) == table_hash(undisturbed)
    assert (copy / kind / name).with_suffix(".damaged").exists()


def test_a_file_where_a_folder_should_be_is_named(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    shutil.rmtree(copy / "curves")
    (copy / "curves").write_text("mine")
    with pytest.raises(nagbench.UsageError, match="curves"):
        nagbench.sweep(**SPEC, out=copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("problem_spec", '{"family":"os:system","parameters":{"command":"touch owned"}}'),
        ("problem_spec", '{"family":"shutil:rmtree","parameters":{"path":"."}}'),
        ("problem_spec", '{"family":"../../etc/passwd","parameters":{}}'),
        ("problem_spec", "not json"),
        ("optimizer", "os:system"),
        ("optimizer", "../../nesterov"),
        ("tolerances", "[]]"),
    ],
)
def test_replay_runs_nothing_that_a_hostile_plan_names(undisturbed, tmp_path, name, value):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    planted(copy, "plan", undisturbed.plan.assign(**{name: value}))
    done = nag("replay", undisturbed.plan["cell"][0], "--in", copy, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "owned").exists()
    assert copy.exists()


class Owned:
    """Unpickled, it leaves a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "pandas.period", "arrow.uuid"])
def test_what_a_part_says_of_its_types_is_never_unpickled(undisturbed, tmp_path, name):
    """Extension types with a pickle for metadata, and such a pickle as pandas' own metadata."""
    copy, owned = tmp_path / "copy", tmp_path / "owned"
    shutil.copytree(undisturbed.store.folder, copy)
    whole = pa.concat_tables(undisturbed.store.scan("runs"))
    payload = pickle.dumps(Owned(owned))
    pickle.loads(pickle.dumps(Owned(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()
    marked = whole.schema.field("error").with_metadata(
        {b"ARROW:extension:name": name.encode(), b"ARROW:extension:metadata": payload}
    )
    schema = whole.schema.set(whole.schema.get_field_index("error"), marked).with_metadata({b"pandas": payload})
    for file in (copy / "runs").iterdir():
        file.unlink()
    sink = tmp_path / "part"
    with pq.ParquetWriter(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(whole.columns, schema=schema))
    assert payload in sink.read_bytes()
    (copy / "runs" / f"{hashlib.blake2b(sink.read_bytes(), digest_size=12).hexdigest()}.parquet").write_bytes(
        sink.read_bytes()
    )
    found = nagbench.load(copy, warn=lambda line: None)
    assert found.missing in (0, undisturbed.manifest["cells"])
    if found.missing == 0:
        assert table_hash(found) == table_hash(undisturbed)
    assert not owned.exists()


@pytest.mark.parametrize("there", ["notes.txt", ".hidden", "runs/part.parquet"])
def test_nothing_is_merged_into_a_folder_that_holds_something(undisturbed, tmp_path, there):
    file = tmp_path / "out" / there
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    done = nag("merge", undisturbed.store.folder, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is not empty" in done.stderr
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


@pytest.mark.parametrize("family", ["os:system", "subprocess:getoutput", "pickle:loads", "pandas:read_pickle"])
def test_a_suite_cannot_name_what_is_no_family(tmp_path, family):
    (tmp_path / "bad.toml").write_text(f'[bad]\nfamily = "{family}"\nparameters = {{ command = "touch owned" }}\n')
    done = nag("sweep", "--suite", tmp_path / "bad.toml", "-p", "bad", "-o", "nesterov", "--out", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "owned").exists()


def test_a_disk_that_takes_no_more_is_one_line(tmp_path):
    """The system refuses to write files of more than 6,000 bytes, as a full disk refuses."""
    words = [
        "sweep",
        "-p",
        "bowl",
        "-o",
        "nesterov",
        "--trials",
        "64",
        *ONE_START_OPTIONS,
        "-j",
        "1",
        "--no-timing",
        "--out",
        tmp_path / "o",
    ]
    done = hostile.nag(*words, most=6_000)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "cannot be written" in line] == done.stderr.splitlines()[-1:]
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "o").rglob("*.tmp"))
    assert nag(*words, "--no-report", "-q").returncode == 0


def test_what_a_killed_writer_left_goes_in_time(tmp_path):
    import os

    store = Store(tmp_path)
    store.prepare()
    old, new = (tmp_path / "runs" / f".new.parquet.{number}-0123abcd.tmp" for number in (1, 2))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    store.prepare()
    assert not old.exists()
    assert new.exists()


def test_a_sweep_that_was_killed_before_its_manifest_starts_again(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    (copy / "manifest.json").unlink()
    shutil.rmtree(copy / "runs")
    shutil.rmtree(copy / "predictions")
    assert table_hash(nagbench.sweep(**SPEC, out=copy)) == table_hash(undisturbed)


def test_keys_as_numbers():
    keys = pa.array(["00000000000000ff", "ffffffffffffffff", "0123456789abcdef"])
    assert keys_to_ints(keys).tolist() == [255, 2**64 - 1, 0x0123456789ABCDEF]
    assert keys_to_ints(keys.slice(1, 1)).tolist() == [2**64 - 1]
    assert keys_to_ints(pa.chunked_array([keys, keys])).size == 6


@pytest.mark.parametrize("content", ["", "[1]", "no JSON", None])
def test_a_manifest_that_is_lost_costs_no_outcome(undisturbed, tmp_path, content):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    before = sorted(file.name for file in (copy / "runs").iterdir())
    (copy / "manifest.json").unlink()
    if content is not None:
        (copy / "manifest.json").write_text(content)
        with pytest.raises(nagbench.UsageError, match=r"manifest\.json"):
            nagbench.load(copy)
    again = nagbench.sweep(**SPEC, out=copy)
    assert sorted(file.name for file in (copy / "runs").iterdir()) == before
    assert table_hash(again) == table_hash(undisturbed)


@pytest.mark.parametrize(
    ("key", "value"), [("cells", "many"), ("machines", [1]), ("machines", {"a": 1}), ("versions", 3), ("name", None)]
)
def test_a_manifest_of_other_types_is_refused_in_a_line(undisturbed, tmp_path, key, value):
    manifest = {**undisturbed.manifest, key: value}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(nagbench.UsageError, match=f"is not a manifest of nagbench: its {key} is not valid"):
        nagbench.load(tmp_path)


@pytest.mark.parametrize("what", ["pipe", "device", "folder", "lists", "names"])
def test_a_part_that_is_none_is_left_out(undisturbed, tmp_path, what):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    file = copy / "runs" / f"{'a' * 24}.parquet"
    if what == "pipe":
        os.mkfifo(file)
    elif what == "device":
        file.symlink_to("/dev/zero")
    elif what == "folder":
        file.mkdir()
    else:
        rows = undisturbed.store.read("runs").drop(columns="value")
        value = [[1.0]] * len(rows) if what == "lists" else 1.0
        names = {"problem": "mine"} if what == "names" else {}
        file = copy / "runs" / Store(copy).append("runs", rows.assign(value=value, **names))
    told = []
    assert table_hash(nagbench.load(copy, warn=told.append)) == table_hash(undisturbed)
    assert [file.stem in line for line in told] == [True]
    nagbench.sweep(**SPEC, out=copy)
    if what == "device":
        assert file.is_symlink(), "a link is somebody's, and stays"
    else:
        assert not file.exists(), "it is put aside, and told of once"


@pytest.mark.parametrize(
    ("name", "value"), [("tolerances", ()), ("seed", -1), ("start", -1), ("budget", -1), ("every", 0)]
)
def test_a_cell_of_somebodys_that_no_compiled_code_could_count_is_refused(undisturbed, name, value):
    row = undisturbed.plan.iloc[0].to_dict()
    with pytest.raises(nagbench.UsageError):
        load_batch([dataclasses.replace(cell_of_row(row), **{name: value})])


def test_a_cell_that_scores_a_setting_can_be_counted_again(tmp_path):
    """A run from a held-out start is in the table of scores, and its key finds it as that of any cell does."""
    sweep = nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov"], modes=["tuned"], trials=4, replicates=1, held_out=2, moved=0, starts=1,
        budget=200, timing=False, curves=False, out=tmp_path / "run",
    )  # fmt: skip
    key = sweep.scores["cell"].iloc[0]
    assert key not in set(sweep.runs["cell"])
    stored = find_stored_cell(key, tmp_path / "run", lambda line: None)
    again = compare_outcomes(recorded_outcome(stored), count_again(stored.cell))
    assert again["same"].all()

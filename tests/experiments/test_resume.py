"""Whatever happened to a results directory, the same sweep goes on, and what nagbench did not write stays as it is."""

import json
import os
import shutil
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

import nagbench
from benchmarks.hostile import SPEC, table_hash
from nagbench.experiments.storage.schema import KINDS
from nagbench.experiments.storage.store import Store


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def copy(undisturbed, tmp_path):
    """A copy of the results to damage."""
    return Path(shutil.copytree(undisturbed.store.folder, tmp_path / "copy"))


@pytest.mark.parametrize("moment", range(5))
def test_a_fresh_sweep_that_is_killed_leaves_what_every_command_accepts(undisturbed, copy, monkeypatch, moment):
    """Killed at the n-th deletion, the directory can be read, and the same sweep starts afresh to the same table."""
    (copy / "notes.txt").write_text("mine")
    (copy / "report.html").write_text("an older report")
    unlink, done = Path.unlink, []

    def killed(self, missing_ok=False):
        if self.parent.parent == copy or self.parent == copy:
            if len(done) == moment and "probe" not in self.name:
                raise KilledError
            done.append(self.name)
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        try:
            nagbench.sweep(**SPEC, out=copy, fresh=True)
        except KilledError:
            assert nagbench.load(copy, warn=lambda line: None).manifest["spec"] == undisturbed.manifest["spec"]
    again = nagbench.sweep(**SPEC, out=copy)
    assert table_hash(again) == table_hash(undisturbed)
    assert not Store(copy).is_being_cleared
    assert (copy / "notes.txt").read_text() == "mine"


def test_a_fresh_sweep_that_was_killed_reuses_nothing_of_before(copy):
    """The marker says that what is left was to be deleted."""
    rows = Store(copy).read("runs")
    for file in (copy / "runs").iterdir():
        file.unlink()
    Store(copy).append("runs", rows.assign(iterations=7))
    (copy / ".nagbench-clearing").write_text("")
    assert (nagbench.sweep(**SPEC, out=copy).runs["iterations"] != 7).any()


@pytest.mark.parametrize("left", ["plan", "runs", "manifest.json"])
def test_a_directory_with_any_of_our_files_is_ours(undisturbed, copy, left):
    for item in list(copy.iterdir()):
        if item.name != left:
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    (copy / "notes.txt").write_text("mine")
    assert table_hash(nagbench.sweep(**SPEC, out=copy)) == table_hash(undisturbed)


def test_a_directory_with_none_of_our_files_is_not_touched(tmp_path):
    (tmp_path / "runs").mkdir()
    theirs = tmp_path / "runs" / "photos.parquet"
    theirs.write_bytes(b"theirs")
    with pytest.raises(nagbench.UsageError, match="contains other files"):
        nagbench.sweep(**SPEC, out=tmp_path, fresh=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [theirs]


def test_files_that_are_not_ours_stay_whatever_their_names(copy, tmp_path):
    """In the folders of parts, damaged or not, aged, linked, and behind folders that are links."""
    names = ["mine.parquet", "a.tmp", ".b.tmp", "notes.damaged", "ABCDEF0123456789ABCDEF01.parquet"]
    theirs = {}
    for kind in KINDS:
        (copy / kind).mkdir(exist_ok=True)
        theirs |= {copy / kind / name: name.encode() for name in names}
    shutil.rmtree(copy / "curves")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (copy / "curves").symlink_to(elsewhere)
    target, link = tmp_path / "thesis.bin", copy / "runs" / f"{'b' * 24}.parquet"
    theirs |= {elsewhere / f"{'c' * 24}.parquet": b"c", target: b"thesis"}
    for file, content in theirs.items():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (0, 0))
    link.symlink_to(target)
    for fresh in (False, True):
        nagbench.sweep(**SPEC, out=copy, fresh=fresh)
    assert {file: file.read_bytes() for file in theirs if file.exists()} == theirs
    assert link.is_symlink()


@pytest.mark.parametrize("damage", [None, "", 'trials = 3\nname = "other"\n', "\udcff"])
def test_a_lost_or_other_specification_is_written_again(undisturbed, copy, damage):
    file = copy / "spec.toml"
    file.unlink()
    if damage is not None:
        file.write_text(damage, errors="surrogateescape")
    nagbench.sweep(**SPEC, out=copy)
    assert tomllib.loads(file.read_text())["trials"] == undisturbed.manifest["spec"]["trials"] == 6


@pytest.mark.parametrize("types", [(pa.string(), pa.float64()), (pa.int64(), pa.string()), (pa.int64(), pa.float64())])
def test_parts_whose_further_columns_differ_in_type_are_joined_or_left_out_with_a_line(undisturbed, copy, types):
    whole = pa.concat_tables(Store(copy).scan("runs"))
    for file in (copy / "runs").iterdir():
        file.unlink()
    half, lines = whole.num_rows // 2, []
    for at, kind in zip((0, half), types, strict=True):
        part = whole.slice(at, half if at == 0 else None)
        extra = pa.array(["1" if kind == pa.string() else 1] * part.num_rows, kind)
        Store(copy).append("runs", part.append_column("mood", extra))
    found = nagbench.load(copy, warn=lines.append)
    assert table_hash(found) == table_hash(undisturbed)
    assert [("mood" in line and "type differs" in line) for line in lines] == ([True] if pa.string() in types else [])


@pytest.mark.parametrize("kept", [(), ("processor",)])
def test_a_manifest_without_some_facts_of_its_machine_still_reports(copy, kept):
    file = copy / "manifest.json"
    manifest = json.loads(file.read_text())
    machine = {name: manifest["machine"][name] for name in kept}
    versions = {} if not kept else manifest["versions"]
    file.write_text(json.dumps({**manifest, "machine": machine, "machines": {"x": machine}, "versions": versions}))
    loaded = nagbench.load(copy)
    assert loaded.report(copy / "report.html").stat().st_size > 10_000
    assert not nagbench.compare(loaded, loaded).regressed


def test_a_merge_that_was_killed_goes_on(undisturbed, tmp_path, monkeypatch):
    out, append = tmp_path / "all", Store.append
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write_manifest", lambda *_: (_ for _ in ()).throw(KilledError))
        with pytest.raises(KilledError):
            nagbench.merge([undisturbed.store.folder], out)
    assert append is Store.append
    assert any((out / "runs").iterdir())
    assert table_hash(nagbench.merge([undisturbed.store.folder], out)) == table_hash(undisturbed)

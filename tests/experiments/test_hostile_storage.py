"""Parts and manifests that somebody has forged, files that cannot be read now, and links in a results directory."""

import errno
import json
import os
import shutil
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli.console import print_table, spreadsheet
from nagbench.cli.main import cli
from nagbench.core.errors import UsageError
from nagbench.experiments.storage import parts
from nagbench.experiments.storage.store import Store

SPEC = {
    "problems": ["bowl", "rosenbrock"], "optimizers": ["nesterov", "gradient-descent"], "modes": ["theory", "tuned"],
    "trials": 2, "replicates": 2, "held_out": 1, "moved": 1, "finalists": 1, "starts": 2, "budget": 100, "timing": True,
    "repeats": 2, "engine": "python",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "results"
    nagbench.sweep(**SPEC, out=folder)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "copy"))


def plant(folder, kind, change, **how):
    """Replace every part of a kind by a changed one, under the hash of its bytes."""
    names = {}
    for file in (folder / kind).glob("*.parquet"):
        temporary = folder / kind / "new"
        pq.write_table(change(pq.ParquetFile(file).read()), temporary, **how)
        file.unlink()
        names[file.name] = f"{parts._hash(temporary)}.parquet"
        temporary.rename(folder / kind / names[file.name])
    if kind == "plan":
        held = json.loads((folder / "manifest.json").read_text())
        manifest(folder, **{key: names[held[key]] for key in ("plan", "scoring")})


def column(name, value, kind=None):
    def change(table):
        values = pa.array([value] * table.num_rows, kind)
        return (table.drop_columns(name) if name in table.column_names else table).append_column(name, values)

    return change


def without(name):
    return lambda table: table.drop_columns(name)


def manifest(folder, **entries):
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def spec(folder, **entries):
    manifest(folder, spec={**json.loads((folder / "manifest.json").read_text())["spec"], **entries})


def two_problems(table):
    second = pa.array([f"{text[:-1]} }}" if "nesterov" in name else text for text, name in
                       zip(table["problem_spec"].to_pylist(), table["variant"].to_pylist(), strict=True)])  # fmt: skip
    return table.drop_columns("problem_spec").append_column("problem_spec", second)


def invoke(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def check_one_line(folder, tmp_path):
    """Every verb that reads the results ends with tables or with one line."""
    for words in (
        ["theory", folder], ["tuning", folder], ["verdicts", folder], ["sensitivity", folder], ["medians", folder],
        ["export", folder, "--format", "csv"], ["export", folder, "--out", tmp_path / "t.parquet"],
        ["report", folder, "--out", tmp_path / "r.html"], ["merge", folder, "--out", tmp_path / "merged"],
    ):  # fmt: skip
        done = invoke(*words)
        assert done.exception is None or isinstance(done.exception, UsageError | click.ClickException), (
            words[0], done.exception,
        )  # fmt: skip
        assert "\n" not in str(done.exception or "")
        assert "\x1b" not in done.output


PARTS = {
    "tolerances beyond all floats": ("plan", column("tolerances", f"[1{'0' * 400}]")),
    "tolerances that are nested": ("plan", column("tolerances", "[" * 100_000)),
    "a trial that would take all memory": ("plan", column("trial", 2**60, pa.int64())),
    "a trial below 0": ("plan", column("trial", -5, pa.int64())),
    "a trial that is null": ("plan", column("trial", None, pa.int64())),
    "a start below 0": ("plan", column("start", -1, pa.int64())),
    **{f"no {name}": ("plan", column(name, None, pa.string())) for name in ("problem", "mode", "oracle", "family")},
    **{f"without {name}": ("plan", without(name)) for name in ("family", "dimension", "budget", "measure", "every")},
    "two problems of one name": ("plan", two_problems),
    "no status": ("runs", column("status", None, pa.string())),
    **{f"without {name}": ("runs", without(name)) for name in ("value", "gradient_norm", "rate")},
    "a time zone that nobody knows": ("runs", column("note", 0, pa.timestamp("us", tz="Evil/Zone"))),
    "a day beyond all calendars": ("runs", column("note", 2**31 - 1, pa.date32())),
    "a disturbance that is text": ("timings", column("disturbed", "much")),
    "a name that moves the cursor": ("plan", column("\x1b]0;PWN\x07", 1.0)),
    "a name that is markup": ("plan", column("[/x]", 1.0)),
}


@pytest.mark.parametrize(("kind", "change"), PARTS.values(), ids=PARTS)
def test_forged_parts_are_read_or_refused_in_one_line(copy, tmp_path, kind, change):
    plant(copy, kind, change)
    check_one_line(copy, tmp_path)


MANIFESTS = {
    "replicates": lambda to: spec(to, replicates="x"),
    "too many trials": lambda to: spec(to, trials=10**30),
    "no trials": lambda to: spec(to, trials=0),
    "scoring": lambda to: manifest(to, scoring=5),
    "a minimum beyond all floats": lambda to: manifest(
        to, minima={"bowl": {"minimum": 10**400, "convex": True, "gap": None, "start_values": {}}}
    ),
    "a name that no file can hold": lambda to: manifest(to, name="\ud800"),
    "a command that no file can hold": lambda to: manifest(to, command="\ud800"),
    "four terabytes": lambda to: os.truncate(to / "manifest.json", 2**42),
}


@pytest.mark.parametrize("forge", MANIFESTS.values(), ids=MANIFESTS)
def test_forged_manifests_are_read_or_refused_in_one_line(copy, tmp_path, forge):
    forge(copy)
    check_one_line(copy, tmp_path)


def test_texts_that_take_more_memory_than_there_is_are_refused_before_they_are_made(copy):
    """A dictionary holds a text once for any number of rows."""
    text = "x" * 2**23
    plant(copy, "runs", lambda table: pa.concat_tables([column("note", text)(table)] * 40), use_dictionary=["note"])
    with pytest.raises(UsageError, match="do not fit into memory"):
        list(Store(copy).scan("runs"))


@pytest.mark.parametrize("cause", [errno.EACCES, errno.EMFILE, errno.EIO, None])
def test_parts_that_cannot_be_read_now_are_not_damaged(copy, monkeypatch, cause):
    """They are somebody else's, the limit of open files or the memory is reached, or the disk fails."""

    def fail(*_):
        raise MemoryError if cause is None else OSError(cause, os.strerror(cause))

    before = sorted(file.name for file in (copy / "runs").iterdir())
    monkeypatch.setattr(parts, "_hash", fail)
    parts._verified.clear()
    with pytest.raises(UsageError, match=r"cannot be read: .*; nothing was changed"):
        Store(copy).discard_damaged("runs")
    assert sorted(file.name for file in (copy / "runs").iterdir()) == before


def test_a_specification_of_the_users_own_is_not_overwritten(tmp_path):
    own = tmp_path / "spec.toml"
    own.write_text('# mine\nproblems = ["bowl"]\n')
    with pytest.raises(UsageError, match="contains other files"):
        Store(tmp_path).prepare()
    assert own.read_text().startswith("# mine")


def test_a_specification_that_was_edited_is_kept(copy):
    file = copy / "spec.toml"
    edited = f"# mine\n{file.read_text()}"
    file.write_text(edited)
    nagbench.sweep(file, out=copy)
    assert file.read_text() == edited
    nagbench.sweep(file, out=copy, budget=50)
    assert (copy / "spec.toml.before").read_text() == edited


@pytest.mark.parametrize("words", [["export"], ["report", "--out"], ["report", "--format", "pdf-figures", "--out"]])
def test_nothing_is_written_through_a_link(copy, tmp_path, words):
    victim = tmp_path / "victim.sh"
    victim.write_text("precious")
    (copy / "figures").mkdir()
    drawn = invoke("report", copy, "--format", "pdf-figures").output.split()[0] if "pdf-figures" in words else None
    target = {"export": copy / "runs.parquet"}.get(words[0], Path(drawn) if drawn else copy / "report.html")
    target.unlink(missing_ok=True)
    target.symlink_to(victim)
    options = [*words[1:-1], words[-1], copy / "figures" if drawn else target] if words[1:] else []
    done = invoke(words[0], copy, *options)
    assert done.exception is None
    assert victim.read_text() == "precious"
    assert not target.is_symlink()


def test_names_of_columns_are_neither_markup_nor_formulas(capsys):
    table = pd.DataFrame({"[/x]": [1.0], "\x1b]0;PWN\x07": [2.0], '=HYPERLINK("x")': [np.nan]})
    print_table(table)
    said = capsys.readouterr().out
    assert "[/x]" in said
    assert "\x1b" not in said
    assert list(spreadsheet(table)) == ["[/x]", "\x1b]0;PWN\x07", '\'=HYPERLINK("x")']

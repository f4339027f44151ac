"""Results that somebody has forged: every verb reads them, or refuses them in one line."""

import json
import shutil
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from nagbench.cli.main import cli
from nagbench.core.errors import UsageError
from nagbench.experiments.storage.store import Store


@pytest.fixture
def copy(undisturbed, tmp_path):
    return Path(shutil.copytree(undisturbed.store.folder, tmp_path / "copy"))


def plant(folder, kind, **columns):
    """Replace the parts of a kind by one with other columns."""
    store = Store(folder)
    table = store.read(kind).assign(**columns)
    for file in (folder / kind).iterdir():
        file.unlink()
    name = store.append(kind, table)
    if kind == "plan":
        file = folder / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "plan": name}))


def manifest(folder, **entries):
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def empty_plan(folder):
    plan = pa.Table.from_pandas(Store(folder).read("plan").head(0), preserve_index=False)
    manifest(folder, plan=Store(folder).append_all("plan", [plan], plan.schema))


FORGED = {
    "a count that is text": lambda to: plant(to, "predictions", predicted_iterations="many"),
    "a count that is no whole number": lambda to: plant(to, "predictions", predicted_iterations=0.5),
    "a rate beyond all floats": lambda to: plant(to, "runs", rate=1e308, value=np.inf, iterations=2**62),
    "no tolerance": lambda to: plant(to, "runs", tolerance=np.nan),
    "a status that nobody knows": lambda to: plant(to, "runs", status="weird", iterations=-7),
    "a hyperparameter that is text": lambda to: plant(to, "plan", step_size="abc"),
    "a family that is null": lambda to: plant(to, "plan", problem_spec='{"family":null,"parameters":{}}'),
    "parameters that are a list": lambda to: plant(to, "plan", problem_spec='{"family":"bowl","parameters":[1]}'),
    "a problem that is nested": lambda to: plant(to, "plan", problem_spec="[" * 9000 + "]" * 9000),
    "a problem of a terabyte": lambda to: plant(
        to, "plan", problem_spec='{"family":"rosenbrock","parameters":{"dimension":1000000000000}}'
    ),
    "a plan without rows": empty_plan,
    "a specification without lists": lambda to: manifest(to, spec={"problems": 3, "optimizers": "x"}),
    "a specification without anything": lambda to: manifest(to, spec={}),
    "a machine without facts": lambda to: manifest(to, machine={"id": ["x"]}, machines={"a": {"versions": 5}}),
    "a manifest that is nested": lambda to: (to / "manifest.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forged_results_are_read_or_refused_in_one_line(undisturbed, copy, tmp_path, monkeypatch, forge):
    monkeypatch.chdir(tmp_path)
    forge(copy)
    for words in (
        ["theory", copy], ["medians", copy], ["compare", undisturbed.store.folder, copy], ["report", copy, "--format", "md"],
        ["merge", copy, "--out", "merged"],
    ):  # fmt: skip
        error = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False).exception
        assert error is None or isinstance(error, UsageError | click.ClickException), f"{words[0]}: {error!r}"
        assert "\n" not in str(error or "")


def test_a_part_that_stands_for_more_rows_than_memory_holds_is_refused_and_kept(undisturbed, copy, monkeypatch):
    """A few bytes of Parquet can stand for any number of equal rows; with more memory, the same part may be read."""
    import psutil

    free = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free._replace(available=1000))
    before = sorted((copy / "runs").iterdir())
    with pytest.raises(UsageError, match="rows do not fit into memory; nothing was changed"):
        Store(copy).read("runs")
    assert sorted((copy / "runs").iterdir()) == before

"""Sweeps in the dashboard: what is exported is what the sweep found, and it stays when another is added."""

import itertools
import json

import pytest
from click.testing import CliRunner
from tunings import ONE_START

import nagbench
from nagbench.cli.main import cli
from nagbench.core.errors import UsageError
from nagbench.reporting.dashboard.sweep_export import export_sweep


def keys(params):
    """Problem, method and mode of every value, in asv's order."""
    return list(itertools.product(*([value.strip("'") for value in axis] for axis in params)))


def of(runs, key):
    problem, method, mode = key
    return (runs["problem"] == problem) & (runs["variant"] == method) & (runs["mode"] == mode)


@pytest.fixture(scope="module")
def home(needs_git, tmp_path_factory):
    """A repository of two commits, and two sweeps of a study: the second knows a problem more."""
    git, place = needs_git, tmp_path_factory.mktemp("home")
    git(place, "init", "-q")
    for number in range(2):
        (place / "file").write_text(str(number))
        git(place, "add", "file")
        git(place, "commit", "-qm", f"number {number}")
    for number, problems in enumerate((["bowl"], ["bowl", "rosenbrock"])):
        nagbench.sweep(
            problems=problems, optimizers=["gradient-descent", "nesterov"], trials=4, **ONE_START, budget=2_000, timing=False,
            curves=False, name="valley.study", out=place / f"run{number}",
        )  # fmt: skip
    return place


def test_the_export_holds_the_selected_counts_and_the_unsolved(home):
    sweep = nagbench.load(home / "run1")
    folder = export_sweep(sweep, "a" * 40, 1)
    assert set(folder.benchmarks) == {"study.valley_study.iterations", "study.valley_study.unsolved"}
    (found,) = folder.results
    assert found.commit == "a" * 40
    values, params, version = found.content["results"]["study.valley_study.iterations"]
    unsolved = found.content["results"]["study.valley_study.unsolved"][0]
    assert folder.benchmarks["study.valley_study.iterations"]["version"] == version
    runs = sweep.runs[sweep.runs["selected"] & (sweep.runs["tolerance"] == 1e-6)]
    seen = 0
    for at, key in enumerate(keys(params)):
        row = runs[of(runs, key)]
        if row.empty:
            assert (values[at], unsolved[at]) == (None, None)
            continue
        seen += 1
        solved = row["status"].item() == "converged"
        assert values[at] == (row["iterations"].item() if solved else None)
        assert unsolved[at] == (not solved)
    assert seen == len(runs) == 6


def test_the_version_is_that_of_the_question_and_not_of_the_list_of_problems(home, tmp_path):
    of = [export_sweep(nagbench.load(home / f"run{i}"), "a" * 40, 1) for i in (0, 1)]
    looser = nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov"], trials=4, **ONE_START, budget=2_000, tolerances=[1e-2], timing=False,
        curves=False, name="valley.study", out=tmp_path / "looser",
    )  # fmt: skip
    versions = [
        f.benchmarks["study.valley_study.iterations"]["version"] for f in (*of, export_sweep(looser, "a" * 40, 1))
    ]
    assert versions[0] == versions[1] != versions[2]


def test_the_command_keeps_what_was_added_and_shows_it_beside(home, monkeypatch):
    monkeypatch.chdir(home)
    runner = CliRunner()
    first = runner.invoke(cli, ["dashboard", "--add", "run0", "--commit", "HEAD~1"])
    assert first.exit_code == 0, first.output
    assert first.stdout.strip() == "results/html/index.html"
    second = runner.invoke(cli, ["dashboard", "--add", "run1", "--commit", "HEAD", "--out", "site"])
    assert second.exit_code == 0, second.output
    (graph,) = (home / "site" / "graphs").glob("branch-HEAD/**/study.valley_study.iterations.json")
    points = json.loads(graph.read_text(encoding="utf-8"))
    assert len(points) == 2
    key = ("bowl", "nesterov", "tuned")
    runs = nagbench.load(home / "run0").runs.query("selected and tolerance == 1e-6")
    count = runs.loc[of(runs, key), "iterations"].item()
    index = json.loads((home / "site" / "index.json").read_text(encoding="utf-8"))
    params = index["benchmarks"]["study.valley_study.iterations"]["params"]
    at = keys(params).index(key)
    assert [values[at] for _, values in points] == [count, count]


def test_results_of_another_machine_are_imported(home, monkeypatch, tmp_path):
    monkeypatch.chdir(home)
    runner = CliRunner()
    assert runner.invoke(cli, ["dashboard", "--add", "run0", "--commit", "HEAD"]).exit_code == 0
    (machine,) = (home / "results" / "dashboard").glob("*/machine.json")
    other = tmp_path / "other" / "elsewhere"
    other.mkdir(parents=True)
    text = next(file for file in machine.parent.glob("*.json") if file.name != "machine.json").read_text()
    content = json.loads(text)
    content["params"]["machine"] = "elsewhere"
    (other / "11111111-any.json").write_text(json.dumps(content))
    (other / "machine.json").write_text('{"machine": "elsewhere", "version": 1}')
    (other.parent / "benchmarks.json").write_text((home / "results" / "dashboard" / "benchmarks.json").read_text())
    done = runner.invoke(cli, ["dashboard", "--import", str(other.parent), "--out", "both"])
    assert done.exit_code == 0, done.output
    machines = json.loads((home / "both" / "index.json").read_text(encoding="utf-8"))["machines"]
    assert {"elsewhere", machine.parent.name} == set(machines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--add", "nowhere"], "not a results directory"),
        (["--import", "nowhere"], "not a folder of asv results"),
        (["--add", "run0", "--commit", "no-such"], "no-such"),
        (["--repo", "/"], "not in a git checkout"),
    ],
)
def test_bad_input_is_one_line(home, monkeypatch, words, message):
    monkeypatch.chdir(home)
    done = CliRunner().invoke(cli, ["dashboard", *words])
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_sweep_without_a_commit_asks_for_one(home, monkeypatch):
    monkeypatch.chdir(home)
    sweep = nagbench.load(home / "run0")
    sweep.store.write_manifest({**sweep.manifest, "git": None})
    with pytest.raises(UsageError, match="give the commit of its results with --commit"):
        CliRunner().invoke(cli, ["dashboard", "--add", "run0"], catch_exceptions=False)

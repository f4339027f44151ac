"""The verbs map, theory, sensitivity, tuning and claims, as their users meet them."""

import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner
from tunings import ONE_TUNING

import nagbench
from nagbench.cli.main import cli
from nagbench.core.errors import UsageError


def nag(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def answer(*words):
    done = nag(*words)
    assert done.exit_code == 0, done.exception
    return done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("analysis") / "run"
    nagbench.sweep(
        problems=["bowl", "rosenbrock"], optimizers=["nesterov", "momentum"], modes=["tuned", "theory", "default"],
        trials=4, **ONE_TUNING, starts=2, budget=2_000, timing=False, curves=False, out=out,
    )  # fmt: skip
    return out


def test_map_prints_the_best_and_the_widths_and_draws(folder):
    told = answer("map", "bowl", "momentum", "--grid", "8", "--plot", "map.png", "--out", "deep/map.csv")
    assert "stable_up_to" in told
    assert (folder / "map.png").stat().st_size > 10_000
    assert len(pd.read_csv(folder / "deep/map.csv")) == 64


def test_map_as_csv_is_every_cell():
    told = answer("map", "bowl", "adam:beta2=0.9", "--grid", "3", "--budget", "50", "--format", "csv")
    table = pd.read_csv(io.StringIO(told))
    assert len(table) == 9
    assert set(table["beta2"]) == {0.9}
    assert table["step_size"].nunique() == table["beta1"].nunique() == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bowl", "gradient-descent"), "two hyperparameters"),
        (("bowl", "nesterov:momentum=0.9"), "two hyperparameters"),
        (("bowl", "nesterov", "--axis", "step_size", "--axis", "momentm"), "did you mean 'momentum'"),
        (("bowll", "nesterov"), "did you mean 'bowl'"),
        (("bowl", "nesterov", "--tolerance", "small"), "is not a number"),
        (("bowl", "nesterov", "--grid", "3", "--budget", "5", "--plot", "map.txt"), "cannot be written"),
    ],
)
def test_map_refuses_what_it_cannot_draw(folder, words, message):
    done = nag("map", *words)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)


def test_theory_says_what_was_predicted(results):
    rows = json.loads(answer("theory", results, "--format", "json"))
    counted = [row for row in rows if row["predicted_iterations"] is not None and row["status"] == "converged"]
    assert counted
    assert all(row["iterations"] == row["predicted_iterations"] for row in counted)
    assert "predicted" in answer("theory", results)
    assert len(json.loads(answer("theory", results, "--all", "--format", "json"))) > len(rows)


@pytest.mark.parametrize("what", ["best", "regret", "pairs", "overshoot"])
def test_sensitivity_has_its_tables(results, what):
    table = pd.read_csv(io.StringIO(answer("sensitivity", results, "--what", what, "--format", "csv")))
    assert set(table["problem"]) <= {"bowl", "rosenbrock"}
    assert len(table)
    assert answer("sensitivity", results, "--what", what)


def test_tuning_tells_the_cost_and_what_was_held_out(results, folder):
    table = pd.read_csv(io.StringIO(answer("tuning", results, "--format", "csv", "--plot", "tuning.svg")))
    assert set(table["trials"]) == {4}
    assert set(table["cells"]) == {8}
    assert table["held_out"].notna().any()
    assert (folder / "tuning.svg").exists()


@pytest.mark.parametrize("verb", ["theory", "sensitivity", "tuning"])
def test_a_directory_without_a_run_is_refused(verb, folder):
    done = nag(verb, folder / "nothing")
    assert isinstance(done.exception, UsageError)


def test_tuning_needs_tuned_trials(folder):
    nagbench.sweep(problems=["bowl"], optimizers=["nesterov"], modes=["default"], budget=5, timing=False, out="plain")
    done = nag("tuning", "plain")
    assert "--mode tuned" in str(done.exception)


def test_claims_are_listed_and_examined():
    assert "ripple" in answer("claims")
    assert "found: the measured periods" in answer("claims", "ripple")
    table = json.loads(answer("claims", "ripple", "--format", "json"))
    assert all(abs(row["ratio"] - 1) < 2e-3 for row in table)
    assert "did you mean 'rates'" in str(nag("claims", "rate").exception)

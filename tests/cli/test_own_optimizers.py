"""Optimizers of users on the command line: maps of them, what they need, and sweeps whose code changes under way."""

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli import sweep as sweep_verb
from nagbench.cli.main import cli
from nagbench.experiments.storage.store import Store
from tests.command_line import nag

SOURCE = """
import torch


def heavy_ball(x, gradient, state, step_size=0.1, momentum=0.5):
    state["v"] = momentum * state.get("v", 0.0) - step_size * gradient
    return x + state["v"]


class Plain(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)


class Strong(Plain):
    def __init__(self, params, lr, strength):
        super().__init__(params, lr)


class Bound(Plain):
    def __init__(self, params, lr, model):
        super().__init__(params, lr)
        model.check()
"""


@pytest.fixture
def own(folder):
    """A module of a user in the current folder."""
    (folder / "own_of_user.py").write_text(SOURCE, encoding="utf-8")
    return "own_of_user"


def test_a_map_counts_what_a_run_counts(own):
    axes = ["--axis", "step_size=0.1..0.4", "--axis", "momentum=0.1..0.5"]
    words = ["map", "bowl", f"{own}:heavy_ball", *axes, "--grid", "2"]
    done = nag(*words, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("converged") == 4
    run = nagbench.run("bowl", f"{own}:heavy_ball:step_size=0.4,momentum=0.5")
    assert f",{run.iterations}," in done.stdout.splitlines()[-1]


def test_an_axis_may_have_the_name_of_the_library(own):
    pytest.importorskip("torch")
    done = nag("map", "bowl", f"{own}:Plain", "--axis", "lr=0.1..0.4", "--axis", "lr=0.1..0.4", "--grid", "2")
    assert done.returncode == 2
    assert "a map of own_of_user:Plain needs two hyperparameters" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Strong", "strength has no default and must be given: own_of_user:Strong:strength=VALUE"),
        ("Bound", "model has no default and must be given"),
    ],
)
def test_what_nobody_gave_is_named_before_anything_runs(own, name, said, folder):
    pytest.importorskip("torch")
    done = nag("sweep", "-p", "bowl", "-o", f"{own}:{name}", "--trials", "2", "--out", "r")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "r").exists()


@pytest.mark.parametrize("left", [0, 1])
def test_cells_without_a_result_are_an_error_at_the_end(folder, monkeypatch, left):
    words = ["sweep", "-p", "bowl", "-o", "nesterov", "--mode", "default", "--no-timing", "--no-report", "--out", "r"]
    words += ["-o", "momentum"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    parts = sorted((folder / "r" / "runs").iterdir())
    table = pq.read_table(parts[0])
    for part in parts:
        part.unlink()
    Store(folder / "r").append("runs", table.slice(0, left * table.num_rows // 2))
    monkeypatch.setattr(sweep_verb, "_run", lambda *given: nagbench.load("r"))
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1
    assert f"error: {2 - left} of 2 cells have no result" in done.stderr
    assert ("no run has a result yet" in done.stdout) == (left == 0)

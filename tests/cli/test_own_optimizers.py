"""Optimizers of users on the command line: maps of them, what they need, and sweeps whose code changes under way."""

import pyarrow as pa
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


class Choosy(Plain):
    tuning = {"step_size": (1e-3, 1.0)}

    def __init__(self, params, lr=0.5):
        if lr < 0.5:
            raise ValueError("lr is small")
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


def test_values_that_theory_gives_need_no_default(folder):
    (folder / "own_in_theory.py").write_text(
        """
from nagbench import Hyperparameter, method


@method(
    "own-descent",
    hyperparameters={
        "step_size": Hyperparameter(default=float("nan"), open_below=True),
        "share": Hyperparameter(default=1.0, tuning=(0.5, 1.0)),
    },
    theory=lambda L, mu: {"step_size": 2.0 / (L + mu), "share": 1.0},
    source="own",
)
def descent(k, gradient, iterate, y, state, hyper):
    for i in range(iterate.size):
        iterate[i] -= hyper[0] * hyper[1] * gradient[i]
""",
        encoding="utf-8",
    )
    words = [
        "sweep",
        "-p",
        "diag-k100",
        "-o",
        "own_in_theory:descent",
        "--mode",
        "theory",
        "--no-timing",
        "--no-report",
    ]
    done = nag(*words, "--out", "r")
    assert (done.returncode, done.stderr.count("default")) == (0, 0), done.stderr


def test_a_library_that_takes_a_part_of_the_range_is_tuned(own, folder):
    """It refuses nine settings of ten, as libraries refuse some."""
    pytest.importorskip("torch")
    done = nag("sweep", "-p", "bowl", "-o", f"{own}:Choosy", "--trials", "64", "--replicates", "1", "--held-out", "0",
               "--moved", "0", "--budget", "20", "--no-timing", "--no-report", "--out", "r")  # fmt: skip
    assert "refuses" not in done.stderr.splitlines()[0]
    assert (folder / "r" / "runs").exists()


@pytest.mark.parametrize("left", [0, 1])
def test_cells_without_a_result_are_an_error_at_the_end(folder, monkeypatch, left):
    words = ["sweep", "-p", "bowl", "-o", "nesterov", "--mode", "default", "--no-timing", "--no-report", "--out", "r"]
    words += ["-o", "momentum"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    planned = nagbench.load("r").runs["cell"].unique().tolist()
    parts = sorted((folder / "r" / "runs").iterdir())
    table = pa.concat_tables([pq.read_table(part) for part in parts])
    for part in parts:
        part.unlink()
    kept = planned[:left]
    Store(folder / "r").append("runs", table.filter(pa.array([cell in kept for cell in table["cell"].to_pylist()])))
    monkeypatch.setattr(sweep_verb, "_run", lambda *given: nagbench.load("r"))
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1
    assert f"error: {2 - left} of 2 cells have no result" in done.stderr
    assert ("no run has a result yet" in done.stdout) == (left == 0)

"""What the command line says and prints where users meant something else, in this process."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import nagbench
from nagbench.analysis.profiles import work
from nagbench.analysis.statistics import ranks
from nagbench.cli.console import print_table
from nagbench.cli.main import cli
from nagbench.core.errors import UsageError
from nagbench.experiments.modes import theory_fails, theory_of
from nagbench.experiments.specification import read_spec
from nagbench.experiments.stages import Progress
from nagbench.optimizers.registry import find_algorithm


def test_one_cell_under_two_names_counts_once(tmp_path):
    sweep = nagbench.sweep(
        problems=["bowl", "rosenbrock", "rosenbrock:dimension=2"],
        optimizers=[
            "gradient-descent:step_size=1e-3", "gradient-descent:step_size=0.001", "nesterov:step_size=1e-3,momentum=0.9",
        ],
        tolerances=[1e-3], budget=3000, timing=False, curves=False, jobs=1, out=tmp_path / "s",
    )  # fmt: skip
    table = work(sweep.runs, sweep.timings)
    assert sorted(table["task"].unique()) == ["bowl", "rosenbrock"]
    assert table["method"].nunique() == 2
    assert ranks(table).groupby("task").size().to_dict() == {"bowl": 2, "rosenbrock": 2}


@pytest.mark.parametrize(("L", "mu"), [(1.0, 1e-32), (1.0, 5e-324), (1e308, 1e-300)])
def test_theory_that_double_precision_does_not_hold_is_left_out(L, mu):
    problem, nesterov = nagbench.problem("quadratic", eigenvalues=[mu, L]), find_algorithm("nesterov")
    assert theory_fails(nesterov, problem)
    assert theory_of(nesterov, problem) is None


def test_theory_of_ordinary_constants_stays():
    problem, nesterov = nagbench.problem("quadratic", eigenvalues=[1e-12, 1.0]), find_algorithm("nesterov")
    assert not theory_fails(nesterov, problem)
    assert theory_of(nesterov, problem)["momentum"] == pytest.approx((1 - 1e-6) / (1 + 1e-6))


class _Listener(Progress):
    def __init__(self):
        self.said = []

    def warn(self, message):
        self.said.append(message)


def test_the_rest_runs_where_theory_cannot_be_computed(tmp_path):
    listener, extreme = _Listener(), "quadratic:eigenvalues=[1e-32,1]"
    sweep = nagbench.sweep(
        problems=["bowl", extreme], optimizers=["nesterov"], trials=2, budget=100, timing=False, curves=False, jobs=1,
        out=tmp_path / "s", progress=listener,
    )  # fmt: skip
    modes = sweep.runs.groupby("problem")["mode"].agg(set).to_dict()
    assert modes == {"bowl": {"tuned", "theory"}, extreme: {"tuned"}}
    assert listener.said == [f"no theoretical tuning, so left out of mode theory: {extreme} × nesterov"]


def test_a_specification_may_have_any_name(tmp_path):
    file = tmp_path / "my study.toml"
    file.write_text('problems = ["bowl"]\noptimizers = ["gradient-descent:step_size=0.1"]\ntiming = false\n')
    assert read_spec(file)["name"] == "my-study"
    assert nagbench.sweep(file, out=tmp_path / "s", jobs=1).runs["status"].eq("converged").all()
    assert read_spec(file, name="given")["name"] == "given"


def test_names_are_printed_as_they_are(capsys):
    print_table(pd.DataFrame({"subject": ["emo:fire", "a:smile:b", "[bold]x[/bold]"]}))
    assert capsys.readouterr().out.split() == ["subject", "emo:fire", "a:smile:b", "[bold]x[/bold]"]


@pytest.mark.parametrize("name", ["himmelblau", "quadratic:eigenvalues=[1,3],start=[0.1,0.2]"])
def test_show_gives_numbers_with_all_digits(name):
    done = CliRunner().invoke(cli, ["show", name, "--format", "json", "--no-plot"], catch_exceptions=False)
    facts, problem = json.loads(done.stdout), nagbench.problem(name)
    assert facts["start"] == problem.start.tolist()
    assert facts["minimizers"] == problem.minimizers.tolist()
    assert facts["minimum"] == problem.minimum


def test_show_gives_the_numbers_of_an_optimizer():
    done = CliRunner().invoke(cli, ["show", "momentum", "--format", "json", "--no-plot"], catch_exceptions=False)
    facts = json.loads(done.stdout)
    assert facts["theory, L=1, μ=0.01"] == pytest.approx({"step_size": 4 / 1.1**2, "momentum": (0.9 / 1.1) ** 2})
    momentum = find_algorithm("momentum").hyperparameters["momentum"]
    assert facts["momentum"]["value"] == momentum.default
    assert facts["momentum"]["tuned"] == list(momentum.tuning)
    assert facts["stable up to s·λ"] == pytest.approx(2 * (1 + momentum.default))


def test_a_pair_of_value_and_gradient_is_called_that():
    def f(x):
        return float(x @ x), 2 * x

    f.start, f.gradient = [1.0, 1.0], lambda x: 2 * x
    run = nagbench.run(f, "gradient-descent", budget=5)
    assert run.status == "error"
    assert "returned a tuple of 2, expected one number or one gradient" in run.error


@pytest.mark.parametrize("name", ["start", "gradient", "domain"])
def test_a_parameter_with_a_name_that_is_taken_is_named(name):
    space: dict = {}
    exec(f"def f(x, {name}=2.0):\n    return float(x @ x)", space)
    with pytest.raises(UsageError, match=f"its parameter '{name}' has a name that nagbench takes itself"):
        nagbench.run(space["f"], "gradient-descent", start=[1.0])


def test_a_gradient_that_is_nan_at_the_start_is_named():
    def f(x):
        return float(np.sum(np.abs(x)))

    f.start, f.gradient = [0.0, 1.0], lambda x: np.array([math.nan, 1.0])
    run = nagbench.run(f, "gradient-descent", budget=5)
    assert run.error == "the norm of the gradient is nan, so the measure is not finite at the start (f = 1)"

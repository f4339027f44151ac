"""The verb check and the filters of list problems, as their users meet them."""

import json

import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli import main

FORMULAS = """
from nagbench import Problem, method
from nagbench.optimizers.hyperparameters import step_size
import numpy as np

def value(x, data, shape, rows):
    return x[0] * x[0]

def slope(x, data, shape, rows, out):
    out[0] = 2.1 * x[0]

def wrong():
    return Problem(name="wrong", family="wrong", value_kernel=value, gradient_kernel=slope, start=np.ones(1))

def plain(x):
    return x @ x

plain.start, plain.gradient = [1.0, 2.0], lambda x: 2 * x

@method("signs", hyperparameters={"step_size": step_size(0.01, tuning=(1e-3, 1.0), unit="1")})
def signs(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        iterate[i] -= hyper[0] * np.sign(gradient[i])
"""


@pytest.fixture
def mine(folder):
    (folder / "formulas_of_mine.py").write_text(FORMULAS, encoding="utf-8")
    return folder


def nag(*words):
    return CliRunner().invoke(main.cli, list(words))


def usage_error(words, monkeypatch, capsys):
    """The one line that the command line says to bad input, with exit code 2."""
    monkeypatch.setattr("sys.argv", ["nagbench", *words])
    with pytest.raises(SystemExit) as caught:
        main.main()
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert len(told.err.splitlines()) == 1
    return told.err


def checks(*words):
    done = nag("check", *words, "--format", "json")
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize("name", ["bowl", "rosenbrock:dimension=3", "quadratic:eigenvalues=[1,2]", "nesterov", "adam"])
def test_what_is_sound_is_exit_code_0(name):
    code, rows = checks(name)
    assert code == 0
    assert {row["status"] for row in rows} <= {"passed", "skipped"}


def test_what_is_broken_is_exit_code_1_and_says_where(mine):
    done = nag("check", "formulas_of_mine:wrong")
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if " failed " in line]
    assert "gradient" in line
    assert "at x = [" in line
    assert "1 failed" in done.stderr


def test_optimizers_and_functions_of_ones_own(mine):
    for name in ("formulas_of_mine:signs", "formulas_of_mine:signs:step_size=0.5", "python:formulas_of_mine:plain"):
        code, rows = checks(name)
        assert code == 0, [row for row in rows if row["status"] == "failed"]
        assert {row["subject"] for row in rows} == {name.removesuffix(":step_size=0.5")}


def test_every_problem_of_a_file_and_several_names_at_once(mine):
    (mine / "mine.toml").write_text(
        '[steep]\nfamily = "quadratic"\nparameters = { eigenvalues = [1.0, 50.0] }\n'
        '[off]\nfamily = "formulas_of_mine:wrong"\n',
        encoding="utf-8",
    )
    code, rows = checks("mine.toml", "nesterov")
    assert code == 1
    assert list(dict.fromkeys(row["subject"] for row in rows)) == ["steep", "off", "nesterov"]
    assert {row["subject"] for row in rows if row["status"] == "failed"} == {"off"}


def test_a_seed_is_repeated_to_the_last_digit():
    assert checks("boyd-3exp", "--seed", "3") != checks("boyd-3exp")
    first, second = (
        [{**row, "detail": ""} if row["check"] == "speed" else row for row in checks("boyd-3exp", "--seed", "3")[1]]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rosenbrok"], "unknown problem or optimizer 'rosenbrok'; did you mean 'rosenbrock'"),
        (["nestrov"], "did you mean 'nesterov'"),
        (["bowl", "--optimizer"], "unknown optimizer 'bowl'"),
        (["nowhere.toml"], "nowhere.toml"),
        (["nowhere:f"], "No module named 'nowhere'"),
        (["formulas_of_mine:nothing"], "nothing"),
        (["formulas_of_mine:plain"], "a plain function of x is python:formulas_of_mine:plain"),
        (["empty.toml"], "names no problem"),
        (["taken.toml"], "'bowl' is already in suite 'core'"),
        (["nesterov:stepsize=1"], "did you mean 'step_size'"),
        (["bowl", "--seed", "-1"], "--seed"),
        ([], "NAME|FILE"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(mine, words, said, monkeypatch, capsys):
    (mine / "empty.toml").write_text("", encoding="utf-8")
    (mine / "taken.toml").write_text('[bowl]\nfamily = "rosenbrock"\n', encoding="utf-8")
    assert said in usage_error(["check", *words], monkeypatch, capsys)


def listed(*words):
    return {row["name"]: row for row in json.loads(nag("list", "problems", *words, "--format", "json").stdout)}


@pytest.mark.slow
def test_filters_choose_by_kind_dimension_condition_source_and_suite():
    mgh = listed("--suite", "mgh")
    assert {row["suite"] for row in mgh.values()} == {"mgh"}
    assert set(mgh) < set(nagbench.problems())
    convex = listed("--suite", "mgh", "--kind", "convex")
    assert set(convex) == {name for name, row in mgh.items() if row["kind"] == "convex"} != set()
    small = listed("--suite", "mgh", "--dimension", "3..5")
    assert set(small) == {name for name, row in mgh.items() if 3 <= row["dimension"] <= 5} != set()
    assert set(listed("--suite", "core", "--dimension", "2")) == {"bowl", "rosenbrock"}
    assert set(listed("--suite", "core", "--condition", "1e4..")) == {"ill-conditioned-1e4", "ill-conditioned-1e6"}
    assert set(listed("--suite", "core", "--condition", "..100")) == {"bowl", "ill-conditioned-1e2"}
    assert "beale" in listed("--source", "garbow")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["problems", "--kind", "concave"], "unknown kind 'concave'"),
        (["problems", "--suite", "cor"], "did you mean 'core'"),
        (["problems", "--dimension", "two"], "dimension 'two' is neither a number nor LOW..HIGH"),
        (["problems", "--dimension", "5..2"], "dimension '5..2' is empty"),
        (["problems", "--condition", "nan.."], "condition 'nan..' is empty"),
        (
            ["problems", "--source", "Nestorov", "--format", "json"],
            "fits --source 'Nestorov'; did you mean 'Nesterov'?",
        ),
        (["problems", "--dimension", "651..700"], "fits --dimension '651..700'; the nearest: 650"),
        (["problems", "--condition", "..0.5"], "the nearest: 1"),
        (
            ["problems", "--suite", "core", "--source", "no such text"],
            "--source 'no such text' (0 by itself) and --suite 'core' (6 by",
        ),
        (["optimizers", "--kind", "convex"], "--kind applies only to problems, not to optimizers"),
    ],
)
def test_filters_that_cannot_be_are_one_line_and_exit_code_2(words, said, monkeypatch, capsys):
    assert said in usage_error(["list", *words], monkeypatch, capsys)

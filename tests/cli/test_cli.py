"""The command line as its users meet it: good input and bad, in a process of its own where that matters."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from command_line import nag
from rich.cells import cell_len
from tunings import ONE_START_OPTIONS

import nagbench
from nagbench.cli.console import print_table
from nagbench.cli.main import GROUPS, VERBS, cli


def quick(*words):
    return (
        "sweep",
        "-p",
        "bowl",
        "-o",
        "nesterov",
        "--trials",
        "2",
        *ONE_START_OPTIONS,
        "--no-timing",
        "--no-report",
        *words,
    )


def test_help_needs_no_heavy_import():
    code = "import sys; sys.argv = ['nagbench', '--help']\nfrom nagbench.cli.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "print(sorted({'numba', 'numpy', 'pandas', 'matplotlib', 'scipy', 'pyarrow', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "sweep" in done.stdout


def test_sweep_prints_a_table_and_where_things_are(folder):
    done = nag(
        "sweep",
        "-p",
        "bowl",
        "-p",
        "rosenbrock",
        "-o",
        "nesterov",
        "-o",
        "adam",
        "--trials",
        "3",
        *ONE_START_OPTIONS,
        "--budget",
        "500",
        "-j",
        "1",
    )
    assert done.returncode == 0
    assert "★" in done.stdout
    assert "over budget" in done.stdout
    results = next(line.partition(": ")[2] for line in done.stderr.splitlines() if line.startswith("results"))
    report = next(line.partition(":")[2].strip() for line in done.stderr.splitlines() if line.startswith("report"))
    assert (folder / results / "manifest.json").exists()
    assert (folder / report).read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_sweep_for_machines(folder):
    table = nag(*quick("--format", "json", "-q"))
    rows = json.loads(table.stdout)
    assert table.stderr == ""
    assert {row["optimizer"] for row in rows} == {"nesterov"}
    again = nag(*quick("--format", "csv", "-q"))
    assert again.stdout.splitlines()[0].startswith("cell,problem,family")
    assert len(again.stdout.splitlines()) == len(rows) + 1


def test_dry_run_runs_nothing(folder):
    done = nag("sweep", "--dry-run")
    assert done.returncode == 0
    assert "cells would run" in done.stderr
    assert not (folder / "results").exists()


def test_the_bare_command_prints_its_help():
    bare, asked = CliRunner().invoke(cli, []), CliRunner().invoke(cli, ["--help"])
    assert bare.exit_code == 0
    assert bare.stdout == asked.stdout
    for group in GROUPS:
        assert f"{group.title}:" in bare.stdout
        assert f"example: {group.example}" in " ".join(bare.stdout.split())
    assert bare.stderr == ""


def test_suites_and_filters_choose_problems():
    for words, expected in (
        (("-p", "suite:classic-2d", "--kind", "quadratic"), {"bowl"}),
        (("-p", "rosenbrock*", "-p", "suite:core", "--dimension", "3.."), {"rosenbrock-10"}),
    ):
        done = CliRunner().invoke(
            cli, ["sweep", *words, "-o", "nesterov", "--mode", "default", "--dry-run", "--format", "json"]
        )
        assert {row["problem"] for row in json.loads(done.stdout)} >= expected, words
        assert "rosenbrock" not in {row["problem"] for row in json.loads(done.stdout)}


def test_a_list_in_a_pipe_is_narrow():
    for words in (("problems", "--suite", "composite"), ("optimizers",)):
        shown = CliRunner().invoke(cli, ["list", *words]).stdout.splitlines()
        assert max(map(cell_len, shown)) <= 100, words
        whole = CliRunner().invoke(cli, ["list", *words, "--wide"]).stdout.splitlines()
        assert len(shown) == len(whole)
        assert max(map(cell_len, whole)) > 100


def test_several_optimizers_are_run_and_drawn(folder):
    done = CliRunner().invoke(
        cli, ["run", "bowl", "nesterov:lr=0.1,momentum=0.3", "gradient-descent:lr=0.1", "--plot", "paths.svg"]
    )
    lines = done.stdout.splitlines()
    assert [line.split()[2] for line in lines[1:]] == [
        "39",
        str(nagbench.run("bowl", "gradient-descent:step_size=0.1").iterations),
    ]
    assert "gradient-descent:lr=0.1, converged" in (folder / "paths.svg").read_text(encoding="utf-8")


BAD = [
    (("run", "bowl", "nag"), ["nag", "did you mean 'nesterov'"]),
    (("sweep", "-p", "suite:mghh"), ["mghh", "did you mean 'mgh'"]),
    (("sweep", "-p", "bowl", "--kind", "convecs"), ["convecs", "convex"]),
    (("sweep", "-p", "bowl", "--kind", "nonconvex"), ["none of 1 problems"]),
    (("map", "suite:core", "nesterov", "--plot", "x.png"), ["a single problem", "suite:core"]),
    (("sweep", "-p", "rosenbrok"), ["rosenbrok", "rosenbrock"]),
    (("sweep", "-o", "nestrov"), ["nestrov", "nesterov"]),
    (("sweep", "-p", "zzz*"), ["zzz*"]),
    (("run", "bowl", "nesterov:stepsize=1"), ["stepsize", "step_size"]),
    (("run", "bowl", "nesterov:step_size=0"), ["step_size=0", "above 0"]),
    (("run", "bowl", "nesterov:step_size=-1"), ["step_size=-1", "above 0"]),
    (("run", "bowl", "nesterov:step_size=nan"), ["step_size=nan", "above 0"]),
    (("run", "bowl", "nesterov:step_size=abc"), ["step_size='abc'", "a number"]),
    (("run", "bowl", "nesterov:momentum=1"), ["momentum=1", "below 1"]),
    (("run", "bowl", "nesterov", "--tolerance", "0"), ["tolerance", "above 0"]),
    (("run", "bowl", "nesterov", "--tolerance", "x"), ["tolerance", "not a number"]),
    (("run", "bowl", "nesterov", "--start", "1,2,3"), ["start", "2 finite numbers"]),
    (("run", "bowl", "nesterov", "--oracle", "minibatch:4"), ["bowl", "minibatch:4"]),
    (("run", "bowl", "nesterov", "--oracle", "mini"), ["mini", "minibatch:ROWS"]),
    (("run", "bowl", "nesterov", "--measure", "gradiant"), ["gradiant", "gradient"]),
    (("run", "bowl", "nesterov", "--engine", "nunba"), ["nunba", "numba"]),
    (("run", "rosenbrock:dimension=0", "nesterov"), ["dimension=0", "at least 2"]),
    (("run", "rosenbrock:dimensions=3", "nesterov"), ["dimensions", "dimension"]),
    (("run", "rosenbrock-10", "nesterov", "--plot", "x.png"), ["dimension 2", "rosenbrock-10"]),
    (("sweep", "--tolerance", "0"), ["tolerances", "above 0"]),
    (("sweep", "--mode", "tunned"), ["tunned", "tuned"]),
    (("sweep", "--trials", "0"), ["trials", "at least 1"]),
    (("sweep", "missing.toml"), ["missing.toml", "no such file"]),
    (("sweep", "--no-such-option"), ["--no-such-option"]),
    (("report", "nowhere"), ["nowhere", "not a results directory"]),
    (("show", "bowls"), ["bowls", "bowl"]),
    (("run", "mine.py:f", "nesterov"), ["mine.py:f", "did you mean mine:f?"]),
    (("show", "nesterof"), ["nesterof", "nesterov"]),
    (("show", "nesterov:momentun=1"), ["momentun", "momentum"]),
    (("sweep", "--suite", "nowhere.toml"), ["nowhere.toml"]),
    (("sweep", "-p", "rosenbrock", "-o", "nesterov", "--mode", "theory"), ["no cell to run", "theory"]),
    (("sweep", "--trials", "3000000000"), ["trials", "at most 10000000"]),
    (("sweep", "--budget", "99999999999999999999"), ["budget", "below 9007199254740992"]),
    (("run", "quadratic:dimension=1e400,condition=2", "nesterov"), ["dimension=inf", "a whole number"]),
    (("run", "rosenbrock:dimension=1e400", "nesterov"), ["dimension=inf", "a whole number"]),
    (("run", "rosenbrock:dimension=3,dimension=4", "nesterov"), ["dimension is given twice"]),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_bad_input_is_one_line_and_exit_code_2(words, said, folder):
    """In one process, through the same entry point as the console script."""
    import contextlib
    import io
    from unittest import mock

    from nagbench.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["nagbench", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exit_info,
    ):
        main()
    lines = err.getvalue().splitlines()
    assert exit_info.value.code == 2
    assert len(lines) == 1, err.getvalue()
    assert lines[0].startswith("nagbench: ")
    assert all(part in lines[0] for part in said), lines[0]
    assert "Traceback" not in out.getvalue() + err.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("problems = [", "specification bad.toml cannot be read: "),
        ('problem = ["bowl"]', "'problem'; did you mean 'problems'"),
        ('problem = ["bowl"]\ntrails = 3\n', "'trails'; did you mean 'trials'? (known: budget, "),
        ('trials = "many"\nbudget = -1\n', "bad.toml: trials: "),
        ("tolerances = [1e-3, 0.0]", "bad.toml: tolerances, entry 2: 0.0 is not valid; allowed: above 0\n"),
        ('name = "../../away"', "name"),
    ],
)
def test_bad_toml(text, said, folder):
    (folder / "bad.toml").write_text(text)
    done = nag("sweep", "bad.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_every_mistake_of_a_specification_is_told_at_once(folder):
    (folder / "bad.toml").write_text('trails = 1\ntrials = "many"\nbudget = -1\ntolerances = [0.0]\nstart = 3\n')
    line = nag("sweep", "bad.toml").stderr
    assert all(
        name in line
        for name in ("'trails'", "trials:", "budget:", "tolerances, entry 1:", "'start'; did you mean 'starts'")
    )
    assert line.count("tolerances") == 2, "the list of keys, and the one mistake"


def test_a_file_that_is_not_there_is_told_with_the_nearest_that_is(folder):
    (folder / "study.toml").write_text("")
    for words in (("sweep", "studi.toml"), ("sweep", "--suite", "studi.toml")):
        line = nag(*words).stderr
        assert "studi.toml: there is no such file; did you mean 'study.toml'?" in line
        assert "Errno" not in line
    assert "cannot be read: Is a directory" in nag("sweep", ".").stderr


def test_every_mistake_of_a_suite_is_told_at_once(folder):
    (folder / "mine.toml").write_text(
        '[a]\nfamily = "rosenbrok"\n[b]\nfamily = "rosenbrock"\nstart = [1.0]\n[c]\nfamlily = "x"\n[d]\nfamily = 3\n'
    )
    done = nag("sweep", "--suite", "mine.toml", "-p", "a")
    assert done.returncode == 2
    for said in (
        "mine.toml: a:",
        "did you mean 'rosenbrock'",
        "mine.toml: b:",
        "mine.toml: c: unknown key 'famlily'; did you mean 'family'?",
        "mine.toml: d: family",
    ):
        assert said in done.stderr


def test_a_suite_of_ones_own(folder):
    (folder / "mine.toml").write_text('[steep]\nfamily = "quadratic"\nparameters = { eigenvalues = [1.0, 50.0] }\n')
    done = nag(
        "sweep",
        "--suite",
        "mine.toml",
        "-p",
        "steep",
        "-o",
        "nesterov",
        "--trials",
        "2",
        *ONE_START_OPTIONS,
        "--format",
        "json",
        "-q",
    )
    assert {row["problem"] for row in json.loads(done.stdout)} == {"steep"}


def test_an_output_directory_that_cannot_be_written(folder):
    (folder / "file").write_text("")
    done = nag(*quick("--out", "file/inside"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "file/inside cannot be written" in done.stderr


def test_a_family_that_returns_nan_is_a_row_with_the_reason_and_exit_code_1(folder):
    (folder / "mine.py").write_text(
        "from nagbench import Problem\nimport numpy as np\n"
        "def value(x, data, shape, rows):\n    return np.nan * x[0]\n"
        "def gradient(x, data, shape, rows, out):\n    out[0] = x[0]\n"
        "def bad():\n    facts = {'name': 'bad', 'family': 'bad', 'start': np.ones(1)}\n"
        "    return Problem(value_kernel=value, gradient_kernel=gradient, **facts)\n"
    )
    done = nag(
        "sweep",
        "-p",
        "mine:bad",
        "-p",
        "bowl",
        "-o",
        "nesterov",
        "--trials",
        "2",
        *ONE_START_OPTIONS,
        "--format",
        "json",
    )
    assert done.returncode == 1
    rows = pd.DataFrame(json.loads(done.stdout))
    bad = rows[rows["problem"] == "mine:bad"]
    assert set(bad["status"]) == {"error"}
    assert bad["error"].str.contains("not finite at the start").all()
    assert (rows.loc[rows["problem"] == "bowl", "status"] != "error").all()
    assert "mine:bad" in done.stderr
    assert "Traceback" not in done.stderr


REFUSED = """
from nagbench import Problem
import numpy as np
def value(x, data, shape, rows):
    return undefined(x)
def gradient(x, data, shape, rows, out):
    out[0] = x[0]
def bad():
    return Problem(name='bad', family='bad', value_kernel=value, gradient_kernel=gradient, start=np.ones(1))
def flat():
    return Problem(name='flat', family='flat', value_kernel=value, gradient_kernel=gradient, start=np.ones((1, 1)))
"""


def test_a_kernel_that_does_not_compile_is_an_error_of_its_cells(folder):
    (folder / "mine.py").write_text(REFUSED)
    done = nag(
        "sweep",
        "-p",
        "mine:bad",
        "-p",
        "bowl",
        "-o",
        "nesterov",
        "--trials",
        "2",
        *ONE_START_OPTIONS,
        "--format",
        "json",
        "--no-report",
    )
    rows = pd.DataFrame(json.loads(done.stdout))
    assert done.returncode == 1
    assert rows.loc[rows["problem"] == "mine:bad", "error"].str.contains("does not compile").all()
    assert (rows.loc[rows["problem"] == "bowl", "error"] == "").all()
    alone = nag("run", "mine:bad", "nesterov")
    assert (alone.returncode, len(alone.stderr.splitlines())) == (2, 1)
    assert "mine.value does not compile" in alone.stderr


def test_a_problem_of_the_wrong_shape_is_refused(folder):
    (folder / "mine.py").write_text(REFUSED)
    done = nag("run", "mine:flat", "nesterov")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "start must be a flat array" in done.stderr


def test_a_truncated_part_is_named_and_made_good(folder):
    first = nag(*quick("--out", "r", "--format", "csv", "-q"))
    part = next((folder / "r" / "runs").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:200])
    again = nag(*quick("--out", "r", "--format", "csv", "-q"))
    assert again.returncode == 0
    assert len(again.stderr.splitlines()) == 1
    assert part.name in again.stderr
    assert again.stdout == first.stdout


def test_run_as_json_is_what_python_says():
    result = CliRunner().invoke(cli, ["run", "rosenbrock", "nesterov:step_size=1e-3,momentum=0.9", "--format", "json"])
    told = json.loads(result.stdout)
    run = nagbench.run("rosenbrock", "nesterov:step_size=1e-3,momentum=0.9")
    assert (told["status"], told["iterations"], told["cell"]) == ("converged", run.iterations, run.cell.key)
    assert told["iterate"] == run.iterate.tolist()


@pytest.mark.parametrize("what", ["problems", "optimizers", "families"])
def test_list_names_everything(what):
    result = CliRunner().invoke(cli, ["list", what, "--format", "json"])
    names = {row["name"] for row in json.loads(result.stdout)}
    expected = {
        "problems": nagbench.problems(),
        "optimizers": nagbench.optimizers(),
        "families": nagbench.problems.registry.families(),
    }
    assert names == set(expected[what])


def test_show_tells_the_facts():
    result = CliRunner().invoke(cli, ["show", "ill-conditioned-1e4", "--no-plot", "--format", "json"])
    facts = json.loads(result.stdout)
    assert facts["condition κ"] == pytest.approx(1e4)


def test_show_tells_what_is_known_of_an_optimizer(folder):
    result = CliRunner().invoke(cli, ["show", "momentum:momentum=0.5", "--format", "json", "--plot", "m.png"])
    facts = json.loads(result.stdout)
    assert facts["momentum"]["value"] == 0.5
    assert float(facts["stable up to s·λ"]) == pytest.approx(2 * (1 + 0.5))
    assert Path("m.png").read_bytes().startswith(b"\x89PNG")


def test_show_draws_no_rates_of_a_method_that_has_none(folder):
    result = CliRunner().invoke(cli, ["show", "adam"])
    assert (result.exit_code, "no figure" in result.stderr, list(Path().glob("*.png"))) == (0, True, [])
    assert nag("show", "adam", "--plot", "a.png").returncode == 2


# Says when the loop has run for the first time and is to run on. A shell's background jobs inherit an ignored SIGINT.
TOLD_WHEN_COUNTING = """
import signal
from nagbench.cli.main import main
from nagbench.engine import runner
usual = runner._next_allowance
def next_allowance(*given):
    runner._next_allowance = usual
    print("counting", flush=True)
    return usual(*given)
runner._next_allowance = next_allowance
signal.signal(signal.SIGINT, signal.SIG_DFL)
main()
"""


def test_interrupted_is_130(folder):
    words = ["-p", "ill-conditioned-1e6", "-o", "gradient-descent:step_size=1e-9", "--budget", "2000000000", "-j", "1"]
    command = [sys.executable, "-c", TOLD_WHEN_COUNTING, "sweep", *words, "--out", "r"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "counting\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=600)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "the same command resumes the sweep" in err
    assert "Traceback" not in err


def test_more_methods_than_columns_fit_go_into_rows(folder):
    texts = [f"nesterov:step_size={step:g},momentum=0.12345678901234567" for step in np.linspace(0.1, 0.4, 7)]
    done = nag("sweep", "-p", "bowl", *(word for text in texts for word in ("-o", text)), "--no-timing", "--no-report")
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["problem", "mode", "method", "iterations"]
    assert {line.split()[2] for line in lines[2:-1]} == set(texts)
    counts = [int(line.replace("★", "").split()[3]) for line in lines[2:-1]]
    assert counts == sorted(counts)


def test_help_says_in_whole_sentences_what_each_verb_does():
    told = CliRunner().invoke(cli, ["--help"]).stdout.partition("Options:")[2]
    assert "..." not in told
    assert set(VERBS) <= set(told.split())


def test_a_row_is_one_line_in_a_pipe(capsys):
    print_table(pd.DataFrame({"label": ["x" * 300, "y"], "reason": ["z" * 300, ""]}), "table")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["x" * 300, "z" * 300]


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("<&-", ">&-", "2>&-")), "<&- >&- 2>&-"]
)
def test_streams_that_are_closed_are_in_nobodys_way(folder, closed):
    words = [sys.executable, "-m", "nagbench", *quick("-j", "2", "--out", "r")]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert ("iterations until" in done.stdout) == (" >&-" not in f" {closed}")
    assert nagbench.load("r").missing == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_that_the_encoding_does_not_have_are_spelled_out(folder, encoding):
    command = [sys.executable, "-m", "nagbench", *quick("-j", "1", "--out", "r")]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert "measure is <= 1e-06" in done.stdout

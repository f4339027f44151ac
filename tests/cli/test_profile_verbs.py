"""The verbs profile, rank and medians on a small sweep."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from click.testing import CliRunner
from tunings import ONE_START

import nagbench
from nagbench.analysis.profiles import performance_profile, work
from nagbench.cli.main import cli, main


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small sweep on disk, not timed."""
    folder = tmp_path_factory.mktemp("profile") / "a"
    nagbench.sweep(
        problems=["bowl", "ill-conditioned-1e2", "ill-conditioned-1e4"], optimizers=["nesterov", "momentum"], trials=2,
        **ONE_START,
        out=folder, curves=False, timing=False, budget=3_000,
    )  # fmt: skip
    return folder


def nag(*words: object, capsys) -> tuple[int, str, str]:
    with mock.patch.object(sys, "argv", ["nagbench", *map(str, words)]), pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_csv_is_the_whole_profile(made, capsys):
    code, out, err = nag("profile", made, "--format", "csv", capsys=capsys)
    assert code == 0
    assert "mode tuned; there is also theory" in err
    assert "a profile of 3 problems is coarse" in err
    sweep = nagbench.load(made)
    table = work(sweep.runs, sweep.timings)
    expected = performance_profile(table[(table["mode"] == "tuned") & (table["tolerance"] == 1e-6)])
    told = pd.read_csv(io.StringIO(out))
    assert told["ratio"].tolist() == pytest.approx(expected["ratio"].tolist())
    assert told["share"].tolist() == pytest.approx(expected["share"].tolist())


@pytest.mark.parametrize(
    "words",
    [
        ("profile", "--kind", "performance", "--mode", "theory"),
        ("profile", "--kind", "data", "--by", "evaluations", "--per-dimension"),
        ("profile", "--kind", "ecdf"),
        ("profile", "--kind", "log-ratio", "-m", "nesterov", "-m", "momentum"),
        ("rank",),
    ],
)
def test_every_kind_prints_and_draws(words, made, tmp_path, capsys):
    picture = tmp_path / "deep" / "p.svg"
    code, out, err = nag(words[0], made, *words[1:], "--plot", picture, capsys=capsys)
    assert code == 0, err
    assert "nesterov" in out + err
    assert picture.read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_rank_says_where_there_are_too_few_problems(made, capsys):
    _, out, err = nag("rank", made, "--format", "json", capsys=capsys)
    assert {row["method"] for row in json.loads(out)} == {"nesterov", "momentum"}
    assert "too few data to distinguish algorithms by rank: 3 problems, fewer than 6" in err


def test_medians_of_single_runs_have_no_interval(made, capsys):
    code, out, err = nag("medians", made, "--format", "json", capsys=capsys)
    rows = json.loads(out)
    assert code == 0
    assert all(row["low"] is None for row in rows)
    assert "inf" in {row["median"] for row in rows}
    assert "no interval of 95%" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("profile", "{a}", "--by", "time"), ["nothing was timed"]),
        (("profile", "{a}", "--mode", "tunned"), ["tunned", "did you mean 'tuned'"]),
        (("profile", "{a}", "-m", "nestrov"), ["nestrov", "did you mean 'nesterov'"]),
        (("profile", "{a}", "--tolerance", "1e-5"), ["1e-05", "1e-06 and 0.001"]),
        (("profile", "{a}", "--kind", "log-ratio"), ["two algorithms", "--method"]),
        (("profile", "{a}", "--per-dimension"), ["changes no ratio"]),
        (("profile", "{a}", "--plot", "x.wurst"), ["x.wurst"]),
        (("profile", "nowhere"), ["nowhere", "no results directory"]),
        (("rank", "{a}", "--confidence", "2"), ["confidence", "between 0 and 1"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, said, made, capsys):
    code, _, err = nag(*(word.format(a=made) for word in words), capsys=capsys)
    lines = [line for line in err.splitlines() if "there is also" not in line]
    assert code == 2
    assert len(lines) == 1, err
    assert all(part in lines[0] for part in said)


def test_the_tolerance_is_printed_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = {"optimizers": ["nesterov", "momentum"], "trials": 2, **ONE_START, "timing": False, "curves": False}
    nagbench.sweep(problems=["bowl", "beale"], out="run", tolerances=[1e-5], **quick)
    assert "1e-05" in CliRunner().invoke(cli, ["profile", "run"]).stdout

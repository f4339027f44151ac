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
    assert "showing mode tuned; --mode selects another (theory)" in err
    assert "a profile over 3 problems is coarse" in err
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
    assert "no 95% interval" in err


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (("verdicts", "-m", "nesterov"), "tab:default-verdicts"),
        (("rank",), "tab:default-tuned-ranks"),
        (("medians",), "tab:default-tuned-medians"),
        (("profile", "--kind", "data", "--kind", "quadratic"), "tab:default-tuned-data"),
    ],
)
def test_tables_for_papers_are_latex(words, label, made, capsys):
    code, out, err = nag(words[0], made, *words[1:], "--format", "tex", capsys=capsys)
    assert code == 0, err
    assert f"\\label{{{label}}}" in out
    assert r"until $\|\nabla f(x)\| \le 10^{-6}$" in out
    assert "2 trials" in out
    assert out.isascii()
    assert out.count(r"\toprule") == out.count(r"\bottomrule") == 1


def test_verdicts_are_those_of_the_sweep(made, tmp_path, capsys):
    code, out, err = nag("verdicts", made, "--format", "csv", "--plot", tmp_path / "v.svg", capsys=capsys)
    assert code == 0, err
    told, expected = pd.read_csv(io.StringIO(out)), nagbench.load(made).verdicts
    assert told["verdict"].tolist() == expected["verdict"].tolist()
    assert told["ratio"].tolist() == pytest.approx(expected["ratio"].tolist(), nan_ok=True)
    assert (tmp_path / "v.svg").exists()
    _, out, _ = nag("verdicts", made, "--mode", "theory", "-p", "ill-conditioned-1e4", capsys=capsys)
    assert "exact counts of given settings" in out or "one start" in out


def test_a_profile_takes_the_filters_of_list(made, capsys):
    code, out, err = nag("profile", made, "--condition", "1000..", "--format", "json", capsys=capsys)
    assert code == 0
    assert "1 problem" in err
    assert {row["share"] for row in json.loads(out)} <= {0.0, 1.0}


def test_export_is_one_flat_table(made, tmp_path, capsys):
    file = tmp_path / "deep" / "flat.parquet"
    code, out, _ = nag("export", made, "--out", file, capsys=capsys)
    assert (code, out.strip()) == (0, str(file))
    sweep = nagbench.load(made)
    table = pd.read_parquet(file)
    assert len(table) == len(sweep.runs)
    assert {*sweep.runs, "wall_time", "machine"} <= {*table}
    _, out, _ = nag("export", made, "--format", "csv", "--selected", capsys=capsys)
    assert len(pd.read_csv(io.StringIO(out))) == sweep.runs["selected"].sum()


def test_export_of_a_merged_directory_has_no_row_twice(folder, capsys):
    for name in ("bowl", "rosenbrock"):
        nagbench.sweep(problems=[name], optimizers=["nesterov"], modes=["default"], budget=50, timing=False, out=name)
    nagbench.merge(["bowl", "rosenbrock"], "both")
    code, out, _ = nag("export", "both", "--format", "csv", capsys=capsys)
    table = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert len(table) == 4
    assert not table.duplicated(["cell", "tolerance"]).any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verdicts", "{a}", "-m", "nestrov"), ["nestrov", "did you mean 'nesterov'"]),
        (("verdicts", "{a}", "--tolerance", "1"), ["tolerance 1", "1e-06"]),
        (("verdicts", "{a}", "-p", "bowll"), ["did you mean 'bowl'"]),
        (("profile", "{a}", "--kind", "performances"), ["did you mean 'performance'"]),
        (("profile", "{a}", "--kind", "data", "--kind", "ecdf"), ["one kind of profile"]),
        (("profile", "{a}", "--dimension", "7"), ["none of 3 problems", "--dimension '7'"]),
        (("export", "{a}", "--out", "/dev/null/x"), ["cannot be written"]),
        (("report", "{a}", "--format", "pdf-figures", "--width", "wide"), ["width 'wide'", "88mm"]),
        (("report", "{a}", "--format", "pdf-figures", "--font-size", "1"), ["font size 1", "4 to 40"]),
        (("report", "{a}", "--width", "3in"), ["pdf-figures"]),
        (("profile", "{a}", "--by", "time"), ["nothing was timed"]),
        (("profile", "{a}", "--mode", "tunned"), ["tunned", "did you mean 'tuned'"]),
        (("profile", "{a}", "-m", "nestrov"), ["nestrov", "did you mean 'nesterov'"]),
        (("profile", "{a}", "--tolerance", "1e-5"), ["1e-05", "1e-06 and 0.001"]),
        (("profile", "{a}", "--kind", "log-ratio"), ["two algorithms", "--method"]),
        (("profile", "{a}", "--per-dimension"), ["changes no ratio"]),
        (("profile", "{a}", "--plot", "x.wurst"), ["x.wurst"]),
        (("profile", "nowhere"), ["nowhere", "not a results directory"]),
        (("rank", "{a}", "--confidence", "2"), ["confidence", "between 0 and 1"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, said, made, capsys):
    code, _, err = nag(*(word.format(a=made) for word in words), capsys=capsys)
    lines = [line for line in err.splitlines() if "showing mode" not in line]
    assert code == 2
    assert len(lines) == 1, err
    assert all(part in lines[0] for part in said)


def test_the_tolerance_is_printed_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = {"optimizers": ["nesterov", "momentum"], "trials": 2, **ONE_START, "timing": False, "curves": False}
    nagbench.sweep(problems=["bowl", "beale"], out="run", tolerances=[1e-5], **quick)
    assert "1e-05" in CliRunner().invoke(cli, ["profile", "run"]).stdout

"""Problems from outside that misbehave while the process that drives needs them cost themselves, and nothing else."""

import sys

import numpy as np
import pytest
from command_line import nag
from thinned import thinned
from tunings import ONE_START

import nagbench
from benchmarks.hostile import HANGS
from nagbench.core.canonical import canonical
from nagbench.core.errors import LostError, UsageError
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.execution.sandbox import sandboxed
from nagbench.execution.worker_process import Limits
from nagbench.problems.registry import build_problem

SMALL = {
    "optimizers": ["nesterov"],
    "modes": ["tuned"],
    "trials": 3,
    **ONE_START,
    "budget": 60,
    "tolerances": [1e-3],
    "repeats": 1,
}
COMPARED = ["optimizer", "step_size", "momentum", "status", "iterations", "value", "residual"]


@pytest.fixture(scope="module")
def bowl(tmp_path_factory):
    """The rows of a problem that behaves, alone."""
    return nagbench.sweep(problems=["bowl"], **SMALL, timing=False, out=tmp_path_factory.mktemp("bowl")).runs[COMPARED]


@pytest.mark.parametrize(
    ("kind", "told"),
    thinned(
        [
            (0, "signal 11 (SIGSEGV)"),
            (1, "stopped after 3 s without an answer"),
            (2, "stopped at 400 MiB, the memory that it may take"),
            (5, "ended with exit code 3"),
            (7, "stopped after 3 s without an answer"),
            (8, "stopped after 3 s without an answer"),
            (9, "stopped after 3 s without an answer"),
            (10, "(a real-time signal)"),
            (11, "ended with exit code 3"),
            (12, "closed its connection"),
            (13, "sent an invalid answer"),
        ],
        kept=(0, 5, 13),
    ),
)
def test_where_a_problem_is_lost_in_planning_its_cells_are_errors_and_the_others_are_counted(hostile, bowl, kind, told):
    text = f"nth:nth:kind={kind},n=2"
    done = nagbench.sweep(
        problems=[text, "bowl"], **SMALL, timing=False, out=hostile / "out", cell_timeout=3.0 if kind in HANGS else 300.0,
        cell_memory=400.0 if kind == 2 else None,
    )  # fmt: skip
    bad = done.runs[done.runs["problem"] == text]
    assert list(bad["status"]) == ["error"] * 3
    assert all(told in error for error in bad["error"])
    others = done.runs.loc[done.runs["problem"] == "bowl", COMPARED].reset_index(drop=True)
    assert others.equals(bowl)
    assert done.missing == 0
    assert "nth" not in sys.modules


@pytest.mark.parametrize("n", thinned([60, 400], kept=[60]))
def test_where_it_is_lost_later_no_row_is(hostile, bowl, n):
    """After some hundred calls: while it is counted, traced, timed or drawn."""
    text = f"nth:nth:kind=5,n={n}"
    done = nagbench.sweep(problems=[text, "bowl"], **SMALL, out=hostile / "out")
    assert "</html>" in done.report(hostile / "report.html").read_text(encoding="utf-8")
    bad = done.runs[done.runs["problem"] == text]
    assert len(bad) == 3
    assert {"ended with exit code 3" in error for error in bad.loc[bad["status"] == "error", "error"]} <= {True}
    assert done.runs.loc[done.runs["problem"] == "bowl", COMPARED].reset_index(drop=True).equals(bowl)
    timed = done.timings.merge(bad[bad["selected"]], on="cell", suffixes=("", "_run"))
    assert len(timed) == int((bad["selected"] & (bad["status"] != "error")).sum())


def test_what_cannot_be_built_is_one_line(hostile):
    done = nag("sweep", "-p", "nth:nth:kind=5,where=build", "-p", "bowl", "-o", "nesterov", "-q", cwd=hostile)
    assert done.returncode == 2
    assert done.stderr == "nagbench: problem nth:nth: the process that ran it ended with exit code 3\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "nth:nth:kind=5,n=20", "gradient-descent"], 1),
        (["show", "nth:nth:kind=5", "--no-plot"], 2),
        (["check", "nth:nth:kind=0,n=2"], 1),
        (["map", "nth:nth:kind=5,n=5", "nesterov", "--grid", "2"], 1),
    ],
)
def test_verbs_say_in_one_line_what_became_of_it(hostile, words, code):
    done = nag(*words, cwd=hostile)
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "exit code 3" in done.stderr or "SIGSEGV" in done.stdout


def test_a_problem_elsewhere_is_the_same_problem(hostile):
    here = build_problem("nth:nth", {"n": 10**9})
    sources = fingerprint_of(canonical(here.spec), "nesterov")
    points = np.random.default_rng(0).standard_normal((50, 2))
    with sandboxed():
        there = build_problem("nth:nth", {"n": 10**9})
        assert type(there) is not type(here)
        assert there.spec == here.spec
        for name in ("start", "domain", "minimizers"):
            assert np.array_equal(getattr(there, name), getattr(here, name))
        values, slopes = there.evaluate(points)
        assert np.array_equal(values, 0.5 * points[:, 0] ** 2 + 5 * points[:, 1] ** 2)
        assert np.array_equal(slopes, points * [1, 10])
        assert fingerprint_of(canonical(there.spec), "nesterov") == sources


def test_a_problem_that_was_lost_is_not_tried_again(hostile):
    with sandboxed(Limits(seconds=0.5, given=True)) as present:
        problem = build_problem("nth:nth", {"kind": 1})
        with pytest.raises(LostError, match=r"stopped after 0\.5 s"):
            problem.gradient([1.0, 1.0])
        assert present.lost == {canonical(problem.spec): "stopped after 0.5 s without an answer"}
        with pytest.raises(LostError, match=r"stopped after 0\.5 s"):
            problem.gradient([1.0, 1.0])


def test_what_a_function_raises_is_said_as_ever(hostile):
    with sandboxed(), pytest.raises(UsageError, match="ArithmeticError: on purpose"):
        build_problem("nth:nth", {"kind": 3}).gradient([1.0, 1.0])


def test_a_report_within_a_sweeps_limits_keeps_them():
    """Without limits of its own: 120 s for every call that hangs made a page of minutes."""
    hard = Limits(2.0, 600 * 2**20, given=True)
    with sandboxed(hard) as outer, sandboxed() as inner:
        assert inner is outer
        assert inner.limits == hard
    with sandboxed() as alone:
        assert alone.limits.seconds > hard.seconds

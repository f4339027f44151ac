"""Methods from outside that misbehave, wherever the process that drives needs them, cost themselves and nothing else."""

import sys

import numpy as np
import pytest
from command_line import nag
from thinned import thinned
from tunings import ONE_START

import nagbench
from benchmarks.hostile import methods
from nagbench.core.canonical import canonical
from nagbench.core.errors import LostError, UsageError
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.execution.sandbox import sandboxed
from nagbench.execution.worker_process import Limits
from nagbench.optimizers.algorithm import Optimizer, textbook_hyperparameters
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.remote import MethodReference, describe_method
from nagbench.optimizers.stability import asymptotic_rate, stability_limit

SMALL = {
    "problems": ["bowl"],
    "trials": 3,
    **ONE_START,
    "budget": 60,
    "tolerances": [1e-3],
    "repeats": 1,
    "engine": "python",
}
COMPARED = ["mode", "step_size", "momentum", "status", "iterations", "value", "residual"]
FACTS = ["name", "slots", "look_ahead", "autonomous", "tested_at", "source", "summary", "library", "next_momentum",
         "distributions", "modules"]  # fmt: skip


def swept(*optimizers, **settings):
    return nagbench.sweep(optimizers=optimizers, **SMALL, **settings)


def rows(done, optimizer):
    return done.runs.loc[done.runs["optimizer"] == optimizer, COMPARED].reset_index(drop=True)


@pytest.fixture
def at_once(monkeypatch):
    """Nobody else kills processes here: the first death is believed."""
    monkeypatch.setattr("nagbench.execution.sandbox._DEATHS", 1)


@pytest.fixture(scope="module")
def nesterov(tmp_path_factory):
    """The rows of a method that behaves, alone."""
    return rows(swept("nesterov", timing=False, out=tmp_path_factory.mktemp("nesterov")), "nesterov")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (0, r"signal 11 \(SIGSEGV\)"),
        (1, "stopped after 3 s without an answer"),
        (2, "stopped at 400 MiB, the memory that it may take"),
        (3, "cannot be imported: ArithmeticError: on purpose"),
        (5, "ended with exit code 3"),
        (6, "cannot be imported: SystemExit: bye"),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_one_that_cannot_be_imported_is_refused_before_anything_is_run(hostile, kind, told):
    methods(hostile, kind)
    limits = {"cell_timeout": 3.0 if kind == 1 else 300.0, "cell_memory": 400.0 if kind == 2 else None}
    with pytest.raises(UsageError, match=f"^optimizer '?methods:plain'?:? .*{told}$"):
        swept("nesterov", "methods:plain", out=hostile / "out", **limits)
    assert not (hostile / "out").exists()
    assert "methods" not in sys.modules


def test_on_the_command_line_that_is_one_line(hostile):
    methods(hostile, 5)
    done = nag("sweep", "-p", "bowl", "-o", "nesterov", "-o", "methods:plain", cwd=hostile)
    told = "nagbench: optimizer methods:plain: the process that ran it ended with exit code 3\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


@pytest.mark.parametrize(
    ("name", "where", "kind", "told"),
    [
        pytest.param("marked", "theory", 1, "stopped after 3 s without an answer", marks=pytest.mark.slow),
        ("marked", "theory", 5, "ended with exit code 3"),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_where_one_is_lost_in_planning_its_cells_are_errors(hostile, nesterov, name, where, kind, told):
    methods(hostile, kind, where)
    done = swept(
        "nesterov", f"methods:{name}", out=hostile / "out", timing=False, cell_timeout=3.0 if kind == 1 else 300.0
    )
    bad = done.runs[done.runs["optimizer"] == f"methods:{name}"]
    assert list(bad["status"]) == ["error"] * 3
    assert all(told in error for error in bad["error"])
    assert rows(done, "nesterov").equals(nesterov)
    assert done.missing == 0


@pytest.mark.usefixtures("at_once")
def test_one_that_cannot_be_made_is_refused_before_anything_is_run(hostile):
    methods(hostile, 0, "made")
    with pytest.raises(UsageError, match=r"^optimizer methods:made: .*signal 11 \(SIGSEGV\)$"):
        swept("nesterov", "methods:made", out=hostile / "out")
    assert not (hostile / "out").exists()


@pytest.mark.usefixtures("at_once")
def test_where_its_theory_is_all_that_was_asked_for_the_loss_is_told(hostile):
    methods(hostile, 5, "theory")
    with pytest.raises(UsageError, match=r"^methods:marked: the process that ran it ended with exit code 3$"):
        swept("methods:marked", modes=["theory"], out=hostile / "out")


def test_what_its_theory_raises_is_told(hostile):
    methods(hostile, 3, "theory")
    with pytest.raises(UsageError, match=r"^methods:marked: theory\(2, 2\) raised ArithmeticError: on purpose$"):
        swept("methods:marked", out=hostile / "out")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("n", "failed"), thinned([(1, 4), (150, 0)], kept=(1,)))
def test_where_a_step_is_its_last_no_row_is_lost(hostile, nesterov, n, failed):
    """The first, while it is counted; or one after the 149 that are counted, while it is traced, timed and drawn."""
    methods(hostile, 5, "step", n)
    done = swept("nesterov", "methods:marked", out=hostile / "out")
    bad = done.runs[done.runs["optimizer"] == "methods:marked"]
    assert list(bad["status"] == "error") == [True] * failed + [False] * (4 - failed)
    assert all("exit code 3" in error for error in bad["error"][:failed])
    assert rows(done, "nesterov").equals(nesterov)
    timed = done.timings.set_index("cell")["error"].reindex(bad.loc[bad["selected"], "cell"])
    assert all("exit code 3" in str(error) for error in timed) or failed
    assert "</html>" in done.report(hostile / "report.html").read_text(encoding="utf-8")


def test_what_it_prints_is_not_seen(hostile):
    methods(hostile, 4, "import")
    done = nag("run", "bowl", "methods:plain", "--iterations", "2", cwd=hostile)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 3
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "bowl", "methods:plain"], 1),
        (["check", "methods:plain"], 1),
        (["verify", "methods:marked", "momentum", "qhm", "--scenario", "constant"], 0),
    ],
)
def test_verbs_say_in_one_line_what_became_of_it(hostile, words, code):
    methods(hostile, 5, "step", 2)
    done = nag(*words, cwd=hostile)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "ended with exit code 3" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["marked", "plain", "made"])
def test_a_method_elsewhere_is_the_same_method(hostile, name):
    here, spec = find_algorithm(f"methods:{name}"), canonical(nagbench.problem("bowl").spec)
    sources = fingerprint_of(spec, here.name)
    for own in ("methods", "harsh"):
        sys.modules.pop(own, None)
    with sandboxed():
        there = find_algorithm(f"methods:{name}")
        assert "methods" not in sys.modules
        assert [getattr(there, fact) for fact in FACTS] == [getattr(here, fact) for fact in FACTS]
        assert dict(there.hyperparameters) == dict(here.hyperparameters)
        assert there.schedulable == here.schedulable
        assert fingerprint_of(spec, there.name) == sources
        assert textbook_hyperparameters(there, 4.0, 1.0) == textbook_hyperparameters(here, 4.0, 1.0)
        assert stability_limit(there, {"step_size": 1.0}) == stability_limit(here, {"step_size": 1.0})
        rates = [
            asymptotic_rate(Optimizer(method, {"step_size": 0.5}), np.array([1.0, 3.0])) for method in (there, here)
        ]
        assert rates == pytest.approx([0.5, 0.5], rel=1e-12)
        assert rates[0] == rates[1]


@pytest.mark.usefixtures("at_once")
def test_one_that_was_lost_is_not_tried_again(hostile):
    methods(hostile, 5, "theory")
    with sandboxed(Limits(seconds=5.0, given=True)) as present:
        method = find_algorithm("methods:marked")
        assert textbook_hyperparameters(method, 1.0, 0.5) is None
        assert present.lost == {"methods:marked": "the process that ran it ended with exit code 3"}
        with pytest.raises(LostError, match="ended with exit code 3"):
            describe_method(MethodReference(method.name, method.user_code))


def test_a_large_library_may_take_longer_to_import_than_a_cell(hostile):
    """Every module that it imports is a sign of life."""
    for part in range(6):
        (hostile / f"part_{part}.py").write_text("import time; time.sleep(0.5)\n", encoding="utf-8")
    imports = "".join(f"import part_{part}\n" for part in range(6))
    (hostile / "methods.py").write_text(f"{imports}def plain(x, gradient, state): pass\n", encoding="utf-8")
    with sandboxed(Limits(seconds=0.1, given=True)):
        assert find_algorithm("methods:plain").library == "own"

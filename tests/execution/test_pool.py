"""Code that misbehaves costs its own cell and nothing else."""

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from command_line import nag
from tunings import ONE_START_OPTIONS

import nagbench
from benchmarks.hostile import HANGS, SPEC, STEPS, table_hash
from nagbench.engine.batches import batch_of
from nagbench.execution.executors import limits_of
from nagbench.execution.pool import Pool
from nagbench.execution.worker_process import Limits
from nagbench.experiments.plan import make_plan
from nagbench.experiments.specification import validate_spec


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (0, "signal 11 (SIGSEGV)"),
        (1, "stopped after 3 s, the time that a cell may take"),
        pytest.param(2, "stopped at 600 MiB, the memory that a cell may take", marks=pytest.mark.slow),
        pytest.param(3, "ArithmeticError: on purpose", marks=pytest.mark.slow),
        (5, "ended with exit code 3"),
        pytest.param(6, "SystemExit: bye", marks=pytest.mark.slow),
        pytest.param(7, "stopped after 3 s, the time that a cell may take", marks=pytest.mark.slow),
        pytest.param(8, "stopped after 3 s, the time that a cell may take", marks=pytest.mark.slow),
        pytest.param(9, "stopped after 3 s, the time that a cell may take", marks=pytest.mark.slow),
        pytest.param(10, f"signal {signal.SIGRTMIN + 3} (a real-time signal)", marks=pytest.mark.slow),
        pytest.param(11, "ended with exit code 3", marks=pytest.mark.slow),
        pytest.param(12, "closed its connection", marks=pytest.mark.slow),
        (13, "sent an invalid answer"),
        (14, "sent an invalid answer"),
        pytest.param(15, "sent an invalid answer", marks=pytest.mark.slow),
        pytest.param(16, "sent an invalid answer", marks=pytest.mark.slow),
    ],
)
def test_a_cell_that_misbehaves_is_an_error_and_the_others_are_counted(hostile, kind, told):
    done = nagbench.sweep(
        problems=[f"hostile:hostile:kind={kind}"], optimizers=[STEPS], budget=100, tolerances=[1e-6], timing=False,
        curves=False, out=hostile / "out", cell_timeout=3.0 if kind in HANGS else 300.0, cell_memory=600.0,
    )  # fmt: skip
    ends = {row.step_size: row for row in done.runs.itertuples()}
    assert {step: row.status for step, row in ends.items()} == {0.5: "converged", 3.0: "error", 0.25: "converged"}
    assert told in ends[3.0].error
    # f = x²/2 shrinks by 1 − s a step: log(1e-6)/log(1 − s) steps, in closed form.
    assert (ends[0.5].iterations, ends[0.25].iterations) == (20, 49)


def test_what_it_prints_is_not_seen_and_not_in_the_way(hostile):
    words = [
        "sweep",
        "-p",
        "hostile:hostile:kind=4",
        "-o",
        STEPS,
        "--budget",
        "100",
        "--no-timing",
        "--no-report",
        "-q",
    ]
    done = nag(*words, "--format", "json", "-j", "1", cwd=hostile)
    rows = json.loads(done.stdout)
    assert {row["status"] for row in rows} == {"converged", "diverged"} or len(rows) == 6
    assert "yyy" not in done.stderr
    assert "zzz" not in done.stderr


def test_errors_are_counted_again_and_fail_fast_stops(hostile):
    words = [
        "sweep",
        "-p",
        "hostile:hostile:kind=3",
        "-o",
        STEPS,
        "--budget",
        "100",
        "--no-timing",
        "--no-report",
        "-q",
    ]
    first = nag(*words, "--fail-fast", "-j", "1", cwd=hostile)
    assert first.returncode == 1
    assert first.stderr.count("\n") == 1
    assert "ArithmeticError: on purpose" in first.stderr
    text = (hostile / "hostile.py").read_text().replace('raise ArithmeticError("on purpose")', "return")
    (hostile / "hostile.py").write_text(text)
    assert nag(*words, "-j", "1", cwd=hostile).returncode == 0


def test_a_process_that_somebody_kills_costs_nothing(undisturbed, tmp_path):
    """As many processes die as there are tasks: the first of each kind of death is nobody's fault."""

    class Killer(nagbench.experiments.stages.Progress):
        killed = 0

        def advance(self, count, statuses):
            if self.killed < 1:
                self.killed += 1
                for child in children():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)

    killer = Killer()
    done = nagbench.sweep(**SPEC, out=tmp_path / "out", jobs=2, progress=killer)
    assert killer.killed
    assert table_hash(done) == table_hash(undisturbed)


def children():
    """The processes that this one started and that count."""
    mine = str(os.getpid()).encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (process / "stat").read_bytes().rpartition(b")")[2].split()[1]
            if parent == mine and b"nagbench.execution.worker" in (process / "cmdline").read_bytes():
                yield int(process.name)


def test_no_process_stays_behind(undisturbed, tmp_path):
    class Impatient(nagbench.experiments.stages.Progress):
        def advance(self, count, statuses):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nagbench.sweep(**SPEC, out=tmp_path / "out", jobs=2, progress=Impatient())
    assert list(children()) == []
    assert table_hash(nagbench.sweep(**SPEC, out=tmp_path / "out")) == table_hash(undisturbed)


def test_a_pool_gives_every_cell_back(undisturbed):
    plan = make_plan(validate_spec({name: SPEC[name] for name in ("problems", "optimizers", "trials", "budget")}))
    bundles = [lot.cells for lot in plan]
    with contextlib.closing(Pool(1, Limits(seconds=60.0))) as pool:
        tables = list(pool.run(iter(bundles), lambda: None))
    found = [key for table in tables for key in table["cell"].to_pylist()]
    assert sorted(set(found)) == sorted(key for bundle in bundles for key in bundle.keys)
    assert len(found) == 2 * len(set(found))


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_limits_are_positive_numbers(wrong):
    with pytest.raises(nagbench.UsageError, match="cell timeout"):
        limits_of(wrong, None)
    with pytest.raises(nagbench.UsageError, match="cell memory"):
        limits_of(None, wrong)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--shard", "3/2"], "3/2"),
        (["--shard", "0/2"], "0/2"),
        (["--shard", "a"], "I/N"),
        (["--scheduler", "tcp://x"], "dask"),
        (["--cell-timeout", "0"], "cell timeout"),
        (["--timeout", "-1"], "timeout"),
    ],
)
def test_what_is_not_valid_is_one_line(tmp_path, words, told):
    done = nag("sweep", "-p", "bowl", "-o", "nesterov", *words, "--out", tmp_path / "o")
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_limits_that_are_never_reached(tmp_path):
    done = nag("sweep", "-p", "bowl", "-o", "nesterov", "--trials", "1",
    *ONE_START_OPTIONS, "--no-timing", "--no-curves", "--no-report",
               "--timeout", "1e300", "--cell-timeout", "1e300", "--out", tmp_path / "o")  # fmt: skip
    assert (done.returncode, "error" in done.stdout + done.stderr) == (0, False)


def test_memory_that_no_process_can_start_in_is_said(tmp_path):
    done = nag("sweep", "-p", "bowl", "-o", "nesterov", "--cell-memory", "10", "--out", tmp_path / "o")
    assert done.returncode == 2
    assert "10 MiB" in done.stderr
    assert done.stderr.count("\n") == 1


def test_bundle_of_a_bundle_is_itself():
    bundle = next(iter(make_plan(validate_spec({"problems": ["bowl"], "optimizers": ["nesterov"]})))).cells
    assert batch_of(bundle, bundle.names) is bundle

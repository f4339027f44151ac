"""However a sweep is run, it ends in the same table, bit for bit."""

import signal
import subprocess
import sys
import time

import pytest
from command_line import nag
from tunings import ONE_TUNING, ONE_TUNING_OPTIONS

import nagbench
from benchmarks.hostile import SPEC, table_hash
from nagbench.execution import dask_cluster
from nagbench.experiments.stages import Progress

WORDS = [
    "sweep", "-p", "bowl", "-p", "rosenbrock", "-o", "nesterov", "-o", "gradient-descent", "--trials", "6",
    *ONE_TUNING_OPTIONS, "--starts", "2",
    "--budget", "500", "--no-timing", "--no-report", "-q",
]  # fmt: skip


def test_in_two_processes(undisturbed, tmp_path):
    assert table_hash(nagbench.sweep(**SPEC, out=tmp_path, jobs=2)) == table_hash(undisturbed)


def test_in_one_that_is_watched(undisturbed, tmp_path):
    assert table_hash(nagbench.sweep(**SPEC, out=tmp_path, cell_timeout=60.0)) == table_hash(undisturbed)


def test_with_a_plan_that_is_read_back_from_the_disk(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr("nagbench.experiments.sweep._MOST_KEPT", 10)
    assert undisturbed.manifest["cells"] > 10
    done = nagbench.sweep(**{**SPEC, "curves": True}, out=tmp_path)
    assert table_hash(done) == table_hash(undisturbed)
    assert set(done.curves["cell"]) == set(done.shown["cell"])


def test_in_shards(undisturbed, tmp_path):
    shards = [nagbench.sweep(**SPEC, out=tmp_path / str(i), shard=(i, 2)) for i in (1, 2)]
    assert sum(shard.counted for shard in shards) == undisturbed.manifest["cells"]
    assert all(0 < shard.counted < undisturbed.manifest["cells"] for shard in shards)
    merged = nagbench.merge([tmp_path / "1", tmp_path / "2"], tmp_path / "both")
    assert merged.missing == 0
    assert table_hash(merged) == table_hash(undisturbed)
    half = nagbench.merge([tmp_path / "2"], tmp_path / "half")
    assert half.missing == shards[0].counted
    assert table_hash(nagbench.sweep(**SPEC, out=tmp_path / "half")) == table_hash(undisturbed)


def test_on_dask(undisturbed, tmp_path):
    distributed = pytest.importorskip("distributed")
    with dask_cluster._local(distributed, 2) as workers:
        done = nagbench.sweep(**SPEC, out=tmp_path, executor="dask", scheduler=workers.scheduler_address)
    assert workers.scheduler_address.startswith("tcp://127.0.0.1:")
    assert table_hash(done) == table_hash(undisturbed)


def test_a_local_cluster_has_the_workers_asked_for_and_ports_that_are_free():
    """Whatever the number of cores. Another Dask, or another test, may hold the usual port."""
    distributed = pytest.importorskip("distributed")
    with dask_cluster._local(distributed, 0) as none, dask_cluster._local(distributed, 1) as one:
        assert [len(each.worker_spec) for each in (none, one)] == [0, 1]
        ports = {each.scheduler.http_server.port for each in (none, one)}
    assert len(ports) == 2
    assert 8787 not in ports


def test_methods_of_libraries_and_of_the_user_on_dask(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    importers = tmp_path / "importers"
    (tmp_path / "steps_of_mine.py").write_text(
        f"import sys\nwith open({str(importers)!r}, 'a') as file: print('distributed' in sys.modules, file=file)\n"
        "def step(x, gradient, state, step_size=0.1):\n    return x - step_size * gradient\n", encoding="utf-8"
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = {**SPEC, "optimizers": ["steps_of_mine:step", "scipy/cg"], "trials": 2, **ONE_TUNING, "starts": 1}
    alone = nagbench.sweep(**spec, out=tmp_path / "alone")
    assert set(alone.runs["status"]) >= {"converged"}
    assert table_hash(nagbench.sweep(**spec, out=tmp_path / "dask", executor="dask")) == table_hash(alone)
    # Watched processes alone, which know nothing of Dask: not its workers, nor this process, where the scheduler is.
    assert set(importers.read_text(encoding="utf-8").split()) == {"False"}


def test_a_scheduler_without_workers_is_told_of_and_waited_for(undisturbed, tmp_path, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("nagbench.execution.dask_cluster._ALONE", 0.0)
    told = []

    class Hiring(Progress):
        def pulse(self):
            if not told and "no worker" in (said := capsys.readouterr().err):
                told.append(said)
                workers.scale(1)

    with dask_cluster._local(distributed, 0) as workers:
        done = nagbench.sweep(
            **SPEC, out=tmp_path, executor="dask", scheduler=workers.scheduler_address, progress=Hiring()
        )
    assert told[0].count("no worker") == 1
    assert table_hash(done) == table_hash(undisturbed)


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("nagbench.execution.dask_cluster._ANSWER", 1)
    with pytest.raises(nagbench.UsageError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        nagbench.sweep(**SPEC, out=tmp_path, executor="dask", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("text", ["localhost", "tcp://localhost", "tcp://a b:1", "8786"])
def test_what_is_no_address_is_refused_before_dask_sees_it(tmp_path, text):
    with pytest.raises(nagbench.UsageError, match=r"is not an address; allowed: tcp://HOST:PORT"):
        nagbench.sweep(**SPEC, out=tmp_path, executor="dask", scheduler=text)


@pytest.mark.parametrize(("jobs", "how"), [(1, signal.SIGKILL), (2, signal.SIGKILL), (2, signal.SIGINT)])
def test_killed_and_resumed(undisturbed, tmp_path, jobs, how):
    """Killed as soon as the results directory is there: nothing of it needs to be finished."""
    command = [sys.executable, "-m", "nagbench", *WORDS, "-j", str(jobs), "--out", str(tmp_path / "o")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "o" / "plan").exists():
        time.sleep(0.01)
    process.send_signal(how)
    told = process.communicate(timeout=600)[1]
    assert process.returncode in (0, 130 if how == signal.SIGINT else -how)
    assert how == signal.SIGKILL or process.returncode == 0 or told.strip().count("\n") == 0
    assert table_hash(nagbench.sweep(**SPEC, out=tmp_path / "o")) == table_hash(undisturbed)


def test_a_time_that_is_over(undisturbed, tmp_path):
    done = nag(*WORDS, "--timeout", "0.01", "-j", "2", "--out", tmp_path / "o")
    assert done.returncode == 130
    assert "the same command resumes the sweep" in done.stderr
    assert nag(*WORDS, "-j", "2", "--out", tmp_path / "o").returncode == 0
    assert table_hash(nagbench.load(tmp_path / "o")) == table_hash(undisturbed)


def test_curves_are_kept_unless_they_are_switched_off(tmp_path):
    assert nag(*WORDS, "--no-curves", "-j", "1", "--out", tmp_path / "o").returncode == 0
    assert nagbench.load(tmp_path / "o").curves.empty
    assert nag(*WORDS, "-j", "1", "--out", tmp_path / "o").returncode == 0
    found = nagbench.load(tmp_path / "o")
    assert set(found.curves["cell"]) == set(found.shown["cell"])


def test_two_sweeps_into_one_directory(undisturbed, tmp_path):
    command = [sys.executable, "-m", "nagbench", *WORDS, "-j", "1", "--out", str(tmp_path / "o")]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=600)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert table_hash(nagbench.load(tmp_path / "o")) == table_hash(undisturbed)


def test_results_that_do_not_fit_are_refused(undisturbed, tmp_path):
    other = nagbench.sweep(**{**SPEC, "budget": 400}, out=tmp_path / "other")
    with pytest.raises(nagbench.UsageError, match="budget is 400, not 500"):
        nagbench.merge([undisturbed.store.folder, other.store.folder], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_outcomes_that_differ_are_refused(undisturbed, tmp_path):
    import shutil

    shutil.copytree(undisturbed.store.folder, tmp_path / "copy")
    store = nagbench.load(tmp_path / "copy").store
    rows = store.read("runs")
    for file in (tmp_path / "copy" / "runs").iterdir():
        file.unlink()
    store.append("runs", rows.assign(iterations=rows["iterations"] + (rows.index == 3)))
    cell = rows["cell"][3]
    with pytest.raises(nagbench.UsageError, match=cell):
        nagbench.merge([undisturbed.store.folder, tmp_path / "copy"], tmp_path / "new")
    done = nag("replay", cell, "--in", tmp_path / "copy")
    assert done.returncode == 1
    assert "not the same" in done.stderr


def test_sweeps_of_other_problems_are_joined(undisturbed, tmp_path):
    parts = [
        nagbench.sweep(**{**SPEC, "problems": [name]}, out=tmp_path / name).store.folder for name in SPEC["problems"]
    ]
    assert table_hash(nagbench.merge(parts, tmp_path / "joined")) == table_hash(undisturbed)


def test_replay_says_the_same_bits(undisturbed, tmp_path):
    cell = undisturbed.runs["cell"][0]
    done = nag("replay", cell[:8], "--in", undisturbed.store.folder)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "the same, bit for bit")
    assert nag("replay", "0", "--in", undisturbed.store.folder).returncode == 2
    assert nag("replay", "../../x", "--in", undisturbed.store.folder).returncode == 2
    assert nag("replay", cell, cwd=tmp_path).returncode == 2

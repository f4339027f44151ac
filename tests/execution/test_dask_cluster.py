"""What Dask's workers are asked before and between tasks."""

import types

import distributed
import pytest
from distributed.comm import CommClosedError

from nagbench import __version__
from nagbench.core.errors import UsageError
from nagbench.execution import dask_cluster
from nagbench.execution.worker_process import NO_LIMITS

DIED = CommClosedError("Scheduler Broadcast")


def a_run(answers=None, upload=None):
    """On a cluster whose workers answer so, and take files so."""

    def run(function, *arguments, on_error):
        if isinstance(answers, Exception):
            raise answers
        return {"tcp://a": __version__} if answers is None else answers

    return dask_cluster._Run(distributed, types.SimpleNamespace(run=run, upload_file=upload), NO_LIMITS)


def test_a_worker_that_dies_while_it_is_asked_is_no_obstacle():
    a_run({"tcp://a": DIED, "tcp://b": __version__})
    a_run({"tcp://a": DIED})._require("anything")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"tcp://a": DIED, "tcp://b": ModuleNotFoundError("no nagbench")}, "tcp://b cannot import nagbench"),
        ({"tcp://a": "0.0.1"}, "tcp://a has nagbench 0.0.1"),
        (DIED, "scheduler is gone"),
    ],
)
def test_what_workers_lack_is_said(answers, said):
    with pytest.raises(UsageError, match=said):
        a_run(answers)


def test_a_file_is_sent_again_where_a_worker_died(tmp_path):
    sent = []

    def upload(file, load):
        sent.append(file)
        if len(sent) < 2:
            raise DIED

    a_run(upload=upload)._send(tmp_path / "mine.py")
    assert sent == [str(tmp_path / "mine.py")] * 2


def test_a_file_that_cannot_be_sent_is_named(tmp_path):
    def upload(file, load):
        raise DIED

    with pytest.raises(UsageError, match=r"mine\.py cannot be sent"):
        a_run(upload=upload)._send(tmp_path / "mine.py")


def test_workers_that_cannot_start_are_told_of_in_a_line(monkeypatch):
    def cluster_of(*_args, **_settings):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", cluster_of)
    with pytest.raises(UsageError, match="if __name__ == '__main__'"):
        dask_cluster._local(distributed, 2)

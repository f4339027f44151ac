"""The page of a running sweep: what it shows, who gets it, and how it ends."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import nagbench
from nagbench import UsageError
from nagbench.experiments.stages import Progress
from nagbench.reporting.watch.server import watch_server
from nagbench.reporting.watch.state import Snapshots, Watched, read_so_far


def get(url, path="/", **headers):
    place = re.fullmatch(r"http://(.*)/", url)[1]
    connection = http.client.HTTPConnection(place, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov", "momentum"], modes=["default"], starts=8, budget=500, timing=False,
        tolerances=[1e-3], out=tmp_path_factory.mktemp("watch") / "a<b>",
    )  # fmt: skip


def test_the_page_shows_what_the_directory_holds(sweep):
    progress = Watched(Progress())
    progress.stage("counting", 40)
    progress.advance(30, {"converged": 28, "diverged": 2})
    with watch_server(sweep.store.folder, Snapshots(sweep.store.folder, progress).state, 0) as url:
        status, page, headers = get(url)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "connect-src 'self'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "http" not in page.replace("http://www.w3.org", "")
        status, text, headers = get(url, "/state.json?now")
        state = json.loads(text)
        assert (status, headers["Cache-Control"]) == (200, "no-store")
        assert get(url, "/report.html")[0] == 404
        sweep.store.write("report.html", "<p>report")
        assert get(url, "/report.html")[1] == "<p>report"
        assert get(url, "/manifest.json")[0] == get(url, "/../manifest.json")[0] == 404
        with (
            pytest.raises(UsageError, match="cannot be served"),
            watch_server(sweep.store.folder, dict, int(url[17:-1])),
        ):
            pass
    assert state["progress"] | {"left": ""} == {
        "stage": "counting", "ended": False, "done": 30, "total": 40, "left": "", "warnings": [],
        "statuses": {"converged": 28, "diverged": 2},
    }  # fmt: skip
    winner = {"a": "nesterov", "b": "momentum"}.get(sweep.verdicts["verdict"].iloc[0], "undecided")
    assert [row["winner"] for row in state["best"]] == [winner]
    assert [curve["title"].partition(":")[0] for curve in state["curves"]] == ["bowl, default"]
    assert state["curves"][0]["svg"].startswith("<svg")


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1.example.org", ""])
def test_other_hosts_get_nothing(sweep, host):
    with watch_server(sweep.store.folder, lambda: {"secret": 1}, 0) as url:
        for path in ("/", "/state.json"):
            status, text, _ = get(url, path, Host=host)
            assert status == 421
            assert "secret" not in text


def test_nothing_is_read_while_cells_are_timed(sweep, monkeypatch):
    progress = Watched(Progress())
    progress.stage("timing", 3)
    assert Snapshots(sweep.store.folder, progress).state()["best"] == []
    progress.end("finished")
    assert Snapshots(sweep.store.folder, progress).state()["best"] != []


def test_a_directory_that_is_not_there_yet(tmp_path):
    state = Snapshots(tmp_path / "none", Watched(Progress())).state()
    assert (state["best"], state["note"]) == ([], "no result yet")


@pytest.mark.slow
def test_failures_are_told(undisturbed):
    state = read_so_far(undisturbed)
    assert len(state["failures"]) == min(20, len(undisturbed.failures))


@pytest.mark.slow
@pytest.mark.parametrize("ended", [False, True])
def test_ctrl_c_ends_the_sweep_and_its_page(folder, ended):
    words = ["sweep", "--watch", "-p", "bowl", "-o", "nesterov", "--mode", "default", "--no-timing", "--no-report"]
    if not ended:
        words[2:6] = ["-p", "rosenbrock-10", "-o", "rmsprop"]
        words += ["--mode", "tuned", "--trials", "100000", "-j", "1"]
    command = [sys.executable, "-m", "nagbench", *words, "--out", "a"]
    for _ in range(2):
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ
        )
        try:
            line = next(line for line in process.stderr if "watch it at" in line)
            url = re.search(r"http://\S+/", line)[0]
            state = {}
            for _ in range(600):
                state = json.loads(get(url, "/state.json")[1])
                if state["progress"]["ended"] or (not ended and state["progress"]["done"] > 0):
                    break
                time.sleep(0.1)
            assert state["progress"]["ended"] == ended
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == (0 if ended else 130)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        if ended:
            assert state["best"][0]["problem"] == "bowl"

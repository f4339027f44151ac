"""Ctrl-C and the end of the time where Python itself would lose them."""

import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy.stats import qmc

import nagbench
from nagbench.execution.deadline import Deadline, OutOfTimeError
from nagbench.execution.signals import defer_signals
from nagbench.experiments.sobol import sobol_points

# Python cannot raise what comes up while an object is finalised: it says so and goes on.
LOST = """
import sys, click
from nagbench.cli import main as cli
from nagbench.execution.deadline import OutOfTimeError

class Tidy:
    def __del__(self):
        raise {what}

@cli.cli.command("lose")
def lose():
    Tidy()
    print("went on")

sys.argv = ["nagbench", "lose"]
cli.main()
"""


@pytest.fixture
def heeding():
    """A shell's background jobs inherit an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("KeyboardInterrupt", "interrupted"),
        ("OutOfTimeError('the time limit was reached (5 s)')", "the time limit was reached"),
    ],
)
def test_an_interrupt_that_python_would_lose_ends_the_process(what, told):
    done = subprocess.run([sys.executable, "-c", LOST.format(what=what)], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith(f"nagbench: {told}")
    assert "Traceback" not in done.stderr


def test_what_else_is_raised_where_nothing_can_be_raised_is_told_as_ever():
    command = [sys.executable, "-c", LOST.format(what="ArithmeticError")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert "ArithmeticError" in done.stderr


def held(number, steps):
    with defer_signals():
        signal.raise_signal(number)
        steps.append("done")


def test_an_interrupt_waits_until_the_block_has_ended(heeding):
    steps = []
    with pytest.raises(KeyboardInterrupt):
        held(signal.SIGINT, steps)
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_end_of_the_time_waits_too():
    steps = []
    with pytest.raises(OutOfTimeError), Deadline(60.0).alarm():
        held(signal.SIGALRM, steps)
    assert steps == ["done"]


def test_an_error_in_the_block_comes_out_where_nothing_interrupts():
    with pytest.raises(ArithmeticError), defer_signals():
        raise ArithmeticError


def test_in_another_thread_nothing_is_held():
    ran = []

    def block():
        with defer_signals():
            ran.append(1)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert ran == [1]


def test_the_sequence_is_scipys_without_the_origin():
    np.testing.assert_array_equal(sobol_points(3).random(7), qmc.Sobol(3, scramble=False).random(8)[1:])
    # Of no free hyperparameter there is one trial all the same.
    assert sobol_points(0).random(1).shape == (1, 1)


def test_an_interrupt_while_the_numbers_are_read_does_not_spoil_them(heeding):
    """Sent at the first line of SciPy's that reads its file, which cannot raise."""
    code = """
import signal, zipfile
from nagbench.experiments.sobol import sobol_points as sobol
signal.signal(signal.SIGINT, signal.default_int_handler)
usual = zipfile.ZipFile.open
def struck(*args, **kwargs):
    zipfile.ZipFile.open = usual
    signal.raise_signal(signal.SIGINT)
    return usual(*args, **kwargs)
zipfile.ZipFile.open = struck
try:
    sobol(2)
except KeyboardInterrupt:
    print(sobol(2).random(3).tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == ("[[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]\n", "")


def told_to_end(folder, name, heard, trials):
    """A sweep that a signal comes to at every table of outcomes, here and in what it starts heard or not."""
    spec = ["-p", "rosenbrock", "-o", "nesterov", "--trials", str(trials), "--no-report", "--no-timing", "--out", "o"]
    words = [sys.executable, "-c", TOLD_TO_END.format(name=name, heard=heard), "sweep", *spec, "-j", "2"]
    ignoring = ["sh", "-c", f'trap "" {name.removeprefix("SIG")}; exec "$@"', "sh"]
    return subprocess.run([*ignoring, *words], capture_output=True, text=True, timeout=600, cwd=folder)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_to_end_keeps_what_is_counted(tmp_path, name, code):
    """As a cluster's queue sends it before it kills, and a terminal that closes: no outcome is on the disk by then."""
    done = told_to_end(tmp_path, name, True, 4000)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].endswith("finished work is kept, and the same command resumes the sweep")
    assert "Traceback" not in done.stderr
    assert nagbench.load(tmp_path / "o").counted > 0


TOLD_TO_END = """
import signal
from nagbench.cli import main as cli
from nagbench.experiments import stages
usual = stages._Ready.add
def add(self, table):
    usual(self, table)
    signal.raise_signal(signal.{name})
stages._Ready.add = add
if {heard}:
    signal.signal(signal.{name}, signal.SIG_DFL)
cli.main()
"""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_what_whoever_started_it_ignores_does_not_end_a_sweep(tmp_path, name):
    """nohup ignores SIGHUP, and a shell ignores SIGINT for what a script starts in the background."""
    done = told_to_end(tmp_path, name, False, 4)
    assert (done.returncode, "kept" in done.stderr) == (0, False)
    assert nagbench.load(tmp_path / "o").missing == 0


def test_a_signal_that_is_to_be_ignored_is_ignored():
    code = (
        "import signal; from nagbench.execution.signals import install_handlers; "
        "install_handlers(); signal.raise_signal(signal.SIGHUP); print('on')"
    )
    words = ["sh", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, code]
    assert subprocess.run(words, capture_output=True, text=True, timeout=600).stdout == "on\n"


@pytest.mark.parametrize(
    ("words", "kept"), [("sweep -p bowl", True), ("sweep --dry-run", False), ("run bowl nesterov", False)]
)
def test_only_what_stores_results_says_that_they_are_kept(words, kept):
    code = (
        "import sys; from nagbench.cli import main; sys.argv = ['nagbench', *sys.argv[1:]]; main._stop('interrupted')"
    )
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True, timeout=600)
    assert done.stderr.startswith("nagbench: interrupted")
    assert ("finished work is kept" in done.stderr) == kept

"""A sweep's time ends whatever runs, and what ends it is nobody's error."""

import pytest
from command_line import nag

import nagbench
from nagbench.execution.deadline import Deadline, OutOfTimeError
from nagbench.experiments.stages import Progress, with_deadline


def test_what_gives_no_pulse_is_ended_and_no_handler_of_exceptions_keeps_it():
    def busy():
        while True:
            try:
                sum(range(1000))
            except Exception:
                pytest.fail("taken for an error of the code's")

    with pytest.raises(OutOfTimeError, match=r"\(0\.05 s\)"), Deadline(0.05).alarm():
        busy()


def test_it_ends_once_so_that_what_is_finished_can_be_written():
    deadline = Deadline(1e-9)
    with deadline.alarm():
        with pytest.raises(OutOfTimeError):
            with_deadline(Progress(), deadline).pulse()
        for _ in range(100_000):
            pass
    assert deadline.is_over


def test_a_plan_that_never_ends_is_ended_and_the_same_call_goes_on(hostile):
    with pytest.raises(OutOfTimeError):
        nagbench.sweep(problems=["nth:nth:kind=1", "bowl"], optimizers=["nesterov"], out=hostile / "out", timeout=0.5)
    assert not list(hostile.glob("out/*/*.parquet"))


def test_the_command_says_so_in_one_line(hostile):
    done = nag("sweep", "-p", "nth:nth:kind=1", "-o", "nesterov", "--timeout", "0.1", "-q", cwd=hostile)
    assert done.returncode == 130
    assert done.stderr == (
        "nagbench: the time limit was reached (0.1 s); finished work is kept, and the same command resumes the sweep\n"
    )

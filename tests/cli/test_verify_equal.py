"""`nagbench verify --equal`, for a check in CI."""

from dataclasses import replace

import pytest
from command_line import nag

import nagbench
from nagbench.cli.verify import _report_differences


@pytest.mark.parametrize(
    ("names", "code", "lines"),
    [(("momentum", "torch/sgd"), 0, 0), (("nesterov", "torch/sgd-nesterov"), 1, 1)],
)
def test_the_exit_code_says_whether_they_are_equal(names, code, lines):
    """PyTorch returns the query point of Nesterov's method, so it differs from the textbook's from the first step on."""
    done = nag("verify", "--equal", *names, "--scenario", "constant", "--steps", "20")
    assert (done.returncode, done.stderr.count("\n")) == (code, lines)
    assert ("nesterov" in done.stderr and "from step 1 on" in done.stderr) == bool(code)


@pytest.mark.parametrize(("left_out", "code"), [("torch/sgd", 1), ("keras/sgd", 0)])
def test_a_named_implementation_that_is_left_out_is_no_success(left_out, code):
    """One that was not named, only a member of the group, may be missing."""
    found = nagbench.verify("momentum", "torch/sgd", scenarios=["constant"], steps=5)
    assert _report_differences(found) == 0
    assert _report_differences(replace(found, missing={left_out: "its library is missing"})) == code

"""`nagbench verify --equal`, for a check in CI."""

import pytest
from command_line import nag


@pytest.mark.parametrize(
    ("names", "code", "lines"),
    [(("momentum", "torch/sgd"), 0, 0), (("nesterov", "torch/sgd-nesterov"), 1, 1)],
)
def test_the_exit_code_says_whether_they_are_equal(names, code, lines):
    """PyTorch returns the query point of Nesterov's method, so it differs from the textbook's from the first step on."""
    done = nag("verify", "--equal", *names, "--scenario", "constant", "--steps", "20")
    assert (done.returncode, done.stderr.count("\n")) == (code, lines)
    assert ("nesterov" in done.stderr and "from step 1 on" in done.stderr) == bool(code)

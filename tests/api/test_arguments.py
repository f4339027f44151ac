"""Arguments of public functions: what is not valid is one line that names the argument, and equal values are equal."""

import inspect
from fractions import Fraction

import numpy as np
import psutil
import pytest

import nagbench
from nagbench import UsageError

MASKED = np.ma.masked_array([1.0, 2.0], mask=[False, True])
STEPS = "nesterov:step_size=0.1,momentum=0.3"


def run(**given):
    return nagbench.run("bowl", STEPS, **{"budget": 50, **given})


@pytest.mark.parametrize(
    "given", [{"seed": 1.0}, {"seed": np.int32(1)}, {"seed": Fraction(1)}, {"seed": np.float32(1)}]
)
def test_equal_numbers_give_the_same_draws_under_the_same_key(given):
    one, other = run(oracle="noise:0.1", seed=1), run(oracle="noise:0.1", **given)
    assert other.cell.key == one.cell.key
    assert other.iterate.tobytes() == one.iterate.tobytes()


def test_a_whole_budget_is_a_whole_budget():
    assert run(budget=50.0).cell.key == run(budget=50).cell.key == run(budget=np.int64(50)).cell.key


@pytest.mark.parametrize("value", ["10", None, True, 1.5, -1, 2**63, 10**400, float("nan"), [1], 1j, np.array([1, 2])])
@pytest.mark.parametrize("name", ["seed", "budget"])
def test_numbers_of_a_run(name, value):
    with pytest.raises(UsageError, match=rf"^{name} .* is not valid; allowed: a whole number"):
        run(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tolerance", "1e-3"), ("tolerance", None), ("tolerance", 0.0), ("tolerance", float("inf")), ("tolerance", 10**400),
        ("measure_every", 0), ("measure_every", "2"), ("measure", 3), ("oracle", None), ("oracle", 1),
        ("engine", 1), ("relative", "no"), ("relative", 1), ("path", "yes"), ("pulse", None), ("start", MASKED),
        ("start", [10**400, 1.0]), ("start", "ab"), ("start", [1j, 1.0]), ("start", [[1.0], [1.0, 2.0]]),
    ],
)  # fmt: skip
def test_other_arguments_of_a_run(name, value):
    with pytest.raises(UsageError, match=name) as told:
        run(**{name: value})
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    "call",
    [
        lambda: nagbench.run(None, STEPS),
        lambda: nagbench.run("bowl", None),
        lambda: nagbench.optimizer(None),
        lambda: nagbench.optimizer("nesterov", step_size=10**400),
        lambda: nagbench.problem(None),
        lambda: nagbench.problem(3),
        lambda: nagbench.problem("quadratic", eigenvalues=MASKED),
        lambda: nagbench.problem("bowl", start=MASKED),
        lambda: nagbench.problem("bowl", start=[10**400, 1]),
        lambda: nagbench.problem("rosenbrock", dimension=10**400),
        lambda: nagbench.problem("bowl").value(MASKED),
        lambda: nagbench.problem("bowl").gradient("ab"),
        lambda: nagbench.problem("bowl").value([1.0, 2.0, 3.0]),
        lambda: nagbench.load(None),
        lambda: nagbench.load("results\0"),
        lambda: nagbench.merge("results", "out"),
        lambda: nagbench.merge([None], "out"),
        lambda: nagbench.compare(None, "results"),
        lambda: nagbench.verify(3),
        lambda: nagbench.verify("nesterov", scenarios="constant"),
        lambda: nagbench.verify("nesterov", steps="9"),
        lambda: nagbench.verify("nesterov", hyperparameters=3),
    ],
)
def test_arguments_of_other_functions(call):
    with pytest.raises(UsageError) as told:
        call()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jobs", "2"), ("jobs", 0), ("jobs", 1.5), ("jobs", True), ("timeout", "3"), ("timeout", 0), ("timeout", True),
        ("cell_timeout", "3"), ("cell_timeout", float("nan")), ("cell_memory", -1), ("cell_memory", "1"),
        ("shard", 3), ("shard", (1, "2")), ("shard", (3, 2)), ("shard", (1, 2, 3)), ("executor", None), ("executor", "threads"),
        ("fresh", 1), ("fail_fast", "no"), ("out", 3), ("progress", 3), ("trust", "yes"), ("budget", "many"), ("seeds", 1.5),
        ("problems", 3), ("optimizers", [None]), ("spec", 3),
    ],
)  # fmt: skip
def test_arguments_of_a_sweep(folder, name, value):
    given = {"problems": ["bowl"], "optimizers": ["nesterov"], "timing": False, "curves": False, name: value}
    with pytest.raises(UsageError, match=name.replace("_", "[ _]")) as told:
        nagbench.sweep(**given)
    assert "\n" not in str(told.value)
    assert not list(folder.iterdir())


def test_every_argument_of_a_run_is_tried():
    tried = {"seed", "budget", "tolerance", "measure_every", "measure", "oracle", "engine", "relative", "path", "pulse",
             "start", "problem", "optimizer", "iterations"}  # fmt: skip
    assert set(inspect.signature(nagbench.run).parameters) == tried


@pytest.mark.parametrize(
    ("text", "bytes_each"),
    [
        ("rosenbrock:dimension=1e12", 8e12), ("quadratic:dimension=1e12,condition=10", 8e12),
        ("quadratic:dimension=1e6,condition=10,rotation=1", 8e12), ("linear-rank-1:dimension=1e6,equations=1e6", 8e12),
        ("broyden-banded:dimension=1e6", 8e12), ("broyden-tridiagonal:dimension=1e6", 8e12),
        ("factorisation:rows=1e6,columns=1e6", 8e12),
    ],
)  # fmt: skip
def test_what_does_not_fit_into_memory_is_refused_before_it_is_allocated(text, bytes_each):
    """These hold at least so many bytes: a vector of so many coordinates, or a square of them."""
    before = psutil.Process().memory_info().rss
    with pytest.raises(
        UsageError, match=r"takes about ([\d,]+\.\d) GiB of memory, more than the [\d,.]+ GiB that are free"
    ) as told:
        nagbench.problem(text)
    estimate = float(str(told.value).partition("takes about ")[2].partition(" GiB")[0].replace(",", ""))
    assert bytes_each <= estimate * 2**30 <= 20 * bytes_each
    assert psutil.Process().memory_info().rss - before < 2**29


def test_what_fits_is_not_refused():
    assert nagbench.problem("rosenbrock", dimension=100_000).dimension == 100_000

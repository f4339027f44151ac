"""What NumPy would make numbers of, but is none: masks, truth values, texts, dates, None."""

import warnings

import numpy as np
import pytest

import nagbench
from nagbench import UsageError
from nagbench.core.arguments import array, real_numbers
from nagbench.problems.adapters._jax import load_jax


@pytest.fixture(autouse=True)
def with_jax():
    """Functions are called in another way where JAX is loaded."""
    pytest.importorskip("jax")
    load_jax()


NO_NUMBERS = [
    np.array([1, 2], "M8[s]"), np.array([1, 2], "m8[s]"), ["1", "2"], np.array(["1", "2"]), [True, False], [True, 2.0],
    np.array([True, False]), [None, 1.0], [1j, 2.0], np.array([1j, 2.0]), [np.ma.masked, 1.0],
    np.ma.array([1.0, 2.0], mask=[True, False]), [b"1", 2], [{}, 1], [[1], 2.0],
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(UsageError, match="start"):
        array("start", value)
    with pytest.raises(UsageError, match="bowl"):
        nagbench.problem("bowl").value(value)
    with pytest.raises(UsageError, match="start"):
        nagbench.problem("bowl", start=value)
    with pytest.raises(UsageError, match="eigenvalues"):
        nagbench.problem("quadratic", eigenvalues=value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [([1, 2.5], [1.0, 2.5]), (np.float32(0.5), 0.5), (np.ma.array([1.0]), [1.0]), ([2**70], [2.0**70]), ([], [])],
    ids=repr,
)
def test_numbers_are_taken(value, expected):
    np.testing.assert_array_equal(real_numbers(value), expected)


@pytest.mark.parametrize("text", ["eigenvalues=[true,true]", "eigenvalues=[a,b]"])
def test_the_text_form_too(text):
    with pytest.raises(UsageError, match="eigenvalues"):
        nagbench.problem(f"quadratic:{text}")


@pytest.mark.parametrize("returned", [np.ma.masked, True, np.datetime64(1, "s"), "1", None])
def test_a_value_must_be_a_number(returned):
    problem = nagbench.problem(lambda x: returned, gradient=lambda x: 2 * x, start=[1.0, 2.0])
    with pytest.raises(UsageError, match=r"returned .*, expected real numbers"):
        problem.value([1.0, 2.0])


@pytest.mark.parametrize("returned", [np.ma.array([1.0, 2.0], mask=[True, False]), np.array([True, False])], ids=repr)
def test_a_gradient_must_be_made_of_numbers(returned):
    problem = nagbench.problem(lambda x: x @ x, gradient=lambda x: returned, start=[1.0, 2.0])
    with pytest.raises(UsageError, match=r"returned .*, expected real numbers"):
        problem.gradient([1.0, 2.0])


def test_a_masked_hyperparameter_is_refused_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match="step_size"):
            nagbench.optimizer("nesterov", step_size=np.ma.masked)


def test_a_start_whose_square_overflows_is_run_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = nagbench.run("bowl", "nesterov:step_size=0.1", start=[1e308, 1e308], budget=10, engine="python")
    assert run.status != "converged"

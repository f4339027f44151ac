"""What a message holds comes back as it was, and nothing else does."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nagbench
from nagbench.core.messages import decode, encode
from nagbench.engine.batches import Batch
from nagbench.engine.records import Cell
from nagbench.execution.counting import count_to_table

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_plain_data_come_back(value):
    back = decode(encode(value))
    assert back == value
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, -0.0, np.nan, np.inf]),
        np.zeros((0, 3), np.float32),
        np.arange(6, dtype=np.int64).reshape(2, 3).T,
        np.array([(1, 0.5)], dtype=[("k", np.int64), ("value", np.float64)]),
        np.array(3.0),
    ],
)
def test_arrays_come_back_bit_for_bit_and_can_be_written(array):
    back = decode(encode(array))
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert back.flags.writeable


def batch():
    cell = Cell(
        problem='{"family":"quadratic","parameters":{"eigenvalues":[1,100]}}', optimizer="momentum",
        hyperparameters={"step_size": 0.01, "momentum": 0.5}, tolerances=(1e-3, 1e-6), budget=500,
    )  # fmt: skip
    hypers = np.array([[0.01, 0.5], [0.002, 0.1]])
    return Batch(cell, ("step_size", "momentum"), hypers, np.zeros(2, np.int64), np.zeros(2, np.int64))


def test_a_batch_comes_back_with_its_keys():
    given_batch = batch()
    for keys_are_known in (False, True):
        back = decode(encode(given_batch))
        assert back[1] == given_batch[1]
        assert ("digests" in vars(back)) == keys_are_known
        assert back.keys == given_batch.keys


def test_a_table_of_outcomes_comes_back():
    table = count_to_table(batch())
    assert isinstance(table, pa.Table)
    assert decode(encode(table)).equals(table)


def test_a_run_comes_back():
    run = nagbench.run("rosenbrock", "nesterov", budget=50, path=True)
    back = decode(encode(run))
    assert (back.cell, back.status, back.iterations, back.value) == (run.cell, run.status, run.iterations, run.value)
    assert (back.path.tobytes(), back.curve.tobytes()) == (run.path.tobytes(), run.curve.tobytes())


@pytest.mark.parametrize("thing", [object(), {1: 2}, {1.5}, np.array([object()]), [lambda: None]])
def test_what_is_no_data_is_not_sent(thing):
    with pytest.raises(TypeError, match="a message holds no "):
        encode(thing)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        pickle.dumps([1, 2]),
        encode(1)[:-1] + b"{",
        encode({"a": 1}).replace(b"dict", b"evil"),
        encode(np.zeros(2)).replace(b"<f8", b"|O8"),
        encode(batch()).replace(b"Batch", b"Botch"),
    ],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(ValueError, match=r"^not a message: "):
        decode(content)

"""Cells as columns are the same cells."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tunings import ONE_TUNING

from nagbench.core.keys import in_shard
from nagbench.engine.batches import Batch, batch_of
from nagbench.engine.records import Cell
from nagbench.execution.counting import count_to_table
from nagbench.experiments.plan import make_plan
from nagbench.experiments.specification import validate_spec

NAMES = ("step_size", "momentum", "beta1")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def bundles(draw):
    count = draw(st.integers(1, 6))
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, 3))]
    template = Cell(
        problem=draw(st.text(max_size=20)), optimizer=draw(st.text(max_size=8)), hyperparameters={},
        relative=draw(st.booleans()), tolerances=tuple(draw(st.lists(FLOATS, min_size=1, max_size=3))),
    )  # fmt: skip
    hypers = np.array(draw(st.lists(FLOATS, min_size=count * len(names), max_size=count * len(names))), dtype=float)
    numbers = st.lists(st.integers(0, 2**40), min_size=count, max_size=count)
    return Batch(
        template, tuple(names), hypers.reshape(count, len(names)), np.array(draw(numbers)), np.array(draw(numbers))
    )


@given(bundles())
@settings(max_examples=60, deadline=None)
def test_the_keys_are_those_of_the_cells(bundle):
    cells = list(bundle)
    assert bundle.keys == [cell.key for cell in cells]
    assert [f"{key:016x}" for key in bundle.ids.tolist()] == bundle.keys
    again = batch_of(cells, bundle.names)
    assert again.hypers.tobytes() == bundle.hypers.tobytes()
    assert list(again) == cells


@given(bundles(), st.data())
@settings(max_examples=40, deadline=None)
def test_some_of_the_cells_keep_their_keys(bundle, data):
    whole = bundle.keys if data.draw(st.booleans()) else None
    rows = data.draw(st.lists(st.integers(0, len(bundle) - 1), max_size=4))
    taken = bundle.take(np.array(rows, dtype=int))
    assert taken.keys == [bundle[row].key for row in rows]
    assert whole is None or taken.keys == [whole[row] for row in rows]


@given(st.lists(st.integers(0, 2**64 - 1)), st.integers(1, 7))
def test_every_cell_is_in_exactly_one_shard(ids, parts):
    keys = np.array(ids, dtype=np.uint64)
    member = sum(in_shard(keys, (part, parts)).astype(int) for part in range(1, parts + 1))
    assert (member == 1).all()
    assert in_shard(keys, None).all()


@pytest.mark.parametrize("oracle", ["minibatch:100", "noise:0.1"])
def test_cells_with_draws_of_their_own_end_as_they_do_alone(oracle):
    """More iterations than a chunk of draws has: each cell goes on with its own."""
    spec = {"problems": ["diabetes-ols"], "optimizers": ["nesterov"], "oracles": [oracle], "budget": 9000}
    lots = list(
        make_plan(validate_spec({**spec, "modes": ["tuned"], "trials": 2, **ONE_TUNING, "starts": 2, "seeds": 2}))
    )
    assert [len(lot.cells) for lot in lots] == [8]
    together = count_to_table(lots[0].cells)
    alone = pa.concat_tables([count_to_table(lots[0].cells[i : i + 1]) for i in range(8)])
    assert together.to_pylist() == alone.to_pylist()
    assert len(set(together["digest"].to_pylist())) >= 8

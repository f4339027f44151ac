"""Keys of many cells, as numbers and as the text that tables hold, without a Python object for each cell."""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nagbench.core.errors import UsageError

Keys = NDArray[np.uint64]


def keys_to_text(digests: bytes) -> pa.Array:
    """Write keys of eight bytes each as sixteen hexadecimal digits each."""
    count = len(digests) // 8
    ends = np.arange(0, 16 * (count + 1), 16, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(binascii.hexlify(digests)))


def keys_to_ints(column: Any) -> Keys:
    """Read keys as numbers.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        Texts of sixteen hexadecimal digits.

    Raises
    ------
    UsageError
        If a text is anything else, or missing.

    Examples
    --------
    >>> keys_to_ints(pa.array(["00000000000000ff"])).tolist()
    [255]
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not len(whole):
        return np.zeros(0, np.uint64)
    try:
        if whole.null_count or pc.any(pc.not_equal(pc.binary_length(whole), 16)).as_py():
            raise ValueError
        first = np.frombuffer(whole.buffers()[1], np.int32)[whole.offset]
        text = memoryview(whole.buffers()[2])[first : first + 16 * len(whole)]
        return np.frombuffer(binascii.unhexlify(text), ">u8").astype(np.uint64)
    except ValueError:
        raise UsageError("a part holds keys that are not sixteen hexadecimal digits") from None


def in_shard(ids: Keys, shard: tuple[int, int] | None) -> NDArray[np.bool_]:
    """Return which cells are part i of n, counted from 1. It depends on the key alone, so more trials move no cell."""
    if shard is None:
        return np.ones(ids.size, bool)
    return np.asarray(ids % np.uint64(shard[1]) == np.uint64(shard[0] - 1))

"""Canonical JSON, from which the keys of cells are computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def canonical(thing: Any) -> str:
    """Return the canonical JSON of plain data.

    Parameters
    ----------
    thing
        Numbers, strings, sequences, mappings and NumPy arrays of these.

    Returns
    -------
    str
        JSON with sorted keys, without spaces, with floats in Python's shortest exact form.

    Raises
    ------
    TypeError
        If a part is not plain data.

    Examples
    --------
    >>> canonical({"b": 1, "a": 0.1})
    '{"a":0.1,"b":1}'
    """
    return json.dumps(thing, sort_keys=True, separators=(",", ":"), default=_as_plain)


def _as_plain(thing: Any) -> Any:
    if isinstance(thing, Mapping):
        return dict(thing)
    if isinstance(thing, np.ndarray | np.generic):
        return thing.tolist()
    raise TypeError(f"{type(thing).__name__} is not plain data")

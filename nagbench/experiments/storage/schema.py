"""What the parts of a results directory contain: their columns, and the values that these may have."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.errors import UsageError, truncate
from nagbench.core.keys import keys_to_ints

TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
# The columns of each kind that every part has, with these types; it may have more.
REQUIRED = {
    "runs": {
        "cell": TEXT,
        "tolerance": _REAL,
        "status": TEXT,
        "iterations": _WHOLE,
        "residual": _REAL,
        "digest": TEXT,
        "fingerprint": TEXT,
        "error": TEXT,
    },
    "plan": {
        "cell": TEXT,
        "problem": TEXT,
        "variant": TEXT,
        "mode": TEXT,
        "trial": _WHOLE,
        "oracle": TEXT,
        "optimizer": TEXT,
        "start": _WHOLE,
        "seed": _WHOLE,
        "problem_spec": TEXT,
        "tolerances": TEXT,
        "fingerprint": TEXT,
    },
    "predictions": {"cell": TEXT, "fingerprint": TEXT, "tolerance": _REAL},
    "timings": {
        "cell": TEXT,
        "machine": TEXT,
        "iterations": _WHOLE,
        "repeats": _WHOLE,
        "wall_time": _REAL,
        "fingerprint": TEXT,
        "error": TEXT,
    },
    "curves": {"cell": TEXT, "iteration": _WHOLE, "value": _REAL, "fingerprint": TEXT},
    "facts": {"problem_spec": TEXT, "fingerprint": TEXT, "facts": TEXT},
    "theory": {"cell": TEXT, "fingerprint": TEXT, "stable": _REAL, "rate_in_theory": _REAL},
    "paths": {
        "cell": TEXT,
        "fingerprint": TEXT,
        "iteration": _WHOLE,
        "x1": _REAL,
        "x2": _REAL,
        "gradient_at_x1": _REAL,
        "gradient_at_x2": _REAL,
    },
}
KINDS = tuple(REQUIRED)
# Sixteen hexadecimal digits in every row.
KEYS = frozenset({"cell", "digest", "fingerprint"})

# Numbers of any type that parts of every version of nagbench have, and those that some have.
_ALWAYS = {
    "runs": ("gradient_evaluations", "value", "gradient_norm", "rises", "overshoot", "rate"),
    "plan": ("dimension", "budget", "relative", "every"),
}
_SOMETIMES = {
    "runs": ("value_evaluations",),
    "predictions": ("predicted_iterations",),
    "timings": (
        "block",
        "wall_time_min",
        "wall_time_iqr",
        "cpu_time",
        "oracle_time",
        "step_time",
        "native_time",
        "disturbed",
    ),
    "curves": ("gradient_norm", "distance"),
}
# All further columns of a plan are hyperparameters, which are numbers.
_TEXTS_OF_PLAN = ("family", "library", "engine", "dtype", "measure", "tested_at")
_SCHEDULES = ("schedule", "momentum_schedule")
# The repeats of a timing; a failed one has none.
_SAMPLES = (pa.list_(pa.float64()), pa.list_(pa.null()))
_LONGEST_NAME = 200
# Whole numbers are at least 0, and below these where they count memory or rows.
_BELOW = {"trial": 2**31, "start": 2**53}


class DamagedError(Exception):
    """The bytes of a part are not those that were written, or nagbench did not write it."""


def is_number(kind: pa.DataType) -> bool:
    """Return whether the type of a column is numeric, or that of a column without values."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind))


def check_schema(found: pa.Schema, kind: str) -> None:
    """Raise DamagedError for columns that nagbench does not write in a part of a kind, and for those that are missing."""
    if len(set(found.names)) < len(found.names):
        raise DamagedError("it has two columns of one name")
    for name, needed in REQUIRED[kind].items():
        if name not in found.names or found.field(name).type != needed:
            raise DamagedError(f"it has no column {name} of type {needed}")
    for name in (*_ALWAYS.get(kind, ()), *(_TEXTS_OF_PLAN if kind == "plan" else ())):
        if name not in found.names:
            raise DamagedError(f"it has no column {name}")
    for field in found:
        _check_column(field, kind)


def _check_column(field: pa.Field, kind: str) -> None:
    name, shown = field.name, truncate(repr(field.name), 60)
    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable()):
        raise DamagedError(f"the name of its column {shown} is not up to {_LONGEST_NAME} printable characters")
    if not (is_number(field.type) or field.type == TEXT or (name == "samples" and field.type in _SAMPLES)):
        raise DamagedError(f"its column {shown} is made of {field.type}; allowed: numbers and texts")
    if _is_numeric(kind, name) and not is_number(field.type):
        raise DamagedError(f"its column {shown} is {field.type}, not a number")
    if kind == "plan" and name in _TEXTS_OF_PLAN and field.type != TEXT:
        raise DamagedError(f"its column {shown} is {field.type}, not text")
    # Names come from the plan; in an outcome they would rename cells.
    if kind == "runs" and name in REQUIRED["plan"] and name not in REQUIRED["runs"]:
        raise DamagedError(f"it has a column {name}, as plans have")


def _is_numeric(kind: str, name: str) -> bool:
    """Return whether a column that is not required holds numbers."""
    if kind == "plan":
        return name not in REQUIRED["plan"] and name not in (*_TEXTS_OF_PLAN, *_SCHEDULES)
    return name in (*_ALWAYS.get(kind, ()), *_SOMETIMES.get(kind, ()))


def check_values(table: pa.Table, kind: str) -> None:
    """Raise DamagedError for values that nagbench never writes: keys, tolerances and counts that are not valid, and gaps."""
    filled = {name for name, needed in REQUIRED[kind].items() if needed != _REAL}
    if kind == "plan":
        filled |= {*_ALWAYS["plan"], *_TEXTS_OF_PLAN}
    for name in filled.intersection(table.column_names):
        if table[name].null_count:
            raise DamagedError(f"its column {name} has no value in {table[name].null_count:,} rows")
        if pa.types.is_integer(table[name].type):
            _check_counts(name, table[name])
    for name in KEYS.intersection(table.column_names):
        try:
            keys_to_ints(_distinct(table[name]))
        except UsageError as error:
            raise DamagedError(f"its column {name}: {error}") from None
    if "tolerance" in table.column_names and table.num_rows:
        sound = pc.and_(pc.is_finite(table["tolerance"]), pc.greater(table["tolerance"], 0.0))
        if not pc.all(pc.fill_null(sound, False)).as_py():
            raise DamagedError("a tolerance is not a number above 0")
    if "tolerances" in table.column_names:
        for text in _distinct(table["tolerances"].unique()).to_pylist():
            _check_tolerances(text)


def _distinct(column: pa.ChunkedArray) -> pa.Array:
    """Return texts without those that a dictionary repeats."""
    return (column.unique() if pa.types.is_dictionary(column.type) else column).cast(TEXT)


def _check_counts(name: str, column: pa.ChunkedArray) -> None:
    found = pc.min_max(column).as_py()
    least, most = found["min"], found["max"]
    if least is not None and not (least >= 0 and most < _BELOW.get(name, 2**63)):
        raise DamagedError(f"its column {name} contains {least if least < 0 else most}, which is out of range")


def _check_tolerances(text: str) -> None:
    """Raise DamagedError unless a text is a list of numbers above 0 in JSON."""
    try:
        found = json.loads(text)
        if found and all(type(each) in (int, float) and 0 < float(each) < math.inf for each in found):
            return
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    raise DamagedError(f"its tolerances {truncate(repr(text), 60)} are not a list of numbers above 0")

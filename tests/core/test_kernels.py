"""The machine code of long sums on a processor with AVX-512. It is compiled for one and never run, so any x86 will do."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

SUMS = {
    "quadratic": "diagonal_value",
    "quadratic_forms": "_diagonal_value _tridiagonal_value",
    "quadratic_deep": "_mean_gradient",
    "rosenbrock": "_rosenbrock_value",
    "mgh_linear": "_full_rank_value _rank_1_value _rank_1_gradient",
    "smoothed": "_log_sum_exp_value _log_sum_exp_gradient _smoothed_tv_value",
    "landscapes_polynomial": "_dixon_price_value",
}

_COMPILE = """
import importlib, json, sys
import numba
from numba import float64, int64
floats, ints = float64[::1], int64[::1]
point = (floats, floats, ints, ints)
found = {}
for family, names in json.loads(sys.argv[1]).items():
    for name in names.split():
        kernel = getattr(importlib.import_module(f"nagbench.problems.families.{family}"), name)
        signature = numba.void(*point, floats) if name.endswith("gradient") else float64(*point)
        [code] = numba.njit(signature, error_model="numpy")(kernel).inspect_asm().values()
        found[f"{family}.{name}"] = [code.count("gather"), code.count("%zmm")]
print(json.dumps(found))
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="LLVM compiles for the machine's architecture"
)
@pytest.mark.slow
def test_long_sums_read_their_vectors_whole() -> None:
    """An index whose sign the compiler does not know makes each vector a gather, five to eight times as slow."""
    processor = {"NUMBA_CPU_NAME": "znver4", "NUMBA_CPU_FEATURES": ""}
    ran = subprocess.run(
        [sys.executable, "-c", _COMPILE, json.dumps(SUMS)],
        env={**os.environ, **processor},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found) == sum(len(names.split()) for names in SUMS.values())
    assert {name: counts for name, counts in found.items() if counts[0]} == {}
    assert {name: counts for name, counts in found.items() if not counts[1]} == {}

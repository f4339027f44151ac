"""C by hand, compiled on the spot: once so that problem and method stay unknown to the loop, once all in one piece."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers.cases import Case, Floats, aligned
from benchmarks.peers.measure import Peer

_SOURCE = Path(__file__).with_name("loop.c")
_PLAIN = ("-O2", "-ffp-contract=off")
_NATIVE = ("-O3", "-march=native", "-ffp-contract=off")
_ARGUMENTS = [
    ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_double, ctypes.c_double, *[ctypes.c_void_p] * 4,
    ctypes.c_int64,
]  # fmt: skip


def peers() -> list[Peer]:
    """Two loops under two sets of flags, neither with -ffast-math. Raises ImportError without a compiler."""
    if shutil.which("cc") is None:
        raise ImportError("no C compiler")
    return [
        Peer("C -O2, function pointers", lambda case: CompiledLoop(case, "pointers", _PLAIN)),
        Peer("C -O3 -march=native, function pointers", lambda case: CompiledLoop(case, "pointers", _NATIVE)),
        Peer("C -O2, inlined", lambda case: CompiledLoop(case, "inlined", _PLAIN)),
        Peer("C -O3 -march=native, inlined", lambda case: CompiledLoop(case, "inlined", _NATIVE)),
    ]


@functools.cache
def library(flags: tuple[str, ...]) -> ctypes.CDLL:
    """Compile the loops; raise CalledProcessError if the compiler fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "loop.so"
        subprocess.run(["cc", *flags, "-shared", "-fPIC", "-o", str(file), str(_SOURCE)], check=True)
        return ctypes.CDLL(str(file))


class CompiledLoop:
    """One of the functions of `loop.c`."""

    def __init__(self, case: Case, function: str, flags: tuple[str, ...]) -> None:
        self.case = case
        self.x, self.p, self.v, self.g, self.eigenvalues = aligned(5, case.n)
        if not case.valley:
            self.eigenvalues[:] = case.eigenvalues
        self.function = library(flags)[function]
        self.function.argtypes, self.function.restype = _ARGUMENTS, None

    def reset(self) -> None:
        self.x[:] = self.p[:] = self.case.problem.start
        self.v[:] = 0.0

    def advance(self, iterations: int) -> None:
        case = self.case
        self.function(
            case.valley, case.n, _at(self.eigenvalues), case.step_size, case.momentum, _at(self.x), _at(self.p),
            _at(self.v), _at(self.g), iterations,
        )  # fmt: skip

    def iterate(self) -> Floats:
        return self.x


def _at(array: np.ndarray) -> int:
    return array.ctypes.data

"""One thread for everybody. The limits are read when a library is loaded, so they are set before any is imported."""

from __future__ import annotations

import os

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
_XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def limit_threads() -> None:
    """Limits this process to one thread, and lets NumPy's BLAS choose its kernels by the processor it finds.

    XLA asks how many processors it may use, whatever its flags say: where the system can tell it, that is one.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    os.environ.update(XLA_FLAGS=_XLA, JAX_PLATFORMS="cpu", KERAS_BACKEND="jax")
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)

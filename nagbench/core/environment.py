"""What a result was computed on: versions, processor, git commit."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nagbench.core.paths import PACKAGE


@functools.cache
def library_versions() -> Mapping[str, str]:
    """Return the versions of Python, nagbench and the libraries that decide numbers; optional ones if they are installed."""
    needed = ("nagbench", "numpy", "scipy", "numba", "llvmlite", "pandas", "pyarrow")
    found = installed_versions(*needed, "torch", "keras", "jax", "jaxlib", "optax")
    return {"python": platform.python_version(), **dict.fromkeys(needed, "not installed"), **found}


def installed_versions(*names: str) -> dict[str, str]:
    """Return the versions of those of the packages that are installed."""
    found = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@functools.cache
def machine_facts() -> dict[str, Any]:
    """Return processor, cores and system, and an id that tells machines apart without naming them."""
    facts = {"processor": _processor(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}"}
    identity = f"{platform.node()}|{facts['processor']}|{facts['cores']}|{platform.machine()}"
    return {"id": hashlib.blake2b(identity.encode(), digest_size=4).hexdigest(), **facts}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core if the system allows it: a move to another core costs time."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, before)


_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "ARROW")
ONE_THREAD = {**{f"{name}_NUM_THREADS": "1" for name in _LIBRARIES}, "VECLIB_MAXIMUM_THREADS": "1"}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread, so that sums do not depend on the number of cores and times are those of one.

    This holds for libraries that are loaded and, by environment variables, for those that are loaded later.
    """
    from threadpoolctl import threadpool_limits

    # Numba reads its own variable at every compilation, and raises if its threads have started with another number.
    wanted = {name: number for name, number in ONE_THREAD.items() if name != "NUMBA_NUM_THREADS"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep PyTorch, where it is in use, to one thread: sums do not depend on the machine, and few coordinates wait less."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def git_commit() -> str | None:
    """Return the git commit of the checkout that the package lies in.

    Returns
    -------
    str or None
        Twelve hexadecimal digits, with "+" if the code or the problems differ from the commit; None without a checkout.
    """

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, timeout=5, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "__init__.py") != "__init__.py":
        return None
    head = git("rev-parse", "--short=12", "HEAD")
    return f"{head}+" if head and git("status", "--porcelain", "--", ".", "../problems") else head

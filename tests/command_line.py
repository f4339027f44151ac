"""`python -m nagbench` in a process of its own, forked from one that has imported nagbench already.

Starting Python and importing numba, pandas and SciPy takes a second, several hundred times. A fork has its own memory, current
folder, environment and streams, as a fresh process has; only the imports are done. Tests of imports, of signals and of how
Python itself is started use `subprocess`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

# What the command line imports sooner or later. Nothing here runs at import.
_PRELOADED = [
    "nagbench.cli.main", "nagbench.api.sweeps", "nagbench.api.certificates", "nagbench.analysis.compare",
    "nagbench.analysis.tuning",
    "nagbench.reporting.html.page", "nagbench.reporting.export", "nagbench.validation.checks", "numba.core.typed_passes",
    "scipy.stats", "scipy.sparse.linalg", "matplotlib.figure", "matplotlib.backends.backend_agg", "rich.console", "rich.table",
    "rich.progress", "pydantic", "jinja2",
]  # fmt: skip


def nag(
    *words: object,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m nagbench`` with these words.

    Parameters
    ----------
    *words
        The words of the command line.
    env
        Variables that replace those of this process.
    cwd
        The current folder of the command; by default this process's.
    timeout
        Seconds after which it is killed.

    Returns
    -------
    subprocess.CompletedProcess
        Exit code, standard output and standard error.
    """
    command = [str(word) for word in words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        streams = [multiprocessing.reduction.DupFd(stream.fileno()) for stream in (out, err)]
        where = os.fspath(cwd if cwd is not None else os.getcwd())
        process = context.Process(target=_run, args=(command, {**os.environ, **(env or {})}, where, streams))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
        return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _run(
    words: Sequence[str], env: Mapping[str, str], cwd: str, streams: Sequence[multiprocessing.reduction.DupFd]
) -> None:
    for target, stream in zip((1, 2), streams, strict=True):
        os.dup2(stream.detach(), target)
    sys.stdout, sys.stderr = (os.fdopen(target, "w", encoding="utf-8", closefd=False) for target in (1, 2))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["nagbench", *words]
    sys.path.insert(0, cwd)
    code: object = 0
    try:
        runpy.run_module("nagbench", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)

"""Counting on a Dask cluster: a task is a batch of some seconds, and a bounded number of tasks is submitted at a time.

Each Dask worker counts in a process of its own (see `worker`), so that limits and crashes are handled there as they are
locally. Dask itself runs the tasks of Dask workers that are lost elsewhere.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import re
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from nagbench import __version__
from nagbench.core.errors import UsageError, one_line
from nagbench.core.paths import PACKAGE
from nagbench.core.remote import Pulse
from nagbench.core.trust import name_code
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import files_of, fingerprint_of
from nagbench.engine.lookup import code_of
from nagbench.execution.counting import failure_table, table_from_bytes, table_to_bytes
from nagbench.execution.pool import Pool
from nagbench.execution.sandbox import sandboxed
from nagbench.execution.worker_process import Limits

_PER_THREAD = 2
_WAIT = 0.2
_ANSWER = 10
# Seconds without a worker after which a message says so.
_ALONE = 10.0
_TIMES = 3
_GONE = "the Dask scheduler is gone; finished work is kept, and the same command resumes the sweep"

_pools: dict[int, tuple[str, Pool]] = {}


def run_on_dask(
    work: Iterator[Batch], scheduler: str | None, jobs: int, limits: Limits, pulse: Pulse
) -> Iterator[pa.Table]:
    """Yield the outcomes of all batches, counted by Dask workers.

    Parameters
    ----------
    work
        The batches.
    scheduler
        The address of the scheduler. None starts one, with ``jobs`` workers, on this machine.
    jobs
        The number of workers that are started here.
    limits
        What each cell may take.
    pulse
        Called several times a second.

    Raises
    ------
    UsageError
        If no scheduler answers, the workers lack what the cells need, or the scheduler goes away.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError("executor dask needs dask.distributed: pip install 'nagbench[dask]'") from None
    for name in ("distributed", "distributed.client"):
        # Each has a level of its own. They report a lost scheduler with a traceback; here, one line reports it.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        client = _client(distributed, scheduler, jobs, stack)
        run = _Run(distributed, client, limits)
        stack.callback(run.close)
        yield from run.outcomes(work, pulse)


def _client(distributed: Any, scheduler: str | None, jobs: int, stack: contextlib.ExitStack) -> Any:
    if scheduler is None:
        scheduler = stack.enter_context(_local(distributed, jobs))
    elif not re.fullmatch(r"(\w+://)?[^/\s]+:\d+", scheduler):
        raise UsageError(f"scheduler {scheduler!r} is not an address; allowed: tcp://HOST:PORT")
    try:
        return stack.enter_context(distributed.Client(scheduler, timeout=_ANSWER, set_as_default=False))
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler} ({one_line(error)})") from None


def _local(distributed: Any, jobs: int) -> Any:
    # Loopback only: a Dask scheduler runs whatever whoever reaches it asks for.
    try:
        return distributed.LocalCluster(
            n_workers=jobs, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        )
    except RuntimeError as error:
        raise UsageError(
            f"Dask cannot start workers here ({one_line(error)}); workers import the script that starts them, so put it into a "
            "file, and put what it runs below: if __name__ == '__main__'"
        ) from None


class _Run:
    """One sweep's use of a cluster."""

    def __init__(self, distributed: Any, client: Any, limits: Limits) -> None:
        self._distributed, self._client, self._limits = distributed, client, limits
        self._name = uuid.uuid4().hex
        self._shipped: set[Path] = set()
        self._seen: set[tuple[str, str]] = set()
        self._submitted: dict[Any, Batch] = {}
        self._again: deque[Batch] = deque()
        self._alone: float | None = None
        self._check_workers()

    def outcomes(self, work: Iterator[Batch], pulse: Pulse) -> Iterator[pa.Table]:
        """Yield the outcomes as they come in."""
        more = True
        while True:
            while (self._again or more) and len(self._submitted) < self._most():
                batch = self._again.popleft() if self._again else next(work, None)
                if batch is None:
                    more = False
                    break
                self._submit(batch)
            if not self._submitted and not self._again and not more:
                return
            for future in self._finished():
                yield from self._result(future, self._submitted.pop(future))
            pulse()
            if self._client.status != "running":
                raise UsageError(_GONE)

    def close(self) -> None:
        """Release what the workers hold for this sweep."""
        with contextlib.suppress(Exception):
            self._client.cancel(list(self._submitted), force=True)
            self._client.run(end_pools, self._name)

    def _most(self) -> int:
        """Return the number of tasks that keep every thread busy."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        self._warn_without_workers(bool(workers))
        return _PER_THREAD * sum(int(worker["nthreads"]) for worker in workers.values())

    def _warn_without_workers(self, workers: bool) -> None:
        """Say once that there is no worker: those of a queue may come hours later, or never."""
        now = time.monotonic()
        if workers:
            self._alone = None
        elif self._alone is None:
            self._alone = now
        elif now - self._alone > _ALONE:
            self._alone = float("inf")
            print("nagbench: the Dask scheduler has no worker; waiting for one (Ctrl-C ends this)", file=sys.stderr)

    def _submit(self, batch: Batch) -> None:
        self._ship(batch)
        name = f"nagbench-{uuid.uuid4().hex}"
        self._submitted[self._client.submit(count_task, self._name, batch, self._limits, key=name, pure=False)] = batch

    def _finished(self) -> list[Any]:
        if not self._submitted:
            threading.Event().wait(_WAIT)
            return []
        try:
            with self._client.as_current():
                done = self._distributed.wait(list(self._submitted), timeout=_WAIT, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        except concurrent.futures.CancelledError:
            # Nobody here cancels what it waits for.
            raise UsageError(_GONE) from None
        return list(done)

    def _result(self, future: Any, batch: Batch) -> Iterator[pa.Table]:
        if future.status == "finished":
            for content in future.result():
                yield self._same_sources(table_from_bytes(content), batch)
        elif future.status == "error":
            error = future.exception()
            if not isinstance(error, self._distributed.KilledWorker):
                raise UsageError(f"a Dask worker cannot count these cells: {one_line(error)}")
            if len(batch) > 1:
                self._again.extend((batch[: len(batch) // 2], batch[len(batch) // 2 :]))
            else:
                yield failure_table(batch, "the Dask workers that ran it died, one after the other")
        else:
            self._again.append(batch)
        future.release()

    def _same_sources(self, table: pa.Table, batch: Batch) -> pa.Table:
        expected = fingerprint_of(batch.template.problem, batch.template.optimizer)
        if table["fingerprint"][0].as_py() != expected:
            raise UsageError(
                f"the sources of {batch.template.optimizer} or of its problem on a Dask worker differ from those of this "
                f"process (fingerprint {table['fingerprint'][0]}, here {expected}); install the same version there"
            )
        return table

    def _check_workers(self) -> None:
        for address, theirs in self._asked(version):
            if isinstance(theirs, Exception):
                raise UsageError(f"the Dask worker {address} cannot import nagbench {__version__} ({one_line(theirs)})")
            if theirs != __version__:
                raise UsageError(f"the Dask worker {address} has nagbench {theirs}, this process {__version__}")

    def _asked(self, function: Callable[..., Any], *arguments: Any) -> Iterator[tuple[str, Any]]:
        """Yield the answer of each worker, or the exception that it raised; workers that die meanwhile are left out."""
        try:
            found = self._client.run(function, *arguments, on_error="return")
        except OSError:
            raise UsageError(_GONE) from None
        yield from ((address, answer) for address, answer in found.items() if not isinstance(answer, OSError))

    def _ship(self, batch: Batch) -> None:
        """Send the modules of the user that these cells need; refuse those that are more than a file."""
        like = batch.template.problem, batch.template.optimizer
        if like in self._seen:
            return
        self._seen.add(like)
        for name, files in files_of(*like):
            for text in files:
                file = Path(text)
                if file.is_relative_to(PACKAGE) or file in self._shipped:
                    continue
                self._shipped.add(file)
                if "." not in name and file.name == f"{name}.py" and file.is_file():
                    # Written, not loaded: the processes that count import it, and neither a worker nor a scheduler does.
                    self._send(file)
                else:
                    self._require(name)

    def _send(self, file: Path) -> None:
        for _ in range(_TIMES):
            # A worker that dies meanwhile makes it fail for the others too.
            with contextlib.suppress(OSError):
                self._client.upload_file(str(file), load=False)
                return
        raise UsageError(f"{file.name} cannot be sent to the Dask workers; start them where it can be imported")

    def _require(self, name: str) -> None:
        for address, there in self._asked(has_module, name):
            if there is not True:
                raise UsageError(
                    f"the Dask worker {address} has no module {name}, which these cells need; install it there, or put "
                    "the code into a single file, which is sent to the workers"
                )


def version() -> str:
    """Return the version of nagbench. Runs on a Dask worker."""
    return __version__


def has_module(name: str) -> bool:
    """Return whether a module is found. Runs on a Dask worker."""
    import importlib.util

    with contextlib.suppress(ImportError):
        return importlib.util.find_spec(name) is not None
    return False


def count_task(run: str, batch: Batch, limits: Limits) -> list[bytes]:
    """Return the outcomes of a batch, counted in a process of this thread's own. Runs on a Dask worker."""
    # The process that asks has checked it.
    name_code(*code_of(batch.template.problem, batch.template.optimizer))
    here = threading.get_ident()
    held = _pools.get(here)
    if held is None or held[0] != run:
        if held is not None:
            held[1].close()
        _pools[here] = held = run, Pool(1, limits)
    with sandboxed(limits):
        return [table_to_bytes(pa.concat_tables(held[1].run(iter([batch]), lambda: None)))]


def end_pools(run: str) -> None:
    """End the processes of a sweep. Runs on a Dask worker."""
    for thread, (name, pool) in list(_pools.items()):
        if name == run:
            del _pools[thread]
            pool.close()

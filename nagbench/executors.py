"""Runs batches of cells, here or in other processes, and turns their outcomes into tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from nagbench.errors import UsageError
from nagbench.loop import CONVERGED
from nagbench.records import STATUSES, Cell
from nagbench.runner import Batch, Counts, Pulse, batch_of, count, digest, failed, fingerprint_of

_SECONDS = 0.5
_PER_NUMBER = 4e-9
_MOST = 512
_NUMBERS = 2**23


def chunks(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Runs of cells that can be counted in one batch, each of a few seconds and some megabytes at the most."""
    for _, group in itertools.groupby(cells, key=lambda cell: cell.shared):
        same = list(group)
        first = same[0]
        dimension = batch_of(same).problem.dimension
        size = int(_SECONDS / (_PER_NUMBER * (dimension + 20) * (first.budget + 1)))
        size = min(size, _NUMBERS // (dimension * (len(first.tolerances) + 1)))
        size = max(1, min(_MOST, size if first.engine == "numba" else size // 100))
        for at in range(0, len(same), size):
            yield same[at : at + size]


def outcomes(cells: Sequence[Cell], pulse: Pulse = lambda: None) -> pd.DataFrame:
    """Counts one chunk: one row a cell and tolerance. A chunk whose kernels do not compile is rows of status error."""
    batch = batch_of(cells)
    try:
        counts = count(batch, pulse=pulse)
    except UsageError as error:
        counts = failed(batch, str(error))
    return outcome_table(batch, counts)


def outcome_table(batch: Batch, counts: Counts) -> pd.DataFrame:
    """The outcomes of a batch as a table, one row a cell and tolerance."""
    cells, hits = batch.cells, counts.hits
    per_cell = hits.shape[1]
    flat = hits.ravel()
    bad = flat["status"] != CONVERGED
    errors = np.repeat([counts.errors.get(i, "") for i in range(len(cells))], per_cell).astype(object)
    return pd.DataFrame(
        {
            "cell": np.repeat([cell.key for cell in cells], per_cell),
            "tolerance": np.tile(cells[0].tolerances, len(cells)),
            "status": np.array(STATUSES)[flat["status"]],
            "iterations": flat["iterations"],
            "gradient_evaluations": flat["work"],
            **{name: flat[name] for name in ("value", "gradient_norm", "residual", "rises", "overshoot", "rate")},
            "digest": [digest(point) for point in counts.points.reshape(flat.size, -1)],
            "fingerprint": fingerprint_of(cells[0].problem, cells[0].optimizer),
            "error": np.where(bad, errors, ""),
        }
    )


def run_chunks(work: Iterable[list[Cell]], jobs: int, pulse: Pulse) -> Iterator[pd.DataFrame]:
    """The outcomes of all chunks as they become ready: in this process, or in ``jobs`` others."""
    if jobs == 1:
        for chunk in work:
            yield outcomes(chunk, pulse)
        return
    import joblib

    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        for table in parallel(joblib.delayed(outcomes)(chunk) for chunk in work):
            pulse()
            yield table

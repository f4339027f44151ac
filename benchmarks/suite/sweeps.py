"""Speed of what surrounds the loop: a cell of a sweep, and the tables on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .common import NAN, if_there, one_tuning, seconds, shown
from .internals import internal

CELLS, ROWS = 2_048, 100_000


def swept(budget):
    """Return a sweep as a function of a number of cells."""
    import nagbench

    def run(cells):
        with tempfile.TemporaryDirectory() as folder:
            nagbench.sweep(
                problems=["bowl"], optimizers=["nesterov"], modes=["tuned"], trials=cells, budget=budget, timing=False,
                out=folder, **one_tuning(),
            )  # fmt: skip

    return run


def per_cell(budget):
    """Least seconds a cell of a sweep that counts in one process, after one that warms up."""
    run = swept(budget)
    run(8)
    return min(seconds(run, CELLS) for _ in range(2))


class Throughput:
    """Seconds a cell of `nagbench.sweep`, one process, nothing timed or drawn."""

    version = "1"
    timeout = 300
    params = [[1, 1_000]]
    param_names = ["budget"]

    @shown("Time of one cell of a sweep", "seconds")
    def track_cell(self, budget):
        """At a budget of one iteration, all but the loop."""
        took = if_there(per_cell, budget)
        return NAN if took is None else took


class Store:
    """A results directory: a part of 100 000 outcomes written, and read back."""

    version = "1"
    timeout = 300
    number = 1
    rounds = 1
    repeat = (3, 10, 2.0)
    warmup_time = 0.0

    def setup(self):
        import pandas as pd

        import nagbench

        try:
            Store = internal("Store")
        except ImportError:
            raise NotImplementedError from None
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name)
        few = nagbench.sweep(
            problems=["bowl"], optimizers=["nesterov"], trials=8, timing=False, out=home / "few", **one_tuning()
        )
        # The columns of this commit, whatever they are.
        few = few.store.read("runs")
        self.table = pd.concat([few] * (1 + ROWS // len(few)), ignore_index=True)[:ROWS]
        self.stores = [Store(home / name) for name in ("written", "read")]
        for store in self.stores:
            store.prepare()
        self.stores[1].append("runs", self.table)
        if len(self.stores[1].read("runs")) != ROWS:
            raise RuntimeError("the store does not give back what was written")
        self.written = 0

    def teardown(self):
        self.folder.cleanup()

    @shown("Writing 100 000 rows")
    def time_write(self):
        # Another number each time: a part that is there already is not written again.
        self.written += 1
        self.table.loc[0, "rises"] = self.written
        self.stores[0].append("runs", self.table)

    @shown("Reading 100 000 rows")
    def time_read(self):
        self.stores[1].read("runs")

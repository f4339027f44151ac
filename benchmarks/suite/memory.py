"""Peak memory of a process that counts."""

from __future__ import annotations

import tempfile

from .common import if_there, job_of, one_tuning, optimizer, shown
from .internals import internal
from .loop import quadratic


class Peak:
    """The largest resident size, the interpreter and its libraries included."""

    version = "1"

    @shown("Peak memory, a small run")
    def peakmem_idle(self):
        """Load the package and make one small run, from which the others start."""
        self._run(2)

    @shown("Peak memory, a million variables")
    def peakmem_million(self):
        """Nesterov's method on a million variables."""
        self._run(1_000_000)

    @shown("Peak memory, a sweep of 4 096 cells")
    def peakmem_sweep(self):
        """Run a sweep of 4 096 cells."""
        import nagbench

        with tempfile.TemporaryDirectory() as folder:
            nagbench.sweep(
                problems=["bowl"], optimizers=["nesterov"], modes=["tuned"], trials=4_096, budget=100, timing=False,
                out=folder, **one_tuning(),
            )  # fmt: skip

    def setup(self):
        import nagbench

        if if_there(lambda: nagbench.sweep) is None:
            raise NotImplementedError

    def _run(self, n):
        count = internal("count")

        count(job_of(quadratic(n), optimizer("nesterov", step_size=1e-9), 3).batch)

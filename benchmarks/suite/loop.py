"""Speed of the loop: an iteration of every method, ours and the libraries', bare, and what counting adds to it."""

from __future__ import annotations

from .common import (
    DEFAULT_METHODS,
    LIBRARIES,
    METHODS,
    found,
    if_there,
    job_of,
    least,
    on_one_core,
    once,
    optimizer,
    replayed,
    shown,
)
from .internals import internal

SIZES = [2, 1_000, 1_000_000]
# A step so small that nothing gets near a denormal number, which would slow it tenfold.
STEP = 1e-9
_BUDGETS = {2: 20_000, 1_000: 500, 1_000_000: 4}
# SciPy's methods choose their own steps, and so end by themselves: early iterations of a run that none of them ends.
_WHOLE = 8
_DENSE = {"scipy/bfgs"}


def quadratic(n):
    """Return a diagonal quadratic with condition number 100."""
    import nagbench

    return nagbench.problem("quadratic", dimension=n, condition=100.0)


def _chosen(method):
    """The optimizer with the step size of all, or as it is where it finds its own; None where the commit does not have it."""
    import nagbench

    try:
        return optimizer(method, step_size=STEP)
    except nagbench.UsageError:
        return optimizer(method)


def bare(method, n):
    """Return the replay of an algorithm as a function of a number of iterations; None if the commit does not have it."""
    chosen = _chosen(method)
    return chosen and replayed(job_of(quadratic(n), chosen, 1))


def driven(method, n):
    """So many runs, `_WHOLE` iterations each, of a method that drives itself."""
    import nagbench

    chosen = optimizer(method)
    if chosen is None or (method in _DENSE and n > 10_000):
        return None
    run = replayed(job_of(nagbench.problem("extended-rosenbrock", dimension=n), chosen, 1))
    return once(lambda: run(_WHOLE))


def counted(method, n):
    """Return the counting pass of as many iterations as `_BUDGETS` says, as a function of a number of passes."""
    # Older commits have `count` alone, which makes new arrays each time.
    run_batch = internal("run_batch")

    job = job_of(quadratic(n), _chosen(method), _BUDGETS[n])
    return once(lambda: run_batch(job, None, lambda: None))


def iterations_counted(method, n):
    """How many iterations one such pass makes: a run that stalls or diverges ends before its budget."""
    counts = internal("run_batch")(job_of(quadratic(n), _chosen(method), _BUDGETS[n]), None, lambda: None)
    return max(1, int(counts.hits["iterations"].max()))


def times(make, methods):
    """Least seconds a call by (method, n). The largest arrays are not all in memory at once."""
    table = {}
    for n in SIZES:
        runs = {(method, n): run for method in methods if (run := if_there(make, method, n)) is not None}
        if n < 100_000:
            table |= least(runs)
    for method in methods:
        run = if_there(make, method, SIZES[-1])
        table |= {} if run is None else least({(method, SIZES[-1]): run}, turns=3)
    return table


class Iteration:
    """Time of one iteration: gradient and update of a diagonal quadratic, nothing measured."""

    version = "1"
    timeout = 600
    params = [METHODS, SIZES]
    param_names = ["method", "n"]

    def setup_cache(self):
        return times(bare, METHODS)

    @shown("Time of one iteration", "seconds")
    def track_bare(self, table, method, n):
        return found(table, method, n)


class Library:
    """The same of the libraries' own objects, where they are installed; of SciPy's methods the first iterations of a
    run on the extended Rosenbrock function, their line searches and evaluations included.
    """

    version = "1"
    timeout = 900
    params = [LIBRARIES, SIZES]
    param_names = ["method", "n"]

    def setup_cache(self):
        with on_one_core():
            runs = times(driven, [name for name in LIBRARIES if name.startswith("scipy/")])
            steps = times(bare, [name for name in LIBRARIES if not name.startswith("scipy/")])
        return steps | {key: took / _WHOLE for key, took in runs.items()}

    @shown("Time of one iteration, libraries", "seconds")
    def track_bare(self, table, method, n):
        return found(table, method, n)


class Counting:
    """Counting against the timed replay: an iteration plus value, gradient norm, tolerances and cycles.

    Version 1 divided by the budget, also where a run had ended long before it, and gave ratios below 1.
    """

    version = "2"
    timeout = 600
    params = [DEFAULT_METHODS, SIZES]
    param_names = ["method", "n"]

    def setup_cache(self):
        without, measured = times(bare, DEFAULT_METHODS), times(counted, DEFAULT_METHODS)
        return {key: measured[key] / iterations_counted(*key) / without[key] for key in measured if key in without}

    @shown("Counting ÷ bare iteration", "× bare")
    def track_ratio(self, table, method, n):
        return found(table, method, n)

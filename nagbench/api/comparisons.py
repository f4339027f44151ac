"""Comparisons of two results directories."""

from __future__ import annotations

from pathlib import Path

from nagbench.analysis import compare as analysis
from nagbench.analysis.compare import Comparison, Rules
from nagbench.core import arguments
from nagbench.experiments.results import Results, load_results

__all__ = ["Comparison", "Rules", "compare"]


def compare(
    a: str | Path | Results, b: str | Path | Results, rules: Rules | None = None, *, timing: bool = True
) -> Comparison:
    """Compare two sweeps: two commits, two versions of a library, two machines.

    Counts are compared exactly. Times are compared only for cells that were timed in both on the same machine, with
    confidence intervals and a noise floor, and only if other programs did not disturb them.

    Parameters
    ----------
    a, b
        Results directories or loaded sweeps, before and after.
    rules
        What counts as a regression; `Rules` has the defaults.
    timing
        Whether to compare times.

    Returns
    -------
    Comparison
        The changes of counts and times; ``regressed`` says whether there is a regression, ``regressions`` which.

    Raises
    ------
    UsageError
        If a directory holds no results, or if the two have no cell in common.

    Examples
    --------
    >>> import nagbench
    >>> sweep = nagbench.sweep(
    ...     problems=["bowl"], optimizers=["nesterov"], modes=["theory"], out="results/compared", timing=False
    ... )
    >>> nagbench.compare("results/compared", sweep).regressed
    False
    """
    if not isinstance(rules, Rules | None):
        raise arguments.refuse("rules", rules, "Rules")
    before, after = (
        side if isinstance(side, Results) else load_results(arguments.path(name, side))
        for name, side in (("a", a), ("b", b))
    )
    return analysis.compare(before, after, rules, timing=timing)

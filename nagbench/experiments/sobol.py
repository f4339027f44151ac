"""The Sobol sequence, from which trials are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nagbench.execution.signals import defer_signals

if TYPE_CHECKING:
    from scipy.stats import qmc


def sobol_points(dimension: int) -> qmc.Sobol:
    """Return the Sobol sequence in [0, 1)ⁿ, not scrambled, without its first point, the origin.

    Its direction numbers are those of Joe & Kuo (2008), "new-joe-kuo-6", as SciPy has them.
    `random(count)` draws the next points, of shape (count, dimension).
    """
    from scipy.stats import qmc

    # SciPy reads its numbers in code that cannot raise: an interrupt there would be lost, and the points would be wrong.
    with defer_signals():
        return qmc.Sobol(max(1, dimension), scramble=False).fast_forward(1)

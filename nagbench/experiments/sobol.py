"""The Sobol sequence, from which trials are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nagbench.execution.signals import defer_signals

if TYPE_CHECKING:
    from scipy.stats import qmc


def sobol_points(dimension: int, replicate: int = 0, sequence: int = 0) -> qmc.Sobol:
    """Return a Sobol sequence in [0, 1)ⁿ without its first point, which is the origin in the unscrambled sequence.

    Its direction numbers are those of Joe & Kuo (2008), "new-joe-kuo-6", as in SciPy. `random(count)` draws the next points, of
    shape (count, dimension).

    Parameters
    ----------
    dimension
        n; sequences of equal dimension are the same for all algorithms.
    replicate, sequence
        Both 0 for the sequence that is not scrambled. Others are scrambled, each in its own way (Matoušek 1998): points of
        different replicates are independent, and those of one replicate are spread as evenly as Sobol's.
    """
    from scipy.stats import qmc

    # SciPy reads its numbers in code that cannot raise: an interrupt there would be lost, and the points would be wrong.
    with defer_signals():
        if replicate == sequence == 0:
            return qmc.Sobol(max(1, dimension), scramble=False).fast_forward(1)
        seed = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(sequence, replicate)))
        return qmc.Sobol(max(1, dimension), scramble=True, seed=seed).fast_forward(1)

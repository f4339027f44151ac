"""The nonlinear least-squares sets of NIST's Statistical Reference Datasets.

The data, starts and certified results in ``nagbench/problems/data/nist.json`` are NIST's (in the public domain). The
minimizer and minimum next to them are the certified ones with the digits that certification to 11 digits omits:
computed from the same data with 160 digits by Newton's method, and rounded.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from nagbench.core.errors import unknown_name
from nagbench.problems.families import nist_algebraic, nist_exponential
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family

Row = tuple[float, ...]

MODELS = {
    "misra1a": "saturation",
    "boxbod": "saturation",
    "chwirut1": "chwirut",
    "chwirut2": "chwirut",
    "gauss1": "gauss",
    "gauss2": "gauss",
    "gauss3": "gauss",
    "hahn1": "cubic_ratio",
    "thurber": "cubic_ratio",
    "lanczos1": "lanczos",
    "lanczos2": "lanczos",
    "lanczos3": "lanczos",
}
"""The kernels of a set, where they are not named like it."""


@functools.cache
def datasets() -> dict[str, Any]:
    """Return the sets by name: data, both starts, certified values, and the refined minimum and minimizer."""
    found: dict[str, Any] = json.loads(
        files("nagbench.problems").joinpath("data/nist.json").read_text(encoding="utf-8")
    )
    return found


@family
def nist(*, dataset: str, start_point: int = 1) -> Problem:
    """f(b) = Σ (yᵢ − curve(b, xᵢ))² over a NIST StRD nonlinear set, from its far (1) or its near (2) start.

    Parameters
    ----------
    dataset
        The name of a set in lower case, such as "misra1a".
    start_point
        1, far from the solution, or 2, near it.

    Notes
    -----
    f is the residual sum of squares, a sum and not a mean; for Nelson's, it is that of log y. Known: f* and b*, certified to
    11 digits and refined. Where exchanging terms or changing signs of b leaves the curve as it is, all such b* are
    listed.

    References
    ----------
    .. [1] NIST, Statistical Reference Datasets, nonlinear regression, https://www.itl.nist.gov/div898/strd/.
    """
    if dataset not in datasets():
        raise unknown_name("dataset of family nist", str(dataset), datasets())
    found = datasets()[dataset]
    model = MODELS.get(dataset, dataset)
    return make_published_problem(
        "nist",
        {**nist_algebraic.KERNELS, **nist_exponential.KERNELS}[model],
        found["starts"][check_whole_number("nist", "start_point", start_point, 1, 2) - 1],
        data=_data(dataset, found),
        shape=[len(found["y"])],
        minimum=found["minimum"],
        minimizers=_SYMMETRIES.get(model, lambda b: [b])(tuple(found["minimizer"])),
        source=f"NIST StRD, nonlinear regression, {dataset} ({found['difficulty']} difficulty): {found['reference']}",
    )


def _data(dataset: str, found: dict[str, Any]) -> Floats:
    """Return the responses, then the predictors, as the kernels take them."""
    responses = np.log(found["y"]) if dataset == "nelson" else np.array(found["y"])
    return np.concatenate([responses, *found["x"]])


def _exchanged(terms: Sequence[Row], join: Callable[..., Row]) -> list[Row]:
    """Return the parameters with their like terms in every order; `join` puts the terms into their places."""
    return [join(*order) for order in itertools.permutations(terms)]


def _two_peaks(b: Row) -> list[Row]:
    """Return the minimizers of Gauss: two peaks (height, place, width) can change places, and widths occur squared."""
    peaks = _exchanged([b[2:5], b[5:8]], lambda p, q: (*b[:2], *p, *q))
    return [(*c[:4], s * c[4], *c[5:7], t * c[7]) for c in peaks for s in (1, -1) for t in (1, -1)]


def _two_cycles(b: Row) -> list[Row]:
    """Return the minimizers of ENSO: two cycles (period, cosine, sine) can change places and signs of period and sine."""
    cycles = _exchanged([b[3:6], b[6:9]], lambda p, q: (*b[:3], *p, *q))
    signs = itertools.product((1, -1), repeat=2)
    return [(*b[:3], s * c[3], c[4], s * c[5], t * c[6], c[7], t * c[8]) for s, t in signs for c in cycles]


_SYMMETRIES: dict[str, Callable[[Row], list[Row]]] = {
    "eckerle4": lambda b: [b, (-b[0], -b[1], b[2])],
    "gauss": _two_peaks,
    "lanczos": lambda b: _exchanged([b[0:2], b[2:4], b[4:6]], lambda p, q, r: (*p, *q, *r)),
    "enso": _two_cycles,
    # Two exponentials, (b₂, b₄) and (b₃, b₅), can change places.
    "mgh17": lambda b: [b, (b[0], b[2], b[1], b[4], b[3])],
}

"""Problem 35 of Moré, Garbow & Hillstrom: Chebyshev quadrature with equal weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable, sum_of_squares
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@jitable
def _polynomial(i: int, x: Any) -> Any:
    """Return the i-th Chebyshev polynomial of [0, 1] at x and its derivative, by the recurrence."""
    z = 2.0 * x - 1.0
    before, now = 1.0 + 0.0 * z, z
    derivative_before, derivative = 0.0 * z, 2.0 + 0.0 * z
    for _ in range(1, i):
        before, now, derivative_before, derivative = (
            now,
            2.0 * z * now - before,
            derivative,
            4.0 * now + 2.0 * z * derivative - derivative_before,
        )
    return now, derivative


@jitable
def _quadrature(i: int, x: Any, _: Any) -> Any:
    """Compute rᵢ, counted from 0: the mean of the polynomial i + 1 over the points, less its integral."""
    degree = i + 1
    total = 0.0
    for j in range(x.size):
        total += _polynomial(degree, x[j])[0]
    return total / x.size + (1.0 / (degree * degree - 1.0) if degree % 2 == 0 else 0.0)


def _chebyquad_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_quadrature, x.size, x, data)


def _chebyquad_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    for j in range(n):
        out[j] = 0.0
    for i in range(n):
        weight = 2.0 * _quadrature(i, x, data) / n
        for j in range(n):
            out[j] += weight * _polynomial(i + 1, x[j])[1]


# Computed with 160 digits by Newton's method, and rounded. Those up to n = 7 and for 9 are exact quadratures, f* = 0.
_POINTS: dict[int, list[float]] = {
    1: [0.5],
    2: [0.2113248654051871, 0.7886751345948129],
    3: [0.14644660940672624, 0.5, 0.8535533905932737],
    4: [0.10267276385411693, 0.40620376295746, 0.5937962370425399, 0.8973272361458831],
    5: [0.08375125649950906, 0.31272929522320947, 0.5, 0.6872707047767905, 0.9162487435004909],
    6: [
        0.0668765909460897,
        0.28874067311944424,
        0.36668229924164764,
        0.6333177007583524,
        0.7112593268805558,
        0.9331234090539103,
    ],
    7: [
        0.05806914962097548,
        0.2351716123574216,
        0.3380440947400462,
        0.5,
        0.6619559052599538,
        0.7648283876425784,
        0.9419308503790246,
    ],
    8: [
        0.04315276015101663,
        0.1930908403841861,
        0.26632870689027294,
        0.5,
        0.5,
        0.7336712931097271,
        0.8069091596158139,
        0.9568472398489833,
    ],
    9: [
        0.04420534613578276,
        0.19949067230988096,
        0.23561910847106002,
        0.416046907892598,
        0.5,
        0.583953092107402,
        0.76438089152894,
        0.8005093276901191,
        0.9557946538642172,
    ],
    10: [
        0.03299337301807446,
        0.15514535775907334,
        0.20018919846138622,
        0.38326166496125497,
        0.38326166496125497,
        0.5292494771334065,
        0.6403535493710659,
        0.713565847416,
        0.8284818230519073,
        0.9252518337853975,
    ],
}
_MINIMA = dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 9), 0.0) | {8: 0.00351687372567793, 10: 0.00477271369637535}
_SYMMETRIC_10 = [
    0.059619900535812696,
    0.1667082818358614,
    0.2391706589426085,
    0.3988842923060445,
    0.3988842923060445,
    0.6011157076939555,
    0.6011157076939555,
    0.7608293410573915,
    0.8332917181641386,
    0.9403800994641673,
]


@family
def chebyquad(*, dimension: int = 8) -> Problem:
    """rᵢ = (1/n) Σⱼ Tᵢ(xⱼ) − ∫₀¹ Tᵢ, with Tᵢ the Chebyshev polynomials of [0, 1], from xⱼ = j/(n + 1).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 for n ≤ 7 and n = 9, 3.51687e−3 for n = 8. For n = 10 descent from the start ends at the
    collection's 6.50395e−3; the least value known is 4.77271e−3. Minimizers are listed in increasing order of the
    coordinates, with their mirror images; all permutations of them are minimizers too.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       35.
    .. [2] Fletcher 1965.
    """
    n = check_whole_number("chebyquad", "dimension", dimension, 1)
    points = np.array(_POINTS[n]) if n in _POINTS else None
    return make_published_problem(
        "chebyquad",
        (_chebyquad_value, _chebyquad_gradient),
        np.arange(1, n + 1) / (n + 1.0),
        minimum=_MINIMA.get(n),
        minimizers=None if points is None else [points, 1.0 - points[::-1]] if n == 10 else points,
        stationary_points=[_SYMMETRIC_10] if n == 10 else None,
        domain=[[0.0, 1.0]] * n,
        source=f"{mgh(35)}; Fletcher 1965" + ("; the lower minimum: CUTEst, CHEBYQAD" if n == 10 else ""),
    )

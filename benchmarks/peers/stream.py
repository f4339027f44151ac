"""What memory allows: the time of an iteration if it did nothing but move its data, from a STREAM triad.

The triad a ← b + 3c moves four numbers an element: two read, one written, and the line of a read in before it is
written. A loop with a gradient that is a black box moves eleven: it reads p and λ and writes g; reads g, v and x and
writes v, x and p; and p and g are read in before they are written. Fused into one pass it moves five: x, v and λ in,
x and v out. The triad runs over as many bytes as the loop holds, so that both see the same caches.
"""

from __future__ import annotations

import numba

from benchmarks.peers.cases import Case, Floats, aligned
from benchmarks.peers.measure import Peer

_TRIAD = 4


def peers(case: Case) -> list[Peer]:
    """Return the bounds of a case that is large enough for memory to matter."""
    if case.n < 100_000:
        return []
    return [
        Peer("bandwidth bound, opaque gradient", lambda case: Triad(case, moved=11, held=5), walks=False),
        Peer("bandwidth bound, tiles", lambda case: Triad(case, moved=7, held=4), walks=False),
        Peer("bandwidth bound, fused", lambda case: Triad(case, moved=5, held=3), walks=False),
    ]


@numba.njit("void(float64[::1], float64[::1], float64[::1])")
def triad(a, b, c):  # type: ignore[no-untyped-def]
    """Compute a ← b + 3c."""
    for i in range(a.size):
        a[i] = b[i] + 3.0 * c[i]


class Triad:
    """An iteration is as many triads as move what an iteration of the loop moves."""

    def __init__(self, case: Case, moved: int, held: int) -> None:
        self.arrays = aligned(3, case.n * held // 3)
        self.per_iteration = moved * case.n / (_TRIAD * self.arrays[0].size)

    def reset(self) -> None:
        for array in self.arrays:
            array[:] = 1.0

    def advance(self, iterations: int) -> None:
        whole, part = divmod(iterations * self.per_iteration, 1.0)
        for _ in range(int(whole)):
            triad(*self.arrays)
        triad(*(array[: int(part * array.size)] for array in self.arrays))

    def iterate(self) -> Floats:
        return self.arrays[0]

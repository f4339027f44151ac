"""The memory of one run, and what the oracle draws into it: copies, comparisons, mini-batches and noise."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable


@jitable
def is_sampled(draws: Any) -> bool:
    """Whether the oracle draws anything."""
    return bool(draws.offsets.size > 1 or draws.noise.shape[0] > 0)


@jitable
def batch_at(k: int, draws: Any, everything: Any) -> Any:
    """The rows of iteration k's mini-batch."""
    if draws.offsets.size > 1:
        j = k - draws.first
        return draws.rows[draws.offsets[j] : draws.offsets[j + 1]]
    return everything


@jitable
def add_noise(k: int, draws: Any, slope: Any) -> None:
    """Adds iteration k's noise to the gradient, where there is any."""
    if draws.noise.shape[0] > 0:
        noise = draws.noise[k - draws.first]
        for i in range(noise.size):
            slope[i] += noise[i]


@jitable
def copy(source: Any, target: Any) -> None:
    """An element at a time: numba takes seconds to compile an assignment to a slice, and this becomes the same code."""
    for i in range(source.size):
        target[i] = source[i]


@jitable
def reset(state: Any, start: Any) -> None:
    """The start, at rest."""
    copy(start, state.iterate)
    copy(start, state.query)
    for slot in range(state.slots.shape[0]):
        for i in range(start.size):
            state.slots[slot, i] = 0.0


@jitable
def remember(state: Any) -> None:
    """Keeps the state, to compare with later."""
    copy(state.iterate, state.saved_iterate)
    copy(state.query, state.saved_query)
    for slot in range(state.slots.shape[0]):
        copy(state.slots[slot], state.saved_slots[slot])


@jitable
def same(n: int, a: Any, b: Any) -> bool:
    """Whether two points are the same, bit for bit but for the sign of 0."""
    for i in range(n):  # noqa: SIM110 (numba knows no generators here)
        if a[i] != b[i]:
            return False
    return True


@jitable
def same_whole(state: Any) -> bool:
    """Whether the state but for the iterate is the one that was kept."""
    for slot in range(state.slots.shape[0]):
        if not same(state.iterate.size, state.slots[slot], state.saved_slots[slot]):
            return False
    return bool(same(state.iterate.size, state.query, state.saved_query))

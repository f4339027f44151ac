"""The working memory of one run: views of it, copies and comparisons, and what the oracle draws into it."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable, pointer
from nagbench.engine.loop.records import ProblemView, RunView


@jitable
def view_problem(problem: Any, n: int, rows: Any) -> Any:
    """Return the view of a problem's data, with the rows of a mini-batch (none: all rows)."""
    return ProblemView(
        n,
        problem.data.size,
        pointer(problem.data),
        problem.shape.size,
        pointer(problem.shape),
        rows.size,
        pointer(rows),
        problem.tile,
        pointer(problem.tiled_data),
    )


@jitable
def view_run(work: Any, given: Any, scheduled: bool) -> Any:
    """Return the view of a workspace with these hyperparameters."""
    hyper = pointer(work.hyper) if scheduled else pointer(given)
    return RunView(
        pointer(work.iterate),
        pointer(work.y),
        pointer(work.grad),
        work.state.shape[0],
        pointer(work.state),
        given.size,
        hyper,
        pointer(given),
    )


@jitable
def is_sampled(draws: Any) -> bool:
    """Tell whether the oracle draws anything."""
    return bool(draws.offsets.size > 1 or draws.noise.shape[0] > 0)


@jitable
def view_batch(problem: Any, n: int, k: int, draws: Any, all_rows: Any) -> Any:
    """Return the view of a problem's data with the rows of iteration k's mini-batch."""
    # The rows are not returned by a function of their own: compiled code that counts no references returns no new array.
    if draws.offsets.size > 1:
        j = k - draws.first
        return view_problem(problem, n, draws.rows[draws.offsets[j] : draws.offsets[j + 1]])
    return view_problem(problem, n, all_rows)


@jitable
def add_noise(k: int, draws: Any, grad: Any) -> None:
    """Add iteration k's noise to the gradient, where there is any."""
    if draws.noise.shape[0] > 0:
        noise = draws.noise[k - draws.first]
        for i in range(noise.size):
            grad[i] += noise[i]


@jitable
def copy(source: Any, target: Any) -> None:
    """Copy an array, one element at a time."""
    # Numba takes seconds to compile an assignment to a slice, and this becomes the same code.
    for i in range(source.size):
        target[i] = source[i]


@jitable
def reset(work: Any, start: Any) -> None:
    """Put a run at its start, with a state of zeros."""
    copy(start, work.iterate)
    copy(start, work.y)
    for row in range(work.state.shape[0]):
        for i in range(start.size):
            work.state[row, i] = 0.0


@jitable
def save(work: Any) -> None:
    """Keep the whole state, to compare with later."""
    copy(work.iterate, work.saved_iterate)
    copy(work.y, work.saved_y)
    for row in range(work.state.shape[0]):
        copy(work.state[row], work.saved_state[row])


@jitable
def equal(n: int, a: Any, b: Any) -> bool:
    """Tell whether two points are equal bit for bit but for the sign of 0."""
    i = 0
    while i < n and a[i] == b[i]:
        i += 1
    return i == n


@jitable
def equals_saved(work: Any) -> bool:
    """Tell whether the state apart from the iterate is the one that was kept."""
    for row in range(work.state.shape[0]):
        if not equal(work.iterate.size, work.state[row], work.saved_state[row]):
            return False
    return bool(equal(work.iterate.size, work.y, work.saved_y))

"""Gradient oracles and what they draw at random, and random starts.

The gradient is exact, of mini-batches, of one row at a time, or with Gaussian noise added. Draws come in chunks of a fixed
length, each from its own stream, so that a chunk can be made again at any time. The stream depends on problem, oracle, start
and seed alone: every algorithm sees the same draws.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.engine.loop import Draws
from nagbench.engine.records import Cell
from nagbench.problems.problem import Floats, Problem

# Numbers of starts: below `HELD_OUT` those that a sweep tunes on, then those that score what was selected. A start that is
# moved by roundings has `MOVED` times the number of the move added.
HELD_OUT = 10_000_001
MOVED = 2**32
_NO_ROWS = np.zeros(0, np.int64)
_CHUNK = 4096


@dataclass(frozen=True)
class Oracle:
    """How the gradient is given.

    Parameters
    ----------
    name
        Its text form.
    batch
        Rows in a mini-batch, drawn without replacement within an epoch; 0 for all rows.
    sigma
        Standard deviation of Gaussian noise in each coordinate.
    """

    name: str
    batch: int = 0
    sigma: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the gradient is the full one, without noise."""
        return self.batch == 0 and self.sigma == 0.0


EXACT = Oracle("exact")


def parse_oracle(text: str) -> Oracle:
    """Return the oracle of a text form.

    Parameters
    ----------
    text
        "exact", "minibatch:ROWS", "stochastic" (one row at a time) or "noise:SIGMA" (in each coordinate).

    Returns
    -------
    Oracle
        The oracle. Its name is the same for all spellings: "minibatch:1" is "stochastic".

    Raises
    ------
    UsageError
        If the text is none of these.

    Examples
    --------
    >>> parse_oracle("minibatch:032").name
    'minibatch:32'
    """
    kind, _, number = str(text).partition(":")
    if text == "exact":
        return EXACT
    if text == "stochastic":
        return Oracle(text, batch=1)
    try:
        if kind == "minibatch" and int(number) >= 1:
            return Oracle(f"minibatch:{int(number)}" if int(number) > 1 else "stochastic", batch=int(number))
        if kind == "noise" and 0 < float(number) < math.inf:
            return Oracle(f"noise:{float(number)!r}", sigma=float(number))
    except ValueError:
        pass
    raise UsageError(f"unknown oracle {text!r} (known: exact, minibatch:ROWS, stochastic, noise:SIGMA)")


def check_oracle(oracle: Oracle, problem: Problem) -> None:
    """Refuse an oracle that does not fit a problem.

    Raises
    ------
    UsageError
        If the mini-batches have more rows than the problem, or if the problem is not a mean over rows.
    """
    if oracle.batch and not problem.row_count:
        raise UsageError(f"{problem.name} is not a mean over rows, so oracle {oracle.name!r} does not apply to it")
    if oracle.batch > problem.row_count:
        raise UsageError(
            f"{problem.name} has {problem.row_count} rows, fewer than oracle {oracle.name!r} takes at a time"
        )


def chunk_length(oracle: Oracle, problem: Problem) -> int:
    """Return the number of iterations in a chunk of draws.

    For mini-batches, whole epochs of about 4096 iterations; for noise, as many iterations as take about 65536 numbers.
    """
    if oracle.batch:
        per_epoch = -(-problem.row_count // oracle.batch)
        return per_epoch * max(1, _CHUNK // per_epoch)
    return max(1, 16 * _CHUNK // problem.dimension)


def draw_chunk(oracle: Oracle, problem: Problem, cell: Cell, chunk: int) -> Draws:
    """Return the draws of a chunk of iterations.

    Parameters
    ----------
    oracle, problem
        What is drawn.
    cell
        Its problem, oracle, start and seed decide the stream.
    chunk
        Number of the chunk, from 0.

    Returns
    -------
    Draws
        Rows of the mini-batches, or noise. An epoch visits every row once; its last mini-batch may be smaller.
    """
    if oracle.exact:
        return Draws(0, _NO_ROWS, _NO_ROWS, np.zeros((0, problem.dimension)))
    # Runs from a start that is moved by roundings see the same draws.
    key = canonical([cell.problem, cell.oracle, cell.start % MOVED, cell.seed])
    entropy = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest(), "little")
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy, spawn_key=(chunk,))))
    length = chunk_length(oracle, problem)
    if not oracle.batch:
        noise = oracle.sigma * random.standard_normal((length, problem.dimension))
        return Draws(chunk * length, _NO_ROWS, _NO_ROWS, noise)
    per_epoch = -(-problem.row_count // oracle.batch)
    epochs = length // per_epoch
    rows = np.concatenate([random.permutation(problem.row_count) for _ in range(epochs)]).astype(np.int64)
    ends = np.minimum(np.arange(1, per_epoch + 1) * oracle.batch, problem.row_count)
    offsets = np.concatenate([[0], (np.arange(epochs)[:, None] * problem.row_count + ends).ravel()]).astype(np.int64)
    return Draws(chunk * length, rows, offsets, np.zeros((0, problem.dimension)))


_ROUNDING = 2.0**-52
_MOST_DRAWS = 100


def start_of(problem: Problem, index: int) -> Floats:
    """Return a start.

    Parameters
    ----------
    problem
        The problem.
    index
        0 for the problem's own start; i > 0 for the i-th random one; with j·2³² added, the j-th that is moved from there.

    Returns
    -------
    ndarray of shape (n,)
        Random starts are uniform in the domain. Without one, they are uniform in a box around the problem's start x₀ that
        reaches max(1, |x₀ᵢ|) to either side in coordinate i. A start at which f or ∇f is not finite is drawn again. A problem
        that its start defines has no other. A moved start differs by ±2⁻⁵²·max(1, |xᵢ|) in each coordinate, with random signs.
    """
    move, index = divmod(index, MOVED)
    start = problem.start.copy() if index == 0 or not problem.varies_start else _draw_start(problem, index)
    if move == 0:
        return start
    signs = _random(index, move, _MOST_DRAWS).integers(0, 2, problem.dimension) * 2.0 - 1.0
    return np.asarray(start + signs * _ROUNDING * np.maximum(1.0, np.abs(start)))


def _draw_start(problem: Problem, index: int) -> Floats:
    """Draw a random start, again where f or ∇f is not finite."""
    if problem.domain is not None:
        low, high = problem.domain.T
    else:
        reach = np.maximum(1.0, np.abs(problem.start))
        low, high = problem.start - reach, problem.start + reach
    for again in range(_MOST_DRAWS):
        fractions = _random(index, *([again] if again else [])).random(problem.dimension)
        start = np.asarray(low + fractions * (high - low))
        if _is_usable(problem, start):
            break
    return start


def _random(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(0, spawn_key=key)))


def _is_usable(problem: Problem, start: Floats) -> bool:
    """Return whether f and its gradient are finite; what a user's kernel raises is left to the count."""
    try:
        values, gradients = problem.evaluate(start)
    except Exception:
        return True
    return bool(np.isfinite(values).all() and np.isfinite(gradients).all())


def default_every(oracle: Oracle, problem: Problem) -> int:
    """Return the iterations between measurements: 1 for the exact oracle, an epoch for mini-batches, 10 for noise."""
    if oracle.exact:
        return 1
    return -(-problem.row_count // oracle.batch) if oracle.batch else 10

"""Checks that peers walk the same path, then times them in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.peers.cases import Case, Floats, reference

_TRIES = 5
CHECKED = 50
AGREEMENT = 1e-8
# More coordinates than these, and what all peers hold together may not fit into memory.
LARGE = 2_000_000
_LARGE_REPEATS, _LARGE_BLOCK, _LARGE_CHECKED = 3, 0.15, 10


class Loop(Protocol):
    """A peer's loop over one case, compiled and ready."""

    def reset(self) -> None:
        """Goes back to the start, at rest."""

    def advance(self, iterations: int) -> None:
        """Make this many iterations, and return when they are done."""

    def iterate(self) -> Floats:
        """Return the iterate x of the look-ahead form."""


@dataclass(frozen=True)
class Peer:
    """A name and what builds its loop over a case. One without a path, such as a copy of memory, is not checked."""

    name: str
    build: Callable[[Case], Loop]
    walks: bool = True


@dataclass
class Samples:
    """Seconds an iteration of one peer, one number a block, or why there are none."""

    peer: Peer
    loop: Loop | None = None
    iterations: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    error: str = ""


def measure(case: Case, peers: Sequence[Peer], repeats: int, block: float) -> list[Samples]:
    """Time blocks of about ``block`` seconds, all peers once before any is timed again: drift affects all equally.

    Of a large case there are fewer and longer ones, and a peer's loop is built anew for each: memory holds one at a time.
    """
    all_samples = [Samples(peer) for peer in peers]
    large = case.n > LARGE
    if large:
        repeats, block = min(repeats, _LARGE_REPEATS), max(block, _LARGE_BLOCK)
    else:
        for samples in all_samples:
            _ready(samples, case, block)
    for _ in range(repeats):
        for samples in all_samples:
            if large:
                _ready(samples, case, block)
            if samples.loop is not None:
                _sample(samples, samples.loop)
            if large:
                samples.loop = None
    return all_samples


def _ready(samples: Samples, case: Case, block: float) -> None:
    """Build the loop; the first time, also check it and find how many iterations make a block."""
    if samples.error:
        return
    try:
        loop = samples.peer.build(case)
        if samples.iterations == 0:
            samples.error = disagreement(loop, case) if samples.peer.walks else ""
            samples.iterations = 1 if samples.error else _block_length(loop, block)
        samples.loop = None if samples.error else loop
    except Exception as error:
        samples.error = f"{type(error).__name__}: {error}"


def disagreement(loop: Loop, case: Case) -> str:
    """Return what is wrong with the iterate after some iterations, relative to the distance traveled; empty if nothing."""
    iterations = _LARGE_CHECKED if case.n > LARGE else CHECKED
    loop.reset()
    loop.advance(iterations)
    expected = reference(case, iterations)
    way = float(np.abs(expected - case.problem.start).max())
    off = float(np.abs(loop.iterate() - expected).max()) / way
    return "" if off <= AGREEMENT else f"after {iterations} iterations x is off by {off:.1e} of the way from the start"


def _lead(loop: Loop) -> int:
    """Return the iterations before the clock starts: some loops allocate in the first, and a count is fused late."""
    return int(getattr(loop, "lead", 1))


def _block_length(loop: Loop, block: float) -> int:
    """Return the iterations in a block, by CPU time: a pause would shorten the block until the call from Python shows."""
    loop.reset()
    loop.advance(_lead(loop))
    iterations, (_, took) = 1, _once(loop, 1)
    while took < 0.2 * block:
        iterations *= 2
        _, took = _once(loop, iterations)
    return max(1, round(iterations * block / took))


def _once(loop: Loop, iterations: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    loop.advance(iterations)
    return time.perf_counter() - wall, time.process_time() - cpu


def _sample(samples: Samples, loop: Loop) -> None:
    """Time one block, again a few times if something else has the processor for over 5 % of it."""
    for _ in range(_TRIES):
        loop.reset()
        loop.advance(_lead(loop))
        wall, cpu = _once(loop, samples.iterations)
        if cpu > 0.95 * wall:
            break
    samples.wall.append(wall / samples.iterations)
    samples.cpu.append(cpu / samples.iterations)

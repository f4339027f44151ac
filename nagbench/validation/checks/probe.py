"""Access to a problem under test: sampled points, evaluations on either engine, and pairs of points."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from nagbench.problems.evaluation import evaluator, problem_data
from nagbench.problems.problem import Floats, Ints, Problem

POINTS = 20
SMALL = 100
_MAX_NUMBERS, _FEW_NUMBERS = 200_000, 5_000
NO_ROWS: Ints = np.zeros(0, np.int64)


class Probe:
    """Sample points of a problem and evaluate it there.

    The points are drawn uniformly from the domain, or around the start if there is none: twenty, or fewer if the
    dimension is above ten thousand.
    """

    def __init__(self, problem: Problem, seed: int = 0, speed: bool = True) -> None:
        self.problem, self.seed, self.speed = problem, seed, speed
        count = max(3, min(POINTS, _MAX_NUMBERS // problem.dimension))
        drawn = self.random("points").random((count, problem.dimension))
        self.points: Floats = self.low + drawn * (self.high - self.low)

    def random(self, purpose: str) -> np.random.Generator:
        """Return a generator that depends on the seed and the purpose only, not on previous checks."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    @functools.cached_property
    def low(self) -> Floats:
        """Return the lower corner of the box from which points are drawn."""
        p = self.problem
        return p.start - self._reach if p.domain is None else np.asarray(p.domain)[:, 0]

    @functools.cached_property
    def high(self) -> Floats:
        """Return the upper corner of the box from which points are drawn."""
        p = self.problem
        return p.start + self._reach if p.domain is None else np.asarray(p.domain)[:, 1]

    @property
    def _reach(self) -> Floats:
        """Return the half-widths of the box around the start."""
        return np.maximum(1.0, np.abs(self.problem.start))

    def evaluate(
        self, points: Floats, rows: Ints = NO_ROWS, engine: str | None = None, fill: float = np.nan
    ) -> tuple[Floats, Floats]:
        """Evaluate f and ∇f.

        Parameters
        ----------
        points : ndarray, shape (n,) or (p, n)
            The points.
        rows : ndarray of int
            The mini-batch; `NO_ROWS` for all rows.
        engine : str, optional
            The engine; that of the problem by default.
        fill : float
            Initial content of the output arrays.

        Returns
        -------
        values : ndarray, shape (p,)
            f at the points.
        slopes : ndarray, shape (p, n)
            ∇f at the points.
        """
        problem = self.problem
        at = np.array(points, dtype=np.float64, order="C", ndmin=2)
        values, slopes = np.full(len(at), fill), np.full(at.shape, fill)
        entry, loop = evaluator(engine or problem.engine)
        value, gradient = entry(problem.value_kernel, "value"), entry(problem.gradient_kernel, "gradient")
        loop(value, gradient, problem_data(problem), rows, at, values, slopes)
        return values, slopes

    def mapping(self, x: Floats) -> Floats:
        """Return the gradient mapping (x − prox(x − s∇f(x)))/s of a composite problem, shape (n,)."""
        step = self.problem.mapping_step
        return np.asarray((x - self.problem.prox(x - step * self.evaluate(x)[1][0], step)) / step)

    @functools.cached_property
    def sampled(self) -> tuple[Floats, Floats, Floats]:
        """Return the points with finite value and gradient, with both."""
        values, slopes = self.evaluate(self.points)
        finite = np.isfinite(values) & np.isfinite(slopes).all(axis=1)
        return self.points[finite], values[finite], slopes[finite]

    @property
    def few(self) -> int:
        """Return how many rows suffice for a check if f is a mean over many: such checks are as good, and quicker."""
        return max(2, min(8, _FEW_NUMBERS // self.problem.dimension))

    def few_rows(self, draw: int) -> Ints:
        """Draw a few rows, different for every draw. Return `NO_ROWS`, which stands for all, if there are no more."""
        count = self.problem.row_count
        if count <= self.few:
            return NO_ROWS
        return self.random(f"rows {draw}").choice(count, self.few, replace=False).astype(np.int64)

    @property
    def on_rows(self) -> str:
        """Return the remark that a check was made on a few rows, or ""."""
        count = self.problem.row_count
        return f", on {self.few} of {count} rows at a time" if count > self.few else ""

    def hessian(self, x: Floats) -> Floats:
        """Estimate the Hessian at x by central differences of the gradient; exact to rounding where it is constant."""
        n, constant = x.size, self.problem.kind == "quadratic"
        steps = np.where(constant, 1.0, 1e-5) * np.maximum(1.0, np.abs(x))
        _, ahead = self.evaluate(x + np.diag(steps))
        _, behind = self.evaluate(x - np.diag(steps))
        rows = (ahead - behind) / (2.0 * steps[:, None])
        assert rows.shape == (n, n)
        return 0.5 * (rows + rows.T)

    @functools.cached_property
    def pairs(self) -> tuple[Floats, Floats]:
        """Return pairs of points: sampled ones, and close ones along the directions of largest and least curvature."""
        points = self.sampled[0]
        close = np.reshape(list(self._close_pairs(points)), (-1, 2, self.problem.dimension))
        return np.concatenate([points, close[:, 0]]), np.concatenate([np.roll(points, 1, axis=0), close[:, 1]])

    def _close_pairs(self, points: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Yield close pairs along the directions of extreme curvature."""
        reach = 1e-3 * max(1.0, float(np.abs(self.problem.start).max()))
        known = self.problem.minimizers
        for x in [self.problem.start, *points[:3], *(() if known is None else known[:1])]:
            for direction in self._extremes(x):
                yield x, x + reach * direction

    def _extremes(self, x: Floats) -> list[Floats]:
        """Return directions of least and largest curvature at x."""
        if self.problem.dimension <= SMALL:
            matrix = self.hessian(x)
            if not np.isfinite(matrix).all():
                return []
            vectors = np.linalg.eigh(matrix)[1]
            return [vectors[:, 0], vectors[:, -1]]
        return [self._power(x, 0.0), self._power(x, self.problem.smoothness or 0.0)]

    def _power(self, x: Floats, shift: float, iterations: int = 30) -> Floats:
        """Estimate a direction of large |curvature − shift| by power iteration on differences of gradients."""
        direction = self.random("power").standard_normal(x.size)
        for _ in range(iterations):
            direction /= np.linalg.norm(direction)
            _, slopes = self.evaluate(np.stack([x + 1e-5 * direction, x - 1e-5 * direction]))
            image = (slopes[0] - slopes[1]) / 2e-5 - shift * direction
            if not np.isfinite(image).all() or not image.any():
                break
            direction = image
        return np.asarray(direction / np.linalg.norm(direction))

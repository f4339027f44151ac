"""A problem: a formula with its parameters, its start, and the facts that are known about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nagbench.problems import evaluation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kernel = Callable[..., Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """minimise f(x), x in R^dimension.

    ``value_kernel(x, data, shape, rows)`` returns f and ``gradient_kernel(x, data, shape, rows, out)`` writes ∇f; both
    are written in the part of Python that numba compiles, over a flat float64 ``data`` with an integer ``shape``.
    Where f is a mean over ``row_count`` rows, ``rows`` selects a mini-batch of them; empty, it stands for all rows.

    Facts are computed by the family or cited, never guessed: None means not known. ``smoothness`` is L and
    ``strong_convexity`` μ on the whole space; ``spectrum`` holds the eigenvalues of a constant Hessian and
    ``eigenvectors`` its columns (None: the coordinate axes); ``minimizers`` has one known minimiser a row.
    ``domain`` is the box, one (low, high) a coordinate, that pictures show and further starts are drawn from.
    ``kind`` is "quadratic", "convex" (and not quadratic) or "nonconvex". ``stationary_points`` holds, one a row, known
    points with ∇f = 0 that are not global minimisers. ``metrics`` are further numbers worth following during a run, such
    as the accuracy on held-out data, by name, each a function of x.
    ``given`` holds the start and the domain where they replace the family's own. ``modules`` names modules whose source
    decides the results besides the kernels' own: where the data are made, or where a user's function lives.
    """

    name: str
    family: str
    value_kernel: Kernel
    gradient_kernel: Kernel
    start: Floats
    parameters: Mapping[str, Any] = field(default_factory=dict)
    data: Floats = field(default_factory=lambda: np.zeros(0))
    shape: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    row_count: int = 0
    minimum: float | None = None
    minimizers: Floats | None = None
    smoothness: float | None = None
    strong_convexity: float | None = None
    spectrum: Floats | None = None
    eigenvectors: Floats | None = None
    domain: Floats | None = None
    kind: str = "nonconvex"
    stationary_points: Floats | None = None
    metrics: Mapping[str, Callable[[Floats], float]] = field(default_factory=dict)
    source: str = ""
    engine: str = "numba"
    given: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind, axes in (("start", np.float64, 1), ("data", np.float64, 1), ("shape", np.int64, 1)):
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if array.ndim != axes or (name == "start" and array.size == 0):
                raise ValueError(f"{self.name}: {name} must be a flat array of numbers, start with at least one")
            object.__setattr__(self, name, array)
        for name in ("minimizers", "stationary_points"):
            points = getattr(self, name)
            if points is not None and np.shape(points)[1:] != (self.dimension,):
                raise ValueError(f"{self.name}: {name} must have one point of {self.dimension} coordinates a row")

    @property
    def dimension(self) -> int:
        """The number of coordinates of x."""
        return int(self.start.size)

    @property
    def condition(self) -> float | None:
        """κ = L/μ, where both are known and μ > 0."""
        if self.smoothness is None or not self.strong_convexity:
            return None
        return self.smoothness / self.strong_convexity

    def value(self, x: ArrayLike) -> float:
        """f(x)."""
        return float(self.values(np.atleast_2d(np.asarray(x, dtype=float)))[0])

    def gradient(self, x: ArrayLike) -> Floats:
        """∇f(x), shape (dimension,)."""
        gradients = self.evaluate(np.atleast_2d(np.asarray(x, dtype=float)))[1]
        return np.asarray(gradients[0])

    def values(self, points: ArrayLike) -> Floats:
        """f at each row of ``points``, shape (m, dimension) → (m,)."""
        return self.evaluate(points, gradients=False)[0]

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """f and ∇f at each row of ``points``: (m,) and (m, dimension). ``rows`` selects a mini-batch."""
        at = np.array(points, dtype=np.float64, order="C", ndmin=2)
        if at.shape[1:] != (self.dimension,):
            raise ValueError(f"{self.name} takes points of {self.dimension} coordinates, not {at.shape[1]}")
        return evaluation.evaluate(self, at, np.array(rows, dtype=np.int64), gradients=gradients)

    @property
    def spec(self) -> dict[str, Any]:
        """What it takes to build this problem again, as plain data: family, parameters, and the facts given in place."""
        return {"family": self.family, "parameters": dict(self.parameters), **self.given}

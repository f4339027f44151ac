"""A problem: an objective function with its gradient, its start, and the facts that are known about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nagbench.core import notebook
from nagbench.core.arguments import numbers
from nagbench.core.columns import check_names
from nagbench.core.errors import UsageError
from nagbench.problems import evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kernel = Callable[..., Any]

KINDS = ("quadratic", "convex", "nonconvex")
# The facts that are numbers, and those that are arrays; each may be None, but for the start.
NUMBERS = ("minimum", "smoothness", "strong_convexity")
ARRAYS = ("start", "minimizers", "spectrum", "eigenvectors", "domain", "stationary_points")


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """Minimize f(x), or F(x) = f(x) + h(x) with a nonsmooth h, over x in Rⁿ.

    For a composite problem, ``minimum`` and ``minimizers`` are those of F; all other facts are those of f.

    Facts are computed by the family or cited, never guessed; None means that a fact is not known.

    Parameters
    ----------
    name, family
        The names of the problem and of its family.
    value_kernel
        ``value_kernel(x, data, shape, rows)`` returns f(x). Kernels are written in the part of Python that numba
        compiles.
    gradient_kernel
        ``gradient_kernel(x, data, shape, rows, out)`` writes ∇f(x) to every element of ``out``.
    start
        The start x₀, shape (n,).
    parameters
        The parameters of the family, as plain data.
    data, shape
        Flat arrays of float64 and int64 that the kernels read.
    row_count
        If f is a mean over rows of data, their number, else 0. The argument ``rows`` of a kernel selects a mini-batch;
        empty, it stands for all rows.
    minimum
        f*.
    minimizers
        Known minimizers, shape (count, n).
    smoothness, strong_convexity
        L and μ on the whole space.
    spectrum, eigenvectors
        The eigenvalues of a constant Hessian, shape (n,), and its eigenvectors as columns, shape (n, n); None for the
        coordinate axes.
    domain
        A box, one (low, high) per coordinate, shape (n, 2), for figures and further starts.
    varies_start
        Whether further starts make sense. They do not if the start defines the problem, as in a bound for one start.
    kind
        "quadratic", "convex" (and not quadratic) or "nonconvex".
    stationary_points
        Known points with ∇f = 0 that are not global minimizers, shape (count, n).
    metrics
        Further functions of x to follow during a run, by name, such as the accuracy on held-out data.
    penalty_kernel, prox_kernel
        Of a composite problem F = f + h, with f of the two kernels above: ``penalty_kernel(x, data, shape)`` returns the
        convex h(x), and ``prox_kernel(x, step, data, shape, out)`` writes its proximal point
        argmin over u of h(u) + ‖u − x‖²/(2·step) to every element of ``out``. An indicator h is 0 or inf, its prox a
        projection.
    gap_kernel
        ``gap_kernel(x, data, shape)`` returns a duality gap at x, at least F(x) − F*.
    source
        Where the problem was published.
    engine
        "numba" if the kernels can be compiled, else "python".
    given
        The start and the domain where they replace the family's own, as lists.
    modules
        Further modules whose source decides results: where the data are made, or where a user's function is defined.
    blocks
        The shapes of the parameters that x contains one after another, row by row, if these are matrices, as for a
        network or a factorization; () if x is a single vector.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("quadratic", eigenvalues=[1.0, 100.0], start=[1.0, 1.0])
    >>> problem.value([1.0, 1.0])
    50.5
    >>> problem.gradient([1.0, 1.0])
    array([  1., 100.])
    >>> problem.smoothness, problem.strong_convexity, problem.condition
    (100.0, 1.0, 100.0)
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
    varies_start: bool = True
    kind: str = "nonconvex"
    stationary_points: Floats | None = None
    metrics: Mapping[str, Callable[[Floats], float]] = field(default_factory=dict)
    source: str = ""
    penalty_kernel: Kernel | None = None
    prox_kernel: Kernel | None = None
    gap_kernel: Kernel | None = None
    engine: str = "numba"
    given: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    blocks: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("start", np.float64), ("data", np.float64), ("shape", np.int64)):
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if array.ndim != 1 or (name == "start" and array.size == 0):
                raise ValueError(f"{self.name}: {name} must be a flat array of numbers, start with at least one")
            object.__setattr__(self, name, array)
        if self.blocks and sum(map(math.prod, self.blocks)) != self.start.size:
            raise ValueError(f"{self.name}: blocks {self.blocks} do not hold {self.start.size} numbers")
        check_names(self.name, "metric", self.metrics)
        for name in ("minimizers", "stationary_points"):
            points = getattr(self, name)
            if points is not None and np.shape(points)[1:] != (self.dimension,):
                raise ValueError(f"{self.name}: {name} must have one point of {self.dimension} coordinates a row")

        if (self.penalty_kernel is None) != (self.prox_kernel is None):
            raise ValueError(f"{self.name}: a composite problem has both a penalty_kernel and a prox_kernel")
        if self.gap_kernel is not None and self.prox_kernel is None:
            raise ValueError(f"{self.name}: a gap_kernel belongs to a composite problem, which has a prox_kernel")

    @property
    def composite(self) -> bool:
        """Whether there is a nonsmooth part h."""
        return self.prox_kernel is not None

    @property
    def mapping_step(self) -> float:
        """The step size s of the measure "gradient-mapping": 1/L, or 1 if L is not known."""
        return 1.0 / self.smoothness if self.smoothness else 1.0

    @property
    def dimension(self) -> int:
        """The number n of coordinates of x."""
        return int(self.start.size)

    @property
    def condition(self) -> float | None:
        """κ = L/μ; None unless both are known and μ > 0."""
        if self.smoothness is None or not self.strong_convexity:
            return None
        return self.smoothness / self.strong_convexity

    def value(self, x: ArrayLike) -> float:
        """Return f(x), or F(x) of a composite problem, at a point of shape (n,)."""
        return float(self.values(x)[0])

    def gradient(self, x: ArrayLike) -> Floats:
        """Return ∇f(x), shape (n,), at a point of shape (n,)."""
        return np.asarray(self.evaluate(x)[1][0])

    def prox(self, x: ArrayLike, step: float = 1.0) -> Floats:
        """Return the proximal point of x: argmin over u of h(u) + ‖u − x‖²/(2·step), shape (n,); x itself if h = 0.

        Raises
        ------
        ValueError
            If x does not have n coordinates, or if the step is not a finite number above 0.
        """
        return evaluation.prox(self, self._check_points(x)[0], step)

    def gap(self, x: ArrayLike) -> float:
        """Return the duality gap at a point of shape (n,), a bound on F(x) − F*.

        Raises
        ------
        ValueError
            If the problem has none, or if x does not have n coordinates.
        """
        if self.gap_kernel is None:
            raise ValueError(f"{self.name} has no duality gap")
        return evaluation.gap(self, self._check_points(x)[0])

    def values(self, points: ArrayLike) -> Floats:
        """Return f, or F of a composite problem, at each row of ``points``, shape (m, n), as an array of shape (m,)."""
        return self.evaluate(points, gradients=False)[0]

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """Evaluate f (F of a composite problem) and ∇f at several points.

        Parameters
        ----------
        points
            Points, shape (m, n).
        gradients
            Whether to evaluate ∇f.
        rows
            The rows of a mini-batch; empty for all rows.

        Returns
        -------
        values, gradients
            Shapes (m,) and (m, n), or (0, n) without gradients.

        Raises
        ------
        ValueError
            If the points do not have n coordinates.
        """
        array = self._check_points(points)
        return evaluation.evaluate(self, array, np.array(rows, dtype=np.int64), gradients=gradients)

    def _check_points(self, points: ArrayLike) -> Floats:
        """Return points as a new array of shape (m, n). Raises UsageError for what is no such array."""
        found = numbers(points, f"{self.name}: what it is given is", f"{self.name}: ", 60)
        array = np.array(found, order="C", ndmin=2)
        if array.shape[1:] != (self.dimension,):
            raise UsageError(f"{self.name} takes points of {self.dimension} coordinates, not {array.shape[-1]}")
        return array

    def __repr__(self) -> str:
        return f"Problem({self.name!r}, dimension={self.dimension})"

    def _repr_html_(self) -> str:
        """Return what is known, as a table for a notebook."""
        known = {
            "family": self.family,
            "dimension": self.dimension,
            "kind": self.kind,
            "minimum f*": self.minimum,
            "smoothness L": self.smoothness,
            "strong convexity μ": self.strong_convexity,
            "condition κ": self.condition,
            "source": self.source,
        }
        return notebook.facts_as_html(self.name, known)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot the contours of a problem of two variables, else its spectrum if it is known, else a slice of f.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Draw here instead of in a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Examples
        --------
        >>> import nagbench
        >>> nagbench.problem("bowl").plot().get_xlabel()
        'x₁'
        """
        return notebook.draw("problem", self, ax)

    @property
    def spec(self) -> dict[str, Any]:
        """The plain data from which the problem can be built again: family, parameters, and the facts in ``given``."""
        return {"family": self.family, "parameters": dict(self.parameters), **self.given}

"""What is run and its outcome, as plain frozen data: `Cell` and `Run`."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core import notebook
from nagbench.core.canonical import canonical
from nagbench.core.measures import Measure
from nagbench.core.messages import message_type

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A tolerance that only a measure of exactly 0 meets: the smallest number above 0.
UNREACHABLE = 5e-324
STATUSES = ("running", "converged", "diverged", "stalled", "budget", "error")


@message_type
@dataclass(frozen=True, kw_only=True)
class Cell:
    """Everything that decides a result, as plain data.

    Parameters
    ----------
    problem
        Canonical JSON of family, parameters and, where they replace the family's own, start and domain.
    optimizer
        Name of the algorithm.
    hyperparameters
        Its hyperparameters by name.
    start
        0 for the problem's start, i for the i-th one drawn from its domain.
    oracle
        Text form of the gradient oracle; see `nagbench.engine.oracles.parse_oracle`.
    seed
        Seed of the oracle's draws.
    dtype
        "float64".
    engine
        "numba", "python" or "mixed".
    measure
        "gradient", "value", "distance", "gradient-mapping" or "gap".
    relative
        Whether tolerances are fractions of the measure at the start.
    tolerances
        Tolerances above 0, in decreasing order.
    budget
        Largest number of iterations.
    every
        Number of iterations between measurements.
    """

    problem: str
    optimizer: str
    hyperparameters: Mapping[str, float | str]
    start: int = 0
    oracle: str = "exact"
    seed: int = 0
    dtype: str = "float64"
    engine: str = "numba"
    measure: Measure = "gradient"
    relative: bool = False
    tolerances: tuple[float, ...] = (1e-6,)
    budget: int = 100_000
    every: int = 1

    @functools.cached_property
    def key(self) -> str:
        """Hash of the canonical JSON of all fields, sixteen hexadecimal digits."""
        content = canonical({field.name: getattr(self, field.name) for field in fields(self)})
        return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()

    @property
    def shared(self) -> tuple[Any, ...]:
        """What cells that can be counted in one batch have in common: all but hyperparameters, start and seed."""
        apart = {"hyperparameters", "start", *(("seed",) if self.oracle == "exact" else ())}
        alone = () if self.oracle == "exact" else (self.key,)
        return *(getattr(self, field.name) for field in fields(self) if field.name not in apart), *alone


@message_type
@dataclass(frozen=True, kw_only=True)
class Run:
    """The outcome of one cell at its tightest tolerance.

    Parameters
    ----------
    cell
        What was run.
    status
        How the run ended, one of `STATUSES`.
    iterations
        The first k at which the measure was within the tolerance, with k = 0 at the start; if the run did not converge, the
        iteration at which it ended.
    gradient_evaluations, value_evaluations
        What the algorithm consumed; a mini-batch of b of n rows counts b/n. Evaluations for measuring are not included.
    value, gradient_norm, residual
        f, ‖∇f‖₂ and the measure at the end; of a composite problem F and the norm of the gradient mapping.
    rises
        Number of iterations in which f rose.
    overshoot
        Largest rise of f above its least value so far, divided by f₀ − f*, or where f* is not known by f₀ − the least
        value so far.
    rate
        Least-squares slope of ln(measure) per iteration over the second half of the run.
    iterate : ndarray of shape (n,)
        Where the run ended.
    query : ndarray of shape (n,)
        Where the next gradient would be taken, before an algorithm that observes f has seen it there.
    predicted_iterations
        Number of iterations by theory; None if there is none.
    path : ndarray of shape (iterations + 1, n), optional
        The iterates, the start first.
    curve : ndarray of loop.CURVE
        Value, gradient norm and distance along the run, thinned.
    metrics
        Further metrics of the problem, such as the accuracy on held-out data, at the iterations of the curve.
    error
        What went wrong; empty if nothing did.
    """

    cell: Cell
    status: str
    iterations: int
    gradient_evaluations: float
    value_evaluations: float
    value: float
    gradient_norm: float
    residual: float
    rises: int
    overshoot: float
    rate: float
    iterate: NDArray[np.float64]
    query: NDArray[np.float64]
    predicted_iterations: int | None = None
    path: NDArray[np.float64] | None = None
    curve: NDArray[Any] = field(repr=False, default_factory=lambda: np.zeros(0))
    metrics: Mapping[str, NDArray[np.float64]] = field(repr=False, default_factory=dict)
    error: str = ""

    def __repr__(self) -> str:
        family = str(json.loads(self.cell.problem)["family"])
        return f"Run({family!r}, {self.cell.optimizer!r}, status={self.status!r}, iterations={self.iterations})"

    def _repr_html_(self) -> str:
        """Return how the run ended, as a table for a notebook."""
        names = (
            "status",
            "iterations",
            "predicted_iterations",
            "gradient_evaluations",
            "value",
            "gradient_norm",
            "residual",
            "rises",
            "overshoot",
            "rate",
            "error",
        )
        known = {name: getattr(self, name) for name in names}
        shown = {name: fact for name, fact in known.items() if fact == fact}
        return notebook.facts_as_html(repr(self), {"cell": self.cell.key, **shown})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot the path over the contours of a problem of two variables, else the measure against the iteration.

        A run that has kept no path is run again for it.

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
        >>> nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3", iterations=30).plot().get_xlabel()
        'x₁'
        """
        return notebook.draw("run", self, ax)

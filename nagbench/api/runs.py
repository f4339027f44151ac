"""Single runs."""

from __future__ import annotations

from numpy.typing import ArrayLike

from nagbench.core import arguments
from nagbench.core.measures import Measure
from nagbench.core.remote import Pulse
from nagbench.engine import single_run
from nagbench.engine.records import UNREACHABLE, Run
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Problem

__all__ = ["Run", "run"]


def run(
    problem: Problem | str,
    optimizer: Optimizer | str,
    *,
    measure: Measure | None = None,
    tolerance: float = 1e-6,
    budget: int = 100_000,
    oracle: str = "exact",
    seed: int = 0,
    start: ArrayLike | None = None,
    path: bool = False,
    iterations: int | None = None,
    relative: bool = False,
    measure_every: int | None = None,
    engine: str | None = None,
    pulse: Pulse = lambda: None,
) -> Run:
    """Run one optimizer on one problem until it converges or its budget is used up.

    Parameters
    ----------
    problem
        A problem, or its text form: the name of a suite's problem, or a family as in ``"rosenbrock:dimension=10"``.
    optimizer
        An optimizer, or its text form as in ``"nesterov:step_size=1e-3,momentum=0.9"``.
    measure : {"gradient", "value", "distance", "gradient-mapping", "gap"}, optional
        What is compared with the tolerance, at the iterate of the algorithm: ‖∇f(x)‖₂, f(x) − f*, or ‖x − x*‖₂ to the
        nearest known minimizer. For a composite problem also the norm ‖x − prox(x − s∇f(x))‖₂/s of the gradient mapping
        with s = 1/L, which is then the default, or the duality gap.
    tolerance
        The run converges at the first iterate whose measure is at most this.
    budget
        Maximum number of iterations.
    oracle
        How gradients are given: "exact", "minibatch:ROWS", "stochastic" or "noise:SIGMA".
    seed
        Seed of a sampled oracle.
    start : array_like of shape (n,), optional
        Replaces the start of the problem.
    path
        Whether to keep every iterate in ``run.path``.
    iterations
        Run exactly this many iterations and keep the path; replaces tolerance and budget. A run ends earlier only if the
        measure is 0 or the run diverges, stalls or fails.
    relative
        Whether to divide the measure by its value at the start.
    measure_every
        Number of iterations between measurements. The default is 1 with the exact oracle, one epoch with mini-batches, and
        10 with noise.
    engine : {"numba", "python", "mixed"}, optional
        The engine; by default the fastest that problem and optimizer support.
    pulse
        Called about every 50 ms; what it raises ends the run.

    Returns
    -------
    Run
        The outcome: status, iteration counts, final values, iterate and curve.

    Raises
    ------
    UsageError
        If a name or a value is not valid, or if the measure needs a minimum or minimizer that is not known.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3")
    >>> run.status, run.iterations
    ('converged', 39)
    >>> bool(run.gradient_norm <= 1e-6)
    True

    On a quadratic, the count is predicted from the eigenvalues:

    >>> run.predicted_iterations
    39

    ``iterations`` sets the exact number of iterations:

    >>> run = nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3", iterations=30)
    >>> run.iterations, len(run.path)
    (30, 31)

    ``path`` keeps the iterates, one per row, the start first:

    >>> nagbench.run("bowl", "gradient-descent:step_size=0.1", start=[1, 1], budget=2, path=True).path.round(2)
    array([[1.  , 1.  ],
           [0.8 , 0.8 ],
           [0.64, 0.64]])
    """
    if iterations is not None:
        budget, tolerance, path = arguments.whole("iterations", iterations, 0, 2**53 - 1), UNREACHABLE, True
    return single_run.run(
        problem,
        optimizer,
        measure=measure,
        tolerance=tolerance,
        budget=budget,
        oracle=oracle,
        seed=seed,
        start=start,
        path=path,
        relative=relative,
        measure_every=measure_every,
        engine=engine,
        pulse=pulse,
    )

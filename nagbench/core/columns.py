"""Names that tables of results use: a user's hyperparameter or metric of the same name would replace a column."""

from __future__ import annotations

from collections.abc import Iterable

from nagbench.core.errors import UsageError

RESERVED = frozenset(
    # What a cell is.
    "cell problem problem_spec family dimension oracle optimizer variant library engine mode trial start seed dtype budget "
    "measure tested_at relative tolerance tolerances every fingerprint schedule momentum_schedule "
    # How it ended.
    "status iterations gradient_evaluations value_evaluations value gradient_norm residual rises overshoot rate digest "
    "predicted_iterations selected error "
    # How long it took.
    "machine repeats block wall_time wall_time_min wall_time_iqr cpu_time oracle_time step_time native_time samples disturbed "
    # Its curve, and what analyses make of all of it.
    "iteration distance evaluations time task method label typical best count counts solved of ended stable".split()
)


def check_names(who: str, kind: str, names: Iterable[str]) -> None:
    """Refuse names that tables of results use.

    Parameters
    ----------
    who
        What has the names, for the message.
    kind
        "hyperparameter" or "metric".
    names
        The names.

    Raises
    ------
    UsageError
        For the first name that is reserved.

    Examples
    --------
    >>> check_names("mine:steps", "hyperparameter", ["step_size", "friction"])
    """
    for name in names:
        if name in RESERVED:
            raise UsageError(
                f"{who}: a {kind} cannot be called {name!r}, which is a column of the results; "
                f"another name, such as {'my_' + name!r}, is allowed"
            )

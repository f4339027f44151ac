"""The data sets that come with the package, scaled and laid out as kernels take them."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import Literal, get_args

import numpy as np

from nagbench.core.errors import UsageError, unknown_name
from nagbench.problems.problem import Floats

SOURCES = {
    "breast-cancer": "UCI Breast Cancer Wisconsin (Diagnostic), Wolberg et al. 1995, as in scikit-learn",
    "diabetes": "Efron, Hastie, Johnstone & Tibshirani 2004, as in scikit-learn",
    "digits": "UCI Optical Recognition of Handwritten Digits, Alpaydin & Kaynak 1998, as in scikit-learn",
    "iris": "Fisher 1936, as in scikit-learn",
    "wine": "UCI Wine, Aeberhard & Forina 1992, as in scikit-learn",
}
Scaling = Literal["none", "standard", "unit-norm", "maximum"]
SCALINGS = get_args(Scaling)
LABELLED = [name for name in SOURCES if name != "diabetes"]


@functools.cache
def load(dataset: str) -> tuple[Floats, Floats]:
    """Return the features (one row per example) and the targets of a data set as measured. Both are read only."""
    arrays = _arrays(dataset)
    return arrays["features"], arrays["targets"]


@functools.cache
def minimizers() -> Mapping[str, Floats]:
    """Return minimizers that take long to find, as starts of Newton's method."""
    return _arrays("minimizers")


def _arrays(name: str) -> dict[str, Floats]:
    file = resources.files("nagbench.problems") / "data" / f"{name}.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        arrays = {key: stored[key].astype(np.float64) for key in stored.files}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def scale(features: Floats, scaling: str) -> Floats:
    """Scale features.

    Parameters
    ----------
    features
        Shape (rows, columns).
    scaling
        "none", as they are; "standard", every column of mean 0 and (population) standard deviation 1; "unit-norm", of
        mean 0 and ‖column‖₂ = 1; "maximum", all divided by the largest magnitude. A constant column becomes zeros
        under "standard" and "unit-norm".
    """
    if scaling == "none":
        return features
    if scaling == "maximum":
        return np.asarray(features / np.abs(features).max())
    centred = features - features.mean(axis=0)
    spread = centred.std(axis=0)
    if scaling == "unit-norm":
        spread = spread * np.sqrt(len(features))
    return np.asarray(centred / np.where(spread > 0.0, spread, 1.0))


def load_examples(
    family: str, dataset: str, scaling: str, *, known: Collection[str], classes: Sequence[int] | None = None
) -> tuple[Floats, Floats]:
    """Return scaled features and targets of a data set.

    Parameters
    ----------
    family
        The family, for messages.
    dataset, scaling
        The names of the data set and of its scaling; see `scale`.
    known
        The data sets that the family takes.
    classes
        The classes whose examples are returned; None for all.

    Raises
    ------
    UsageError
        For an unknown data set or scaling, and for classes that the data set does not have.
    """
    if dataset not in known:
        raise unknown_name(f"dataset of family {family}", str(dataset), known)
    if scaling not in SCALINGS:
        raise unknown_name(f"scaling of family {family}", str(scaling), SCALINGS)
    features, targets = load(dataset)
    if classes is not None:
        chosen = np.isin(targets, check_classes(family, "classes", dataset, classes))
        features, targets = features[chosen], targets[chosen]
    return scale(features, scaling), targets


def check_classes(family: str, name: str, dataset: str, classes: Sequence[int]) -> Floats:
    """Return classes as an array. Raises UsageError unless they are some of those of the data set."""
    allowed = np.unique(load(dataset)[1])
    listed = np.array(classes if isinstance(classes, (list, tuple, np.ndarray)) else [classes], dtype=np.float64)
    if listed.size == 0 or not np.isin(listed, allowed).all():
        raise UsageError(
            f"family {family}: {name}={classes!r} is not valid; allowed: some of {allowed.astype(int).tolist()}"
        )
    return listed


def append_ones(features: Floats) -> Floats:
    """Append a column of ones, for the intercept."""
    return np.column_stack([features, np.ones(len(features))])


def gram_spectrum(features: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues, ascending, and eigenvectors of AᵀA/n; eigenvalues that are rounding errors become 0."""
    n, d = features.shape
    values, vectors = np.linalg.eigh(features.T @ features / n)
    values[values < d * np.finfo(float).eps * values[-1]] = 0.0
    return values, vectors


def enclosing_box(minimizer: Floats) -> Floats:
    """Return a domain around 0, half as large again as needed to contain the minimizer."""
    reach = 1.5 * float(np.abs(minimizer).max())
    return np.array([[-reach, reach]] * minimizer.size)

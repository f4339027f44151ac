"""Problems without their code: what a sweep has stored of a user's problem, so that its results can be read anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nagbench.core.errors import UsageError
from nagbench.problems.curvature import Curvature
from nagbench.problems.landscape import mask_nonfinite, resample
from nagbench.problems.problem import ARRAYS, NUMBERS, Floats, Problem

# A problem of more coordinates is stored without its points: start, minimizers, domain and spectrum.
MOST_COORDINATES = 10_000
_ARRAYS = tuple(name for name in ARRAYS if name != "eigenvectors")


@dataclass(frozen=True, eq=False)
class Heights:
    """f on a square grid.

    Parameters
    ----------
    box
        Lower and upper limits of each coordinate, shape (2, 2).
    values
        f, shape (m, m), a row sharing the second coordinate; nan where it is not finite.
    """

    box: Floats
    values: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedProblem(Problem):
    """A problem of which only facts are stored. Its functions can be evaluated where a sweep has stored values.

    Parameters
    ----------
    curvature
        L and μ, known or estimated; None if they could not be found.
    heights
        f on a grid; None if there is none.
    known
        f at some points, by the bytes of the point.
    """

    curvature: Curvature | None = None
    heights: Heights | None = None
    known: Mapping[bytes, float] = field(default_factory=dict)

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """Return f at points of which it is stored; see `Problem.evaluate`. Raises UsageError elsewhere."""
        array = self._check_points(points)
        found = [self.known.get(point.tobytes()) for point in array]
        if gradients or np.size(rows) or None in found:
            raise UsageError(f"a value of problem {self.name} is not available without its code")
        return np.array(found, dtype=np.float64), np.empty((0, self.dimension))

    def sample(self, box: Floats, points: int) -> tuple[Floats, int]:
        """Return f on a grid over a box, interpolated.

        Parameters
        ----------
        box
            Lower and upper limits of each coordinate, shape (2, 2).
        points
            Points on a side.

        Returns
        -------
        values
            Shape (points, points).
        stored
            The number of points on a side within the box at which f was evaluated.

        Raises
        ------
        UsageError
            If no values are stored.
        """
        if self.heights is None:
            raise UsageError(f"the values of problem {self.name} are not available without its code")
        share = float(np.min((box[:, 1] - box[:, 0]) / (self.heights.box[:, 1] - self.heights.box[:, 0])))
        return resample(self.heights.values, self.heights.box, box, points), int(share * len(self.heights.values))


def _no_code(*_: Any) -> NoReturn:
    raise UsageError("the functions of this problem are not available without its code")


def facts_of(
    problem: Problem, curvature: Curvature | None, values: Sequence[float | None], heights: Heights | None
) -> str:
    """Return what is stored of a problem, as JSON.

    Parameters
    ----------
    problem
        The problem.
    curvature
        Its L and μ, known or estimated.
    values
        f at its starts; None where f is not finite.
    heights
        f on a grid.
    """
    small = problem.dimension <= MOST_COORDINATES
    facts: dict[str, Any] = {name: getattr(problem, name) for name in ("name", "family", "kind", "source", "dimension")}
    facts |= {name: _number(getattr(problem, name)) for name in NUMBERS}
    facts |= {name: _finite(getattr(problem, name)) if small else None for name in _ARRAYS}
    facts["values"] = [_number(value) for value in values] if small else []
    facts["curvature"] = (
        None
        if curvature is None
        else {
            "place": curvature.place,
            "smoothness": curvature.smoothness,
            "strong_convexity": curvature.strong_convexity,
            "spectrum": _finite(curvature.spectrum) if small and curvature.estimated else None,
        }
    )
    facts["heights"] = (
        None
        if heights is None
        else {
            # Nine digits are more than any picture shows.
            "box": heights.box.tolist(),
            "values": [[_number(value, 9) for value in row] for row in heights.values.tolist()],
        }
    )
    return json.dumps(facts, allow_nan=False)


def _finite(array: Floats | None) -> Any:
    return None if array is None or not np.isfinite(array).all() else np.asarray(array).tolist()


def _number(value: float | None, digits: int = 17) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.{digits}g}")


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _CurvatureModel(_Model):
    place: Literal["everywhere", "minimizer", "start"]
    smoothness: float
    strong_convexity: float | None
    spectrum: list[float] | None


class _HeightsModel(_Model):
    box: list[tuple[float, float]] = Field(min_length=2, max_length=2)
    values: list[list[float | None]] = Field(min_length=2, max_length=1000)


class _FactsModel(_Model):
    name: str
    family: str
    kind: Literal["quadratic", "convex", "nonconvex"]
    source: str
    dimension: int = Field(ge=1)
    minimum: float | None
    smoothness: float | None
    strong_convexity: float | None
    start: list[float] | None
    minimizers: list[list[float]] | None
    spectrum: list[float] | None
    domain: list[tuple[float, float]] | None
    stationary_points: list[list[float]] | None
    values: list[float | None]
    curvature: _CurvatureModel | None
    heights: _HeightsModel | None


def problem_of_facts(text: str) -> tuple[RecordedProblem, list[float | None]]:
    """Return the problem that `facts_of` stored, and f at its starts.

    Raises
    ------
    UsageError
        If the text is not what `facts_of` writes, or has no start.
    """
    try:
        facts = _FactsModel.model_validate_json(text)
        arrays = {name: _array(getattr(facts, name)) for name in _ARRAYS}
        if arrays["start"] is None or arrays["start"].shape != (facts.dimension,):
            raise UsageError("it has no start")
        if arrays["domain"] is not None and arrays["domain"].shape != (facts.dimension, 2):
            raise UsageError("its domain has another dimension")
        problem = RecordedProblem(
            **{name: getattr(facts, name) for name in ("name", "family", "kind", "source", *NUMBERS)},
            **arrays,
            value_kernel=_no_code,
            gradient_kernel=_no_code,
            engine="python",
            curvature=_curvature(facts),
            heights=_heights(facts.heights),
        )
    except ValidationError as error:
        raise UsageError(f"the stored facts of a problem cannot be read: {error.errors()[0]['msg']}") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"the stored facts of a problem cannot be read: {error}") from None
    return problem, list(facts.values)


def _array(given: Any) -> Any:
    return None if given is None else np.array(given, dtype=np.float64)


def _curvature(facts: _FactsModel) -> Curvature | None:
    found = facts.curvature
    if found is None:
        return None
    spectrum = facts.spectrum if found.place == "everywhere" else found.spectrum
    return Curvature(found.place, found.smoothness, found.strong_convexity, _array(spectrum))


def _heights(stored: _HeightsModel | None) -> Heights | None:
    if stored is None:
        return None
    box, values = np.array(stored.box), _array(stored.values)
    if values.shape != (len(values), len(values)) or not (box[:, 0] < box[:, 1]).all():
        raise UsageError("its values are no square grid over a box")
    return Heights(box, mask_nonfinite(values))

"""Read a certificate from an untrusted source: every field is validated before it is used."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nagbench.core.errors import UsageError
from nagbench.validation.equivalence.certificate import FORMAT, Certificate
from nagbench.validation.equivalence.groups import Group
from nagbench.validation.equivalence.lockstep import Array
from nagbench.validation.equivalence.rounding import Comparison
from nagbench.validation.equivalence.scenarios import SCENARIOS
from nagbench.validation.equivalence.trials import Implementation, Line, Pair, Trial

# No certificate of ours is larger, and a page would have to hold all of it.
_MAX_CHARACTERS = 20_000_000

Text = Annotated[str, Field(max_length=2000)]
Texts = Annotated[tuple[Text, ...], Field(max_length=1000)]
Named = Annotated[dict[Text, Text], Field(max_length=1000)]
Step = Annotated[int, Field(ge=0, le=1_000_000)]
Distance = Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["inf"]
Distances = Annotated[tuple[Distance, ...], Field(max_length=100_001)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Comparison(_Model):
    verdict: Literal["identical", "rounding", "different"]
    parts_at: Step | None
    distance: Distance
    ulps: Distance
    resolution: Distance
    told_until: Annotated[int, Field(ge=-1, le=1_000_000)]

    def made(self) -> Comparison:
        return Comparison(
            verdict=self.verdict,
            parts_at=self.parts_at,
            distance=float(self.distance),
            ulps=float(self.ulps),
            resolution=float(self.resolution),
            told_until=self.told_until,
        )


class _Pair(_Comparison):
    a: Text
    b: Text
    mapped: _Comparison | None
    explanation: Text

    def pair(self) -> Pair:
        return Pair(self.a, self.b, self.made(), self.mapped.made() if self.mapped else None, self.explanation)


class _Implementation(_Model):
    name: Text
    library: Text
    tested_at: Text
    look_ahead: bool
    forms: Texts
    diverged_at: Step | None = None


class _Line(_Model):
    a: Text
    b: Text
    distances: Distances


class _Picture(_Model):
    allowed: Distances
    lines: Annotated[tuple[_Line, ...], Field(max_length=1000)]


class _Trial(_Model):
    group: Text
    title: Text
    scenario: Text
    precision: Literal["float64", "float32"]
    hyperparameters: Annotated[dict[Text, Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=100)]
    implementations: Annotated[tuple[_Implementation, ...], Field(max_length=200)]
    forms: Texts
    refused: Named
    pairs: Annotated[tuple[_Pair, ...], Field(max_length=20_000)]
    picture: _Picture

    @model_validator(mode="after")
    def _check_consistency(self) -> _Trial:
        names = [one.name for one in self.implementations]
        if self.scenario not in SCENARIOS:
            raise ValueError(f"no scenario is named {self.scenario!r}")
        if len(set(names)) < len(names):
            raise ValueError("an implementation occurs twice")
        given = [frozenset((pair.a, pair.b)) for pair in self.pairs]
        if len(set(given)) < len(given):
            raise ValueError("a pair occurs twice")
        named = [(pair.a, pair.b) for pair in self.pairs] + [(line.a, line.b) for line in self.picture.lines]
        for a, b in named:
            if a == b or not {a, b} <= set(names):
                raise ValueError(f"{a!r} and {b!r} are not a pair of these implementations")
        if not {frozenset((line.a, line.b)) for line in self.picture.lines} <= set(given):
            raise ValueError("a line shows two implementations that are not compared")
        return self

    def trial(self) -> Trial:
        return Trial(
            group=Group(name=self.group, title=self.title, base=self.hyperparameters, members=(), forms=self.forms),
            scenario=SCENARIOS[self.scenario],
            implementations=tuple(Implementation(**dict(one)) for one in self.implementations),
            pairs=tuple(pair.pair() for pair in self.pairs),
            refused=self.refused,
            forms=self.forms,
            lines=tuple(Line(line.a, line.b, _array(line.distances)) for line in self.picture.lines),
            allowed=_array(self.picture.allowed),
        )


class _Rounding(_Model):
    runs: Annotated[int, Field(ge=1)]
    safety: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Certificate(_Model):
    format: int
    problem: Text
    dimension: Annotated[int, Field(ge=1)]
    steps: Annotated[int, Field(ge=2, le=100_000)]
    changed_at: Step
    rounding: _Rounding
    versions: Named
    missing: Named
    trials: Annotated[tuple[_Trial, ...], Field(max_length=1000)]

    @model_validator(mode="after")
    def _check_lengths(self) -> _Certificate:
        for trial in self.trials:
            for values in (trial.picture.allowed, *(line.distances for line in trial.picture.lines)):
                if len(values) != self.steps + 1:
                    raise ValueError(f"{trial.group}: {len(values)} distances for {self.steps} steps and the start")
        return self


def read(text: str) -> Certificate:
    """Parse a certificate that `Certificate.to_json` wrote.

    Parameters
    ----------
    text : str
        The JSON text.

    Returns
    -------
    Certificate
        The certificate.

    Raises
    ------
    UsageError
        If the text is anything else, in one line.
    """
    if len(text) > _MAX_CHARACTERS:
        raise UsageError(f"the certificate has {len(text)} characters; allowed: {_MAX_CHARACTERS}")
    _check_format(text)
    try:
        found = _Certificate.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = " ".join(first["msg"].removeprefix("Value error, ").split())[:300]
        raise UsageError(f"the certificate is damaged{f' at {place[:200]}' * bool(place)}: {said}") from None
    return Certificate(
        problem=found.problem,
        dimension=found.dimension,
        steps=found.steps,
        trials=tuple(trial.trial() for trial in found.trials),
        missing=found.missing,
        versions=found.versions,
    )


class _Head(BaseModel):
    format: int


def _check_format(text: str) -> None:
    """Report another format separately from damage, because the remedy is to make the certificate anew."""
    try:
        found = _Head.model_validate_json(text).format
    except ValidationError:
        return
    if found != FORMAT:
        raise UsageError(
            f"the certificate has format {found}, expected {FORMAT}; `nagbench verify --out FILE` writes a new one"
        )


def _array(values: tuple[Distance, ...]) -> Array:
    """Convert distances to an array."""
    return np.array([float(value) for value in values])

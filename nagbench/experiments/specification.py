"""The specification of a sweep: the keys of a TOML file, or of `nagbench.sweep`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.measures import Measure
from nagbench.core.validation import error_messages, only_number, read_toml

Mode = Literal["theory", "default", "tuned", "common", "grid"]


Positive = Annotated[float, BeforeValidator(only_number), Field(gt=0, allow_inf_nan=False)]

Whole = Annotated[int, BeforeValidator(only_number), Field(ge=1, le=10_000_000)]
Natural = Annotated[int, BeforeValidator(only_number), Field(ge=0, le=1_000)]

Flag = Annotated[bool, Field(strict=True)]

# Starts of each problem in a sweep that tunes.
TUNING_STARTS = 8
# What the keys mean that a spec.toml lacks which nagbench wrote before they existed: a tuning was one sequence of trials, each
# on every start, and nothing was scored apart. Such a file has all the keys of its time.
_EARLIER: dict[str, Any] = {
    "replicates": 1,
    "sequence": 0,
    "textbook": False,
    "finalists": 0,
    "held_out": 0,
    "moved": 0,
}
_KEYS_OF_EARLIER = frozenset(
    (
        "name",
        "problems",
        "optimizers",
        "trials",
        "starts",
        "seeds",
        "oracles",
        "measure",
        "relative",
        "tolerances",
        "budget",
    )
)

DEFAULT_PROBLEMS = (
    "bowl",
    "rosenbrock",
    "rosenbrock-10",
    "ill-conditioned-1e2",
    "ill-conditioned-1e4",
    "ill-conditioned-1e6",
)

DEFAULT_OPTIMIZERS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")


class Spec(BaseModel):
    """What a sweep runs; the keys of a TOML specification.

    Tolerances are kept in decreasing order. If ``modes`` is None, they are theory and tuned; if ``measure`` is None, it is the
    gradient, or the gradient mapping for a composite problem. An optimizer with values for all its hyperparameters runs as
    given, and one with lists of values runs over their grid.

    Mode tuned makes ``replicates`` independent tunings of ``trials`` each, as `nagbench.experiments.tuning` describes, from the
    sequences with the number ``sequence``. With ``textbook``, the first trial of each is the textbook setting, if there is one.
    All trials run from the first start, and the ``finalists`` of each block from the others; with 0 finalists, all trials come
    from the sequence and run from all starts. If ``starts`` is None, there are 8 in a sweep that tunes, else 1. The selected
    trials are scored from ``held_out`` further starts, and counted again from ``moved`` starts that differ from each of their
    own by roundings.

    Mode common runs `selection.replicate_size` settings in each replicate on all problems from all starts. The setting that is
    best on all other problems represents the variant on a problem; see `selection.best_elsewhere`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "default"
    problems: tuple[str, ...] = DEFAULT_PROBLEMS
    optimizers: tuple[str, ...] = DEFAULT_OPTIMIZERS
    suites: tuple[str, ...] = ()
    modes: tuple[Mode, ...] | None = None
    trials: Whole = 512
    replicates: Whole = 8
    sequence: Natural = 0
    textbook: Flag = True
    finalists: Natural = 8
    held_out: Natural = 10
    moved: Natural = 8
    grid: Whole = 10
    starts: Whole | None = None
    seeds: Whole = 1
    oracles: Annotated[tuple[str, ...], Field(min_length=1)] = ("exact",)
    measure: Measure | None = None
    relative: Flag = False
    tolerances: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1e-3, 1e-6)
    budget: Annotated[int, BeforeValidator(only_number), Field(ge=0, lt=2**53)] = 100_000
    measure_every: Whole | None = None
    engine: Literal["numba", "python", "mixed"] | None = None
    timing: Flag = True
    repeats: Whole = 5
    curves: Flag = True

    @field_validator("tolerances")
    @classmethod
    def _decreasing(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(value), reverse=True))

    @model_validator(mode="before")
    @classmethod
    def _complete_earlier(cls, values: Any) -> Any:
        """Give the keys that a specification of an earlier nagbench lacks the values of its time."""
        if isinstance(values, Mapping) and values.keys() >= _KEYS_OF_EARLIER and not values.keys() & _EARLIER.keys():
            return {**_EARLIER, **values}
        return values

    @property
    def tuning_starts(self) -> int:
        """The number of starts of a problem in a sweep that tunes."""
        return self.starts or TUNING_STARTS

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of a hash of everything that determines the cells."""
        import hashlib

        decides = self.model_dump(exclude={"name", "timing", "repeats", "curves"})
        # Before composite problems, the gradient was the default, and results folders are named by this hash.
        decides["measure"] = self.measure or "gradient"
        if all(decides[name] == value for name, value in _EARLIER.items()):
            decides = {name: value for name, value in decides.items() if name not in _EARLIER}
        return hashlib.blake2b(canonical(decides).encode(), digest_size=4).hexdigest()


def validate_spec(values: Mapping[str, Any], source: str = "sweep") -> Spec:
    """Return a checked specification.

    Parameters
    ----------
    values
        The keys of the specification.
    source
        Their origin, for messages.

    Raises
    ------
    UsageError
        If anything is not valid; the message names every mistake, and the nearest valid key.

    Examples
    --------
    >>> validate_spec({"tolerances": [1e-6, 1e-3]}).tolerances
    (0.001, 1e-06)
    """
    try:
        return Spec.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(f"{source}: {message}" for message in error_messages(error, Spec))) from None


def read_spec(file: Path, **overrides: Any) -> dict[str, Any]:
    """Return the keys of a TOML specification, replaced by ``overrides``. Raises UsageError if the file cannot be read."""
    values = read_toml("specification", file)
    suite = [name for name, value in values.items() if isinstance(value, dict) and "family" in value]
    if suite and len(suite) == len(values):
        raise UsageError(f"specification {file} is a suite of problems; use --suite (its first problem: {suite[0]})")
    # What the name of a sweep cannot hold, as a blank, becomes a hyphen.
    return {"name": re.sub(r"[^\w.-]+", "-", file.stem), **values, **overrides}

"""The specification of a sweep: the keys of a TOML file, or of `nagbench.sweep`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.measures import Measure
from nagbench.core.validation import error_messages, read_toml

Mode = Literal["theory", "default", "tuned", "grid"]


def _no_flag(value: Any) -> Any:
    """Refuse true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "a number")
    return value


Positive = Annotated[float, BeforeValidator(_no_flag), Field(gt=0, allow_inf_nan=False)]

Whole = Annotated[int, BeforeValidator(_no_flag), Field(ge=1, le=10_000_000)]

DEFAULT_PROBLEMS = (
    "bowl", "rosenbrock", "rosenbrock-10", "ill-conditioned-1e2", "ill-conditioned-1e4", "ill-conditioned-1e6",
)  # fmt: skip

DEFAULT_OPTIMIZERS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")


class Spec(BaseModel):
    """What a sweep runs; the keys of a TOML specification.

    Tolerances are kept in decreasing order. ``modes`` None stands for theory and tuned. An optimizer with values for all its
    hyperparameters runs as given, and one with lists of values runs over their grid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "default"
    problems: tuple[str, ...] = DEFAULT_PROBLEMS
    optimizers: tuple[str, ...] = DEFAULT_OPTIMIZERS
    suites: tuple[str, ...] = ()
    modes: tuple[Mode, ...] | None = None
    trials: Whole = 32
    grid: Whole = 10
    starts: Whole = 1
    seeds: Whole = 1
    oracles: Annotated[tuple[str, ...], Field(min_length=1)] = ("exact",)
    measure: Measure = "gradient"
    relative: bool = False
    tolerances: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1e-3, 1e-6)
    budget: Annotated[int, BeforeValidator(_no_flag), Field(ge=0, lt=2**53)] = 100_000
    measure_every: Whole | None = None
    engine: Literal["numba", "python", "mixed"] | None = None
    timing: bool = True
    repeats: Whole = 5
    curves: bool = True

    @field_validator("tolerances")
    @classmethod
    def _decreasing(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(value), reverse=True))

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of everything that decides which cells there are."""
        import hashlib

        decides = self.model_dump(exclude={"name", "timing", "repeats", "curves"})
        return hashlib.blake2b(canonical(decides).encode(), digest_size=4).hexdigest()


def validate_spec(values: Mapping[str, Any], source: str = "sweep") -> Spec:
    """Return a checked specification.

    Parameters
    ----------
    values
        The keys of the specification.
    source
        Where they come from, for messages.

    Raises
    ------
    UsageError
        If anything is not valid; it names every mistake, and the nearest valid key.

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
        raise UsageError(f"specification {file} is a suite of problems, given with --suite (its first: {suite[0]})")
    # A file may have any name; that of a sweep is part of folders and of asv's names.
    return {"name": re.sub(r"[^\w.-]+", "-", file.stem).strip("-") or "sweep", **values, **overrides}

"""Claims of the literature, each measured here and printed beside what was published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from nagbench.core.errors import unknown


@dataclass(frozen=True)
class Finding:
    """What came out: a table with the measured beside the published or closed form, and the verdict in a sentence."""

    table: pd.DataFrame
    verdict: str


@dataclass(frozen=True)
class Claim:
    """A statement that somebody made, where, and the experiment that examines it."""

    name: str
    statement: str
    source: str
    examine: Callable[[], Finding]


def claims() -> Mapping[str, Claim]:
    """All claims that can be examined, by name."""
    from nagbench.validation.claims import quadratics, ripples, stochastic

    return {claim.name: claim for claim in (*quadratics.CLAIMS, *ripples.CLAIMS, *stochastic.CLAIMS)}


def find_claim(name: str) -> Claim:
    """The claim of this name. Raises UsageError for others."""
    found = claims()
    if name not in found:
        raise unknown("claim", name, found)
    return found[name]

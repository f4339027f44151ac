"""What a claim is, and what examining it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class ClaimResult:
    """What came out: a table with the measured beside the published or closed form, and the verdict in a sentence."""

    table: pd.DataFrame
    verdict: str


@dataclass(frozen=True)
class Claim:
    """A statement that somebody made, where, and the experiment that examines it."""

    name: str
    statement: str
    source: str
    examine: Callable[[], ClaimResult]

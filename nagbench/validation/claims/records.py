"""Records of a claim and of its examination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class ClaimResult:
    """Result of examining a claim.

    Attributes
    ----------
    table : DataFrame
        Measured values next to the published ones or a closed form.
    verdict : str
        The outcome in one sentence.
    """

    table: pd.DataFrame
    verdict: str


@dataclass(frozen=True)
class Claim:
    """A published statement and the experiment that examines it.

    Attributes
    ----------
    name, statement, source : str
        Its name, the statement, and where it was published.
    examine : callable
        Runs the experiment and returns a `ClaimResult`.
    """

    name: str
    statement: str
    source: str
    examine: Callable[[], ClaimResult]

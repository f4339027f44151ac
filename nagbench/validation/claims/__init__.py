"""Claims of the literature, each measured and compared with the published values."""

from __future__ import annotations

from collections.abc import Mapping

from nagbench.core.errors import unknown_name
from nagbench.validation.claims import duality, quadratics, ripples, step_sizes, stochastic
from nagbench.validation.claims.records import Claim


def claims() -> Mapping[str, Claim]:
    """Return all claims that can be examined, by name."""
    return {
        claim.name: claim
        for module in (quadratics, ripples, step_sizes, duality, stochastic)
        for claim in module.CLAIMS
    }


def find_claim(name: str) -> Claim:
    """Return the claim of this name. Raise UsageError if there is none."""
    found = claims()
    if name not in found:
        raise unknown_name("claim", name, found)
    return found[name]

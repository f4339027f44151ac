"""Group the implementations of a trial that all coincide, and explain the differences between groups."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nagbench.validation.equivalence.rounding import DIFFERENT, IDENTICAL, Comparison
from nagbench.validation.equivalence.trials import Pair, Trial


@dataclass(frozen=True)
class EquivalenceClass:
    """Implementations of one trial that coincide.

    Attributes
    ----------
    names : tuple of str
        The implementations; those with the same bits are adjacent.
    joints : tuple of str
        A sign between each two neighbors: "=" for the same bits, "≈" for equality up to rounding.
    distance, ulps : float
        The largest distance over all pairs.
    told_until : int
        The last step at which all pairs can be distinguished from rounding; −1 if there is one implementation only.
    """

    names: tuple[str, ...]
    joints: tuple[str, ...]
    distance: float
    ulps: float
    told_until: int


def equivalence_classes(trial: Trial) -> list[EquivalenceClass]:
    """Group the implementations of a trial so that each coincides with every other of its group.

    Parameters
    ----------
    trial : Trial
        The trial.

    Returns
    -------
    list of EquivalenceClass
        The groups, in the order of their first members.
    """
    between = {frozenset((pair.a, pair.b)): pair.best for pair in trial.pairs}
    groups: list[list[str]] = []
    for implementation in trial.implementations:
        name = implementation.name
        home = next((g for g in groups if all(_verdict(between, name, other) != DIFFERENT for other in g)), None)
        if home is None:
            groups.append([name])
        else:
            twins = [i for i, other in enumerate(home) if _verdict(between, name, other) == IDENTICAL]
            home.insert(twins[-1] + 1 if twins else len(home), name)
    return [_make_class(between, names) for names in groups]


def forms_of(trial: Trial, equivalent: EquivalenceClass) -> str:
    """Name the published forms that a group follows; "every form" if all forms of the trial coincide."""
    forms = next(
        implementation.forms for implementation in trial.implementations if implementation.name == equivalent.names[0]
    )
    if not forms:
        return "no known form"
    return "every form" if len(forms) == len(trial.forms) > 1 else ", ".join(forms)


def reasons(pairs: Sequence[Pair]) -> str:
    """Join the explanations of these pairs, each once."""
    found = list(dict.fromkeys(pair.explanation for pair in pairs if pair.explanation))
    return " / ".join(found) if found else "no explanation is known"


def _verdict(between: Mapping[frozenset[str], Comparison], a: str, b: str) -> str:
    """Return the verdict on two implementations; "different" if they were not compared."""
    found = between.get(frozenset((a, b)))
    return found.verdict if found is not None else DIFFERENT


def _make_class(between: Mapping[frozenset[str], Comparison], names: list[str]) -> EquivalenceClass:
    """Make the record of a group."""
    inside = [between[frozenset((a, b))] for i, a in enumerate(names) for b in names[i + 1 :]]
    joints = tuple("=" if _verdict(between, a, b) == IDENTICAL else "≈" for a, b in itertools.pairwise(names))
    return EquivalenceClass(
        tuple(names),
        joints,
        max((found.distance for found in inside), default=0.0),
        max((found.ulps for found in inside), default=0.0),
        min((found.told_until for found in inside), default=-1),
    )


def rifts(trial: Trial, found: Sequence[EquivalenceClass]) -> Iterator[tuple[int, int, list[Pair]]]:
    """Yield the numbers of each pair of groups, with the pairs of implementations between them that differ."""
    home = {name: number for number, equivalent in enumerate(found) for name in equivalent.names}
    for i, j in itertools.combinations(range(len(found)), 2):
        across = [p for p in trial.pairs if {home[p.a], home[p.b]} == {i, j} and p.best.verdict == DIFFERENT]
        if across:
            yield i, j, across

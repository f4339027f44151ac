"""Select what to verify: groups or implementations by name, or a user's as package.module:attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nagbench.core.errors import UsageError, check_number, unknown_name
from nagbench.core.text_form import parse_text
from nagbench.experiments.names import expand_patterns, is_pattern
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.given import rename_hyperparameters
from nagbench.optimizers.registry import known_optimizers, lookup_algorithm
from nagbench.validation.equivalence.forms import PUBLISHED
from nagbench.validation.equivalence.groups import GROUPS, Group, Member

# An implementation may lack these hyperparameters and still belong to a group.
_OPTIONAL = {"dampening", "weight_decay", "momentum_decay"}


@dataclass(frozen=True)
class Selected:
    """A group with the members to run."""

    group: Group
    members: tuple[tuple[Member, Method], ...]


@dataclass(frozen=True)
class Selection:
    """What to verify.

    Attributes
    ----------
    groups : tuple of Selected
        The groups with their members.
    named : frozenset of str
        The implementations that were requested by name.
    missing : mapping of str to str
        The reason why an implementation is left out, by implementation.
    """

    groups: tuple[Selected, ...]
    named: frozenset[str]
    missing: Mapping[str, str]


def select_implementations(names: Sequence[str]) -> Selection:
    """Select what to verify.

    Parameters
    ----------
    names : sequence of str
        Names of groups or implementations; all groups if empty. Patterns with * and ? stand for all implementations that
        match: alone, for the groups in which there is one.

    Returns
    -------
    Selection
        The groups of these names if all are names of groups. Otherwise the named implementations: a single one with all
        members of its groups; several with one another, in the groups that hold all of them, or else in those of the
        first that is in any; a single one of the user's in the groups whose hyperparameters it has.

    Raises
    ------
    UsageError
        If a name is unknown, or an implementation fits no group.
    """
    if names and all(map(is_pattern, names)):
        return _load_members(_groups_of_patterns(names), frozenset())
    names = list(dict.fromkeys(expand_patterns("optimizer", names, known_optimizers) if names else names))
    if all(name in GROUPS for name in names):
        chosen = [GROUPS[name] for name in names] or list(GROUPS.values())
        return _load_members(chosen, frozenset())
    members = [_parse_member(name) for name in names]
    named = frozenset(member.name for member, _ in members)
    return _load_members(
        [_join_group(group, [member for member, _ in members]) for group in _find_groups(members)], named
    )


def _groups_of_patterns(patterns: Sequence[str]) -> list[Group]:
    """Return the groups with a member that a pattern matches. Raise UsageError for a pattern that matches none."""
    members = {member.name for group in GROUPS.values() for member in group.members}
    matches = set(expand_patterns("implementation", patterns, lambda: sorted(members)))
    return [group for group in GROUPS.values() if any(member.name in matches for member in group.members)]


def _find_groups(members: Sequence[tuple[Member, Method]]) -> list[Group]:
    """Find the groups in which to compare the named implementations."""
    homes = [[g for g in GROUPS.values() if any(at.name == member.name for at in g.members)] for member, _ in members]
    common = [group for group in GROUPS.values() if all(group in found for found in homes)]
    found = common or next((found for found in homes if found), []) or _matching_groups(members[0][1])
    if not found:
        member, method = members[0]
        raise UsageError(
            f"{member.name} takes {', '.join(method.hyperparameters) or 'no hyperparameters'}, which fits no group; "
            "name another implementation to compare it with"
        )
    return found


def _join_group(group: Group, named: Sequence[Member]) -> Group:
    """Return the group with the named members first, and without the others if several are named.

    Settings given by the user replace those of the group.
    """
    known = {member.name: member for member in group.members}
    joined = tuple(
        replace(member, settings={**(known[member.name].settings if member.name in known else {}), **member.settings})
        for member in named
    )
    names = {member.name for member in joined}
    others = tuple(member for member in group.members if member.name not in names)
    return replace(group, members=joined if len(joined) > 1 else (*joined, *others))


def _parse_member(text: str) -> tuple[Member, Method]:
    """Parse the name of an implementation with its hyperparameters."""
    name, given = parse_text(text) if text not in PUBLISHED else (text, {})
    try:
        method = find_implementation(name)
    except UsageError:
        if ":" in name or name in known_optimizers():
            raise
        raise unknown_name("implementation or group", name, {*GROUPS, *PUBLISHED, *known_optimizers()}) from None
    given = rename_hyperparameters(method, given)
    for key in given:
        if key not in method.hyperparameters:
            raise unknown_name(f"hyperparameter of {name}", key, method.hyperparameters)
    known = method.hyperparameters
    values = {
        key: known[key].check(name, key, value) if known[key].choices else check_number(key, value)
        for key, value in given.items()
    }
    return Member(name, values), method


def find_implementation(name: str) -> Method:
    """Return a published formula, or a method of ours, of a library or of a user. Raise UsageError if there is none."""
    return PUBLISHED[name] if name in PUBLISHED else lookup_algorithm(name)


def _matching_groups(method: Method) -> list[Group]:
    """Return the groups with the most hyperparameters among those whose hyperparameters the method has."""
    sizes = {}
    for group in GROUPS.values():
        needed = set(group.base) - _OPTIONAL
        if needed <= set(method.hyperparameters):
            sizes[group.name] = len(needed)
    return [GROUPS[name] for name, size in sizes.items() if size == max(sizes.values())]


def _load_members(chosen: Sequence[Group], named: frozenset[str]) -> Selection:
    """Load the members of the groups; note those that are missing."""
    missing: dict[str, str] = {}
    groups = []
    for group in chosen:
        found = []
        for member in group.members:
            try:
                found.append((member, find_implementation(member.name)))
            except UsageError as error:
                if member.name in named:
                    raise
                missing[member.name] = str(error)
        groups.append(Selected(group, tuple(found)))
    return Selection(tuple(groups), named, missing)

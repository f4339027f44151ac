"""Resolve the names of a specification to problems and methods: patterns, suites, and hyperparameters given with a name."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nagbench.core.errors import UsageError, listed, unknown_name
from nagbench.core.text_form import parse_text
from nagbench.core.trust import trust, untrusted
from nagbench.experiments.specification import Spec, read_spec, validate_spec
from nagbench.experiments.storage.store import holds_results
from nagbench.optimizers import schedules
from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.given import check_hyperparameters, complete_schedules, rename_hyperparameters
from nagbench.optimizers.registry import (
    known_optimizers,
    library_algorithms,
    lookup_algorithm,
    optimizer_plugins,
    resolve_algorithm,
    works,
)
from nagbench.problems.filters import COLLECTIONS, collection
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.lookup import problems as problem_names
from nagbench.problems.problem import Problem
from nagbench.problems.registry import code_of_problem, resolve_family
from nagbench.problems.suites import Entry, all_entries, find_entry, merge_suites, suites

_SUITE = "suite:"


@dataclass(frozen=True, eq=False)
class Variant:
    """A method with some of its hyperparameters pinned to a value, or to a list of values for a grid."""

    label: str
    method: Method
    pinned: Mapping[str, float] = field(default_factory=dict)
    lists: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def free(self) -> list[str]:
        """The hyperparameters that tuning may choose."""
        known = self.method.hyperparameters
        return [name for name in known if known[name].tuning and name not in self.pinned and name not in self.lists]


def resolve_problems(spec: Spec) -> dict[str, Problem]:
    """Return the problems of a specification by label; patterns with * and ? stand for all matching names."""
    entries = merge_suites((Path(file) for file in spec.suites), taken=suites())
    problems: dict[str, Problem] = {}
    labels = [name for text in spec.problems for name in (match_suite(text, entries) if is_suite(text) else [text])]
    for label in expand_patterns("problem", labels, lambda: [*problem_names(), *entries]):
        name, parameters = (label, {}) if label in entries else parse_text(label)
        if name in entries:
            facts = {key: parameters.pop(key) for key in ("start", "domain") if key in parameters}
            problems[label] = entries[name].problem(parameters, **facts)
        else:
            problems[label] = make_problem(label)
    return problems


def code_of_spec(spec: Spec) -> list[str]:
    """Return the code from outside that a specification names, each as "package.module:attribute"; nothing is imported.

    Raises
    ------
    UsageError
        If a text or a suite cannot be read.
    """
    entries = {**suites(), **merge_suites((Path(file) for file in spec.suites), build=False, taken=suites())}
    plugins = {name: resolve_algorithm(name) for name in optimizer_plugins()}
    # All problems of the user's suites are built, so that a mistake is found, whether the sweep runs them or not.
    labels = [*spec.problems, *(name for name in entries if name not in suites())]
    found: list[str] = []
    for label in labels:
        names = match_names([*all_entries(), *entries], label) if is_pattern(label) else [label]
        names = match_suite(label, entries) if is_suite(label) else names
        for text in names:
            name, parameters = (text, {}) if text in entries else parse_text(text)
            entry = entries.get(name) or find_entry(name)
            family = resolve_family(name if entry is None else entry.family)
            found += code_of_problem(family, {**({} if entry is None else entry.parameters), **parameters})
    for label in spec.optimizers:
        if is_pattern(label):
            found += [plugins[name] for name in match_names(plugins, label)]
        else:
            found += [path for path in [resolve_algorithm(parse_text(label)[0])] if ":" in path]
    return list(dict.fromkeys(found))


def code_only_results_name(file: Path, spec: Spec, given: Mapping[str, Any]) -> list[str]:
    """Return the code of a specification that lies in a results directory and that no user has named.

    Parameters
    ----------
    file
        The file of the specification. A file elsewhere belongs to the user, and so does the code that it names.
    spec
        The specification.
    given
        The keys that a user gave in addition to the file.
    """
    if not holds_results(file.absolute().parent):
        return []
    own = spec.model_copy(update={name: tuple(given.get(name) or ()) for name in ("problems", "optimizers", "suites")})
    return untrusted({*code_of_spec(spec)} - {*code_of_spec(own)})


def trusted_spec(file: Path, given: Mapping[str, Any], trusted: bool, warn: Callable[[str], None]) -> Spec:
    """Return the specification of a TOML file, whose code from outside the user trusts.

    Parameters
    ----------
    file
        The file.
    given
        What replaces keys of the file.
    trusted
        Whether the user trusts code that only a results directory names.
    warn
        Receives a line that lists such code.

    Raises
    ------
    UsageError
        If the file is not valid, or names code that is not trusted.
    """
    spec = validate_spec(read_spec(file, **given), str(file))
    if line := trust(file, code_only_results_name(file, spec, given), trusted=trusted):
        warn(line)
    return spec


def resolve_variants(texts: Iterable[str]) -> list[Variant]:
    """Return the optimizers of a specification. Raises UsageError for unknown names and values that are not valid."""
    variants = []
    for label in expand_patterns("optimizer", texts, known_optimizers, _why_left_out):
        name, given = parse_text(label)
        method = lookup_algorithm(name)
        given = rename_hyperparameters(method, given)
        lists = {key: value for key, value in given.items() if isinstance(value, list)}
        for key, values in lists.items():
            if not values:
                raise UsageError(f"{label}: the list of {key} is empty")
            lists[key] = [check_hyperparameters(method, {key: value})[key] for value in values]
        pinned = check_hyperparameters(method, {key: value for key, value in given.items() if key not in lists})
        # Words first, so that the cells of a schedule come one after the other.
        lists = dict(sorted(lists.items(), key=lambda item: item[0] not in schedules.SCHEDULE_HYPERPARAMETERS))
        named = {key: values for key, values in lists.items() if key in schedules.SCHEDULE_HYPERPARAMETERS}
        for words in itertools.product(*named.values()):
            complete_schedules(method, {**pinned, **dict(zip(named, words, strict=True))})
        variants.append(Variant(label, method, pinned, lists))
        _check_complete(variants[-1])
    return variants


def _check_complete(variant: Variant) -> None:
    """Raise UsageError if a hyperparameter has no value, and no mode chooses one."""
    if variant.method.theory is not None:
        return
    for name, known in variant.method.hyperparameters.items():
        chosen = known.optional or known.tuning or name in variant.pinned or name in variant.lists
        if known.default != known.default and not chosen:
            raise UsageError(
                f"{variant.label}: {name} has no default and must be given: {variant.label}"
                f"{',' if variant.pinned or variant.lists else ':'}{name}=VALUE, or a tuning range for it"
            )


def is_pattern(text: str) -> bool:
    """Tell whether a text stands for all names that match it."""
    return "*" in text or "?" in text


def is_suite(text: str) -> bool:
    """Tell whether a text stands for all problems of a suite, as "suite:mgh" does."""
    return text.startswith(_SUITE)


def match_suite(text: str, entries: Mapping[str, Entry]) -> list[str]:
    """Return the problems of a suite or a collection; raise UsageError for an unknown one.

    Parameters
    ----------
    text
        "suite:NAME".
    entries
        Problems of the user's own suites.
    """
    name, known = text.removeprefix(_SUITE), {**all_entries(), **entries}
    found = [label for label, entry in known.items() if entry.suite == name] or collection(name)
    if not found:
        raise unknown_name("suite", name, {*COLLECTIONS, *(entry.suite for entry in known.values())})
    return found


def expand_patterns(
    kind: str,
    texts: Iterable[str],
    names: Callable[[], Iterable[str]],
    why_left_out: Callable[[str], str] = lambda name: "",
) -> list[str]:
    """Replace patterns by the names that they match, except those for which there is a reason to leave them out."""
    texts = list(texts)
    # Names may have to be read from files, so they are asked for only where there is a pattern.
    known = list(names()) if any(map(is_pattern, texts)) else []
    found = dict[str, None]()
    for text in texts:
        if is_pattern(text):
            matches = match_names(known, text)
            left_out = {name: why for name in matches if (why := why_left_out(name))}
            present = [name for name in matches if name not in left_out]
            if not present:
                why = "".join(f"; {name} is {left_out[name]}" for name in matches[:1])
                raise UsageError(f"no {kind} matches {text!r} (known: {listed(known, f'{kind}s')}){why}")
            found.update(dict.fromkeys(present))
        else:
            found[text] = None
    if not found:
        raise UsageError(f"no {kind} given")
    return list(found)


def match_names(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that a pattern matches. Without a slash, it matches only names without one: * is the package's own."""
    return [name for name in fnmatch.filter(names, pattern) if "/" in pattern or "/" not in name]


def _why_left_out(name: str) -> str:
    """Return why patterns do not stand for an optimizer: its library is missing, or it is a plugin that does not work."""
    known = library_algorithms().get(name)
    if known is not None:
        return explain_missing_library(known.library)
    return "" if works(name) else "a plugin that cannot be imported"


def missing_library_messages(texts: Iterable[str]) -> list[str]:
    """Return a line for every library that is not installed and has methods that the patterns match."""
    known = library_algorithms().items()
    absent = {name: why for name, method in known if (why := explain_missing_library(method.library))}
    names = [name for text in texts if is_pattern(text) for name in match_names(absent, text)]
    libraries = {library_algorithms()[name].library: absent[name] for name in names}
    return [f"{library} is left out, {why}" for library, why in libraries.items()]

"""Plan a sweep: which problems, which methods, and which hyperparameters in which mode."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.measures import default_measure
from nagbench.engine.batches import Batch
from nagbench.engine.cell_checks import check_cell
from nagbench.engine.lookup import choose_engine
from nagbench.engine.oracles import default_every, parse_oracle
from nagbench.engine.records import Cell
from nagbench.execution.sandbox import abandoned_reason
from nagbench.experiments.modes import (
    Settings,
    always_refused,
    iterate_settings,
    make_settings,
    needs_unit,
    refusals,
    shares,
    theory_fails,
    theory_of,
    tunes,
)
from nagbench.experiments.names import Variant, missing_library_messages, resolve_problems, resolve_variants
from nagbench.experiments.specification import Spec
from nagbench.optimizers.algorithm import Method, refusal
from nagbench.optimizers.given import complete_schedules
from nagbench.problems.curvature import step_size_unit
from nagbench.problems.problem import Ints, Problem


@dataclass(frozen=True)
class Planned:
    """A cell with the names under which a table shows it."""

    cell: Cell
    problem: str
    variant: str
    mode: str
    trial: int


@dataclass(frozen=True, eq=False)
class PlannedBatch:
    """Cells of one problem, oracle, variant and mode, with the names under which a table shows them."""

    cells: Batch
    problem: str
    variant: str
    mode: str
    trials: Ints

    def take(self, rows: Ints) -> PlannedBatch:
        """Return the cells of these rows."""
        return replace(self, cells=self.cells.take(rows), trials=self.trials[rows])


def planned_cells(spec: Spec) -> Iterator[Planned]:
    """Return every cell of a sweep under each of its names, except for tunings that search.

    Raises UsageError if the plan cannot be made.
    """
    return (
        Planned(cell, planned.problem, planned.variant, planned.mode, int(trial))
        for planned in make_plan(spec)
        for cell, trial in zip(planned.cells, planned.trials, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Plan:
    """The cells of a sweep, in the sweep's order; they are made again in every pass, some thousands at a time."""

    spec: Spec
    problems: Mapping[str, Problem]
    variants: Sequence[Variant]
    units: Mapping[str, float]

    def __iter__(self) -> Iterator[PlannedBatch]:
        for label, text in itertools.product(self.problems, self.spec.oracles):
            for variant in self.variants:
                if refusal(variant.method, self.problems[label]) is None:
                    yield from self._of_variant(template_of(self, label, text, variant), label, variant)

    def _of_variant(self, template: Cell, label: str, variant: Variant) -> Iterator[PlannedBatch]:
        starts = np.arange(self.starts_of(label))
        for group in make_settings(self.spec, variant, self.problems[label], self.units[label]):
            if group.mode == "common" and variant.label in self.alone:
                continue
            _check(variant.method, group)
            for cells, trials in make_batches(self.spec, template, variant.method, group, starts):
                yield PlannedBatch(cells, label, variant.label, group.mode, trials)

    def starts_of(self, label: str) -> int:
        """Return the number of starts of a problem: one if its start defines the problem."""
        if not self.problems[label].varies_start:
            return 1
        tuned = any(tunes(self.spec, variant) or shares(self.spec, variant) for variant in self.variants)
        return self.spec.tuning_starts if tuned else self.spec.starts or 1

    @functools.cached_property
    def alone(self) -> frozenset[str]:
        """The variants that mode common leaves out, because there is no second problem on which they run."""
        specs = {label: canonical(problem.spec) for label, problem in self.problems.items()}
        return frozenset(
            variant.label
            for variant in self.variants
            if shares(self.spec, variant)
            and len({specs[label] for label in specs if refusal(variant.method, self.problems[label]) is None}) < 2
        )


def template_of(plan: Plan, label: str, oracle: str, variant: Variant) -> Cell:
    """Return a cell of a variant on a problem, without hyperparameters."""
    problem = plan.problems[label]
    engine = choose_engine(problem, variant.method, plan.spec.engine)
    return replace(_template(plan.spec, problem, oracle), optimizer=variant.method.name, engine=engine)


_BATCH = 4096


def make_plan(spec: Spec) -> Plan:
    """Make the plan of a specification. Raises UsageError if anything in it is not valid, or if it has no cell."""
    problems, variants = resolve_problems(spec), resolve_variants(spec.optimizers)
    for problem, oracle in itertools.product(problems.values(), spec.oracles):
        check_cell(_template(spec, problem, oracle), problem)
    if "common" in (spec.modes or ()) and len({canonical(problem.spec) for problem in problems.values()}) < 2:
        raise UsageError(
            f"mode common needs at least two problems, because settings are chosen on the others; given: {', '.join(problems)}"
        )
    needed = needs_unit(spec, variants)
    plan = Plan(
        spec, problems, variants, {name: step_size_unit(found) if needed else 1.0 for name, found in problems.items()}
    )
    for variant in variants:
        if tunes(spec, variant) and (why := always_refused(spec, variant, plan.units.values())) is not None:
            raise UsageError(f"{variant.label}: {why}")
    if next(iter(plan), None) is None and not any(tunes(spec, variant) for variant in variants):
        given_up = [f"{variant.label}: {why}" for variant in variants if (why := abandoned_reason(variant.method.name))]
        raise UsageError(
            "; ".join(given_up + left_out_messages(plan))
            or "no cell to run: theory needs a convex problem with known L, and an algorithm with textbook values for its μ"
        )
    return plan


def messages_of(plan: Plan) -> list[str]:
    """Return a line for everything that was asked for and is left out."""
    lines = [*missing_library_messages(plan.spec.optimizers), *left_out_messages(plan)]
    return [*lines, *filter(None, (missing_theory_message(plan), alone_message(plan)))]


def left_out_messages(plan: Plan) -> list[str]:
    """Return a line for every pair that cannot run, such as a composite problem with an algorithm without prox."""
    pairs = itertools.product(plan.problems.values(), plan.variants)
    reasons = dict.fromkeys(refusal(variant.method, problem) for problem, variant in pairs)
    return [f"left out: {reason}" for reason in reasons if reason is not None]


def missing_theory_message(plan: Plan) -> str:
    """Return a line that names the pairs without a tuning for mode theory; empty if there are none.

    If mode theory was not requested by name, the line names only pairs whose textbook values cannot be computed.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    if plan.spec.modes is not None and "theory" not in plan.spec.modes:
        return ""
    for label, problem in plan.problems.items():
        tuned = [variant for variant in plan.variants if variant.free and not variant.lists]
        lacking = tuple(
            variant.label
            for variant in tuned
            if refusal(variant.method, problem) is None
            and (
                theory_fails(variant.method, problem)
                or (plan.spec.modes is not None and theory_of(variant.method, problem) is None)
            )
        )
        if lacking:
            groups.setdefault(lacking, []).append(label)
    pairs = (f"{', '.join(labels)} × {', '.join(variants)}" for variants, labels in groups.items())
    return f"no theoretical tuning, so left out of mode theory: {'; '.join(pairs)}" if groups else ""


def alone_message(plan: Plan) -> str:
    """Return a line that names the variants of `Plan.alone`; empty if there are none."""
    names = ", ".join(variant.label for variant in plan.variants if variant.label in plan.alone)
    return f"no other problem to choose settings on, so left out of mode common: {names}" if names else ""


def common_units(plan: Plan) -> dict[str, Any]:
    """Return in which units mode common chose, for the manifest.

    Returns
    -------
    dict
        ``units``, 1/L by problem, and ``scaled``, the hyperparameters in this unit by variant; empty without mode common.
    """
    chosen = [variant for variant in plan.variants if shares(plan.spec, variant)]
    if not chosen:
        return {}
    scaled = {
        variant.label: [name for name in variant.free if variant.method.hyperparameters[name].unit == "1/L"]
        for variant in chosen
    }
    return {"units": dict(plan.units), "scaled": scaled}


def join_units(manifests: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Join the `common_units` of several manifests, which may come from anywhere: what is no table is left out."""
    joined: dict[str, dict[str, Any]] = {"units": {}, "scaled": {}}
    for manifest in manifests:
        common = manifest.get("common")
        for name, known in joined.items():
            part = common.get(name) if isinstance(common, Mapping) else None
            known.update(part if isinstance(part, Mapping) else {})
    return joined


def _check(method: Method, group: Settings) -> None:
    """Raise UsageError for values that are not valid, and for a combination that a library refuses."""
    for name, column in group.columns.items():
        # Valid values are an interval, so checking both ends is enough; if any is nan, both ends are.
        for value in (np.min(column), np.max(column)) if column.size else ():
            method.hyperparameters[name].check(method.name, name, float(value))
    for why in refusals(method, iterate_settings(group)) if method.refuses is not None else ():
        if why is not None:
            raise UsageError(f"{method.name}: {why}")


def make_batches(
    spec: Spec, template: Cell, method: Method, group: Settings, starts: Ints
) -> Iterator[tuple[Batch, Ints]]:
    """Combine settings, starts and seeds, with the seed varying fastest. Returns batches with the trials of their cells."""
    known = method.hyperparameters
    seeds = 1 if parse_oracle(template.oracle).exact else spec.seeds
    each = starts.size * seeds
    schedule = complete_schedules(method, group.schedule)
    for at in range(0, group.trials.size * each, _BATCH):
        index = np.arange(at, min(at + _BATCH, group.trials.size * each))
        row = index // each
        columns = [
            group.columns[name][row] if name in group.columns else np.full(row.size, known[name].default)
            for name in known
        ]
        hypers = np.array(columns, dtype=np.float64).reshape(len(known), row.size).T
        yield (
            Batch(template, tuple(known), hypers, starts[index // seeds % starts.size], index % seeds, schedule),
            group.trials[row],
        )


def _template(spec: Spec, problem: Problem, oracle: str) -> Cell:
    return Cell(
        problem=canonical(problem.spec),
        optimizer="",
        hyperparameters={},
        oracle=parse_oracle(oracle).name,
        engine=spec.engine or problem.engine,
        measure=spec.measure or default_measure(problem.composite),
        relative=spec.relative,
        tolerances=spec.tolerances,
        budget=spec.budget,
        every=spec.measure_every or default_every(parse_oracle(oracle), problem),
    )

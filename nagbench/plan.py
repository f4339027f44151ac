"""From a sweep's specification to its cells as columns: which problems, which methods, which hyperparameters in which mode."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nagbench import schedules
from nagbench.bundle import Bundle, in_pieces
from nagbench.curvature import scale_of
from nagbench.errors import UsageError
from nagbench.modes import Setting, needs_unit, settings, theory_of
from nagbench.names import Variant, resolve_problems, resolve_variants
from nagbench.objective import Ints, Problem
from nagbench.oracle import default_every, parse_oracle
from nagbench.records import Cell, canonical
from nagbench.runner import check_cell, engine_for
from nagbench.specification import Spec
from nagbench.updates import Optimizer, schedule_of


@dataclass(frozen=True)
class Planned:
    """A cell with the names under which a table shows it."""

    cell: Cell
    problem: str
    variant: str
    mode: str
    trial: int


@dataclass(frozen=True, eq=False)
class Lot:
    """Cells of one problem, oracle, variant and mode, as columns, with the names under which a table shows them."""

    cells: Bundle
    problem: str
    variant: str
    mode: str
    trials: Ints


def cells(spec: Spec) -> Iterator[Planned]:
    """Every cell of a sweep under every name that it goes by. Raises UsageError before the first one is given out."""
    return (
        Planned(cell, lot.problem, lot.variant, lot.mode, int(trial))
        for lot in make_plan(spec)
        for cell, trial in zip(lot.cells, lot.trials, strict=True)
    )


_LOT = 4096


@dataclass(frozen=True, eq=False)
class Plan:
    """The cells of a sweep as columns, in the sweep's order; made anew, some thousand at a time, at every pass."""

    spec: Spec
    problems: Mapping[str, Problem]
    variants: Sequence[Variant]
    units: Mapping[str, float]

    def __iter__(self) -> Iterator[Lot]:
        for label, text in itertools.product(self.problems, self.spec.oracles):
            template = _template(self.spec, self.problems[label], text)
            for variant in self.variants:
                engine = engine_for(self.problems[label], variant.method, self.spec.engine)
                shared = replace(template, optimizer=variant.method.name, engine=engine)
                yield from self._of_variant(shared, label, variant)

    def _of_variant(self, template: Cell, label: str, variant: Variant) -> Iterator[Lot]:
        spec = self.spec
        seeds = 1 if parse_oracle(template.oracle).exact else spec.seeds
        each = settings(spec, variant, self.problems[label], self.units[label])
        for (mode, _), group in itertools.groupby(each, key=lambda item: (item[0], schedules.of(item[2]))):
            for some in _some(group, max(1, _LOT // (spec.starts * seeds))):
                yield from _lots(spec, template, label, variant, mode, some, seeds)


def make_plan(spec: Spec) -> Plan:
    """The plan of a specification. Raises UsageError for what is not valid in it, and where it has no cell."""
    problems, variants = resolve_problems(spec), resolve_variants(spec.optimizers)
    for problem, oracle in itertools.product(problems.values(), spec.oracles):
        check_cell(_template(spec, problem, oracle), problem)
    needed = needs_unit(spec, variants)
    plan = Plan(
        spec, problems, variants, {name: scale_of(found) if needed else 1.0 for name, found in problems.items()}
    )
    if next(iter(plan), None) is None:
        raise UsageError(
            "no cell to run: theory needs a convex problem with known L, and a method with textbook values for its μ"
        )
    return plan


def without_theory(plan: Plan) -> str:
    """The pairs that mode theory was asked for and has no tuning for, in a line; empty where there are none."""
    groups: dict[tuple[str, ...], list[str]] = {}
    if plan.spec.modes is None or "theory" not in plan.spec.modes:
        return ""
    for label, problem in plan.problems.items():
        tuned = [variant for variant in plan.variants if variant.free and not variant.lists]
        lacking = tuple(variant.label for variant in tuned if theory_of(variant.method, problem) is None)
        if lacking:
            groups.setdefault(lacking, []).append(label)
    pairs = (f"{', '.join(labels)} × {', '.join(variants)}" for variants, labels in groups.items())
    return f"no theoretical tuning, so left out of mode theory: {'; '.join(pairs)}" if groups else ""


def _some(things: Iterator[Setting], most: int) -> Iterator[list[Setting]]:
    while taken := list(itertools.islice(things, most)):
        yield taken


def _lots(
    spec: Spec, template: Cell, label: str, variant: Variant, mode: str, some: Sequence[Setting], seeds: int
) -> Iterator[Lot]:
    known = variant.method.hyperparameters
    if variant.method.refuses is not None:
        for _, _, values in some:
            Optimizer(variant.method, values)
    columns = [[values.get(name, known[name].default) for _, _, values in some] for name in known]
    for name, column in zip(known, columns, strict=True):
        # Valid values are an interval, so the ends speak for all; with a nan, both ends are one.
        for value in (np.min(column), np.max(column)):
            known[name].check(variant.method.name, name, float(value))
    rows = np.array(columns, dtype=np.float64).reshape(len(known), len(some)).T
    each = spec.starts * seeds
    hypers = rows.repeat(each, axis=0)
    starts = np.tile(np.arange(spec.starts).repeat(seeds), len(some))
    each_seed = np.tile(np.arange(seeds), len(some) * spec.starts)
    schedule = schedule_of(variant.method, some[0][2])
    bundle = Bundle(template, tuple(known), hypers, starts, each_seed, schedule)
    trials = np.array([trial for _, trial, _ in some], dtype=np.int64).repeat(each)
    at = 0
    for piece in in_pieces(bundle, _LOT):
        yield Lot(piece, label, variant.label, mode, trials[at : at + len(piece)])
        at += len(piece)


def _template(spec: Spec, problem: Problem, oracle: str) -> Cell:
    return Cell(
        problem=canonical(problem.spec), optimizer="", hyperparameters={},
        oracle=parse_oracle(oracle).name, engine=spec.engine or problem.engine,
        measure=spec.measure, relative=spec.relative, tolerances=spec.tolerances, budget=spec.budget,
        every=spec.measure_every or default_every(parse_oracle(oracle), problem),
    )  # fmt: skip

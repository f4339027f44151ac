"""From a sweep's specification to its cells: which problems, which methods, which hyperparameters in which mode."""

from __future__ import annotations

import fnmatch
import itertools
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nagbench import registry, schedules
from nagbench.bundle import Bundle, in_pieces
from nagbench.curvature import scale_of
from nagbench.errors import UsageError, listed, unknown
from nagbench.libraries import missing
from nagbench.objective import Ints, Problem
from nagbench.oracle import default_every, parse_oracle
from nagbench.records import Cell, Measure, canonical
from nagbench.runner import check_cell, engine_for, fingerprint_of, problem_of
from nagbench.suite import merge, messages, suites
from nagbench.text import parse
from nagbench.updates import Method, Optimizer, check_hyperparameters, schedule_of, tuning_of

Mode = Literal["theory", "default", "tuned", "grid"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=1, le=10_000_000)]

DEFAULT_PROBLEMS = (
    "bowl", "rosenbrock", "rosenbrock-10", "ill-conditioned-1e2", "ill-conditioned-1e4", "ill-conditioned-1e6",
)  # fmt: skip
DEFAULT_OPTIMIZERS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")


class Spec(BaseModel):
    """What a sweep runs; the keys of a TOML specification. Tolerances are kept in decreasing order.

    ``modes`` None stands for theory and tuned. An optimizer that comes with all its hyperparameters runs as given, and one
    that comes with lists of values runs over their grid.
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
    budget: Annotated[int, Field(ge=0, lt=2**53)] = 100_000
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
        """Eight hexadecimal digits of all that decides which cells there are."""
        import hashlib

        decides = self.model_dump(exclude={"name", "timing", "repeats", "curves"})
        return hashlib.blake2b(canonical(decides).encode(), digest_size=4).hexdigest()


def make_spec(values: Mapping[str, Any], source: str = "sweep") -> Spec:
    """A checked specification. Raises UsageError that names every mistake, and the nearest valid key."""
    for key in values:
        if key not in Spec.model_fields:
            raise unknown(f"key of {source}", key, Spec.model_fields)
    try:
        return Spec.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(f"{source}: {message}" for message in messages(error))) from None


def read_spec(file: Path, **overrides: Any) -> dict[str, Any]:
    """The keys of a TOML specification. Raises UsageError for a file that cannot be read."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"specification {file}: {error}") from None
    return {"name": file.stem, **values, **overrides}


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


@dataclass(frozen=True)
class Planned:
    """A cell with the names under which a table shows it."""

    cell: Cell
    problem: str
    variant: str
    mode: str
    trial: int


def resolve_problems(spec: Spec) -> dict[str, Problem]:
    """The problems of a specification by label; patterns with * and ? stand for all names that match."""
    entries = merge((Path(file) for file in spec.suites), taken=suites())
    found: dict[str, Problem] = {}
    for label in _matching("problem", spec.problems, [*registry.problems(), *entries]):
        name, parameters = (label, {}) if label in entries else parse(label)
        if name in entries:
            facts = {key: parameters.pop(key) for key in ("start", "domain") if key in parameters}
            found[label] = entries[name].problem(parameters, **facts)
        else:
            found[label] = registry.problem(label)
    return found


def resolve_variants(texts: Iterable[str]) -> list[Variant]:
    """The optimizers of a specification. Raises UsageError for unknown names and values that are not valid."""
    variants = []
    for label in _matching("optimizer", texts, registry.optimizers(), left_out=_missing()):
        name, given = parse(label)
        method = registry.find_method(name)
        lists = {key: value for key, value in given.items() if isinstance(value, list)}
        for key, values in lists.items():
            if not values:
                raise UsageError(f"{label}: the list of {key} is empty")
            lists[key] = [check_hyperparameters(method, {key: value})[key] for value in values]
        pinned = check_hyperparameters(method, {key: value for key, value in given.items() if key not in lists})
        # Words first, so that the cells of a schedule come one after the other.
        lists = dict(sorted(lists.items(), key=lambda item: item[0] not in schedules.NAMES))
        named = {key: values for key, values in lists.items() if key in schedules.NAMES}
        for words in itertools.product(*named.values()):
            schedule_of(method, {**pinned, **dict(zip(named, words, strict=True))})
        variants.append(Variant(label, method, pinned, lists))
    return variants


def _matching(
    kind: str, texts: Iterable[str], names: Iterable[str], left_out: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The texts, patterns replaced by what they match. Those left out, by name with the reason, match no pattern."""
    known, found = list(names), dict[str, None]()
    for text in texts:
        if "*" in text or "?" in text:
            matches = matching(known, text)
            present = [name for name in matches if name not in left_out]
            if not present:
                why = "".join(f"; {name} is {left_out[name]}" for name in matches[:1])
                raise UsageError(f"no {kind} matches {text!r} (known: {listed(known)}){why}")
            found.update(dict.fromkeys(present))
        else:
            found[text] = None
    if not found:
        raise UsageError(f"no {kind} given")
    return list(found)


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a pattern matches; one without a slash matches no name that has one, so * stands for our own."""
    return [name for name in fnmatch.filter(names, pattern) if "/" in pattern or "/" not in name]


def _missing() -> dict[str, str]:
    """The methods of libraries that are not installed, with how to get them."""
    return {name: why for name, method in registry.library_methods().items() if (why := missing(method.library))}


def left_out(texts: Iterable[str]) -> list[str]:
    """A line for every library that patterns name and that is not installed."""
    absent = _missing()
    names = [name for text in texts if "*" in text or "?" in text for name in matching(absent, text)]
    libraries = {registry.library_methods()[name].library: absent[name] for name in names}
    return [f"{library} is left out, {why}" for library, why in libraries.items()]


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


_LOT = 4096


def make_plan(spec: Spec) -> Plan:
    """The plan of a specification. Raises UsageError for what is not valid in it, and where it has no cell."""
    problems, variants = resolve_problems(spec), resolve_variants(spec.optimizers)
    for problem, oracle in itertools.product(problems.values(), spec.oracles):
        check_cell(_template(spec, problem, oracle), problem)
    needed = _needs_unit(spec, variants)
    plan = Plan(
        spec, problems, variants, {name: scale_of(found) if needed else 1.0 for name, found in problems.items()}
    )
    if next(iter(plan), None) is None:
        raise UsageError(
            "no cell to run: theory needs a convex problem with known L, and a method with textbook values for its μ"
        )
    return plan


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


def _needs_unit(spec: Spec, variants: Sequence[Variant]) -> bool:
    tuned = spec.modes is None or {"tuned", "grid"} & set(spec.modes) or any(variant.lists for variant in variants)
    return bool(tuned) and any(
        variant.method.hyperparameters[name].unit == "1/L" for variant in variants for name in variant.free
    )


Setting = tuple[str, int, Mapping[str, float]]


def settings(spec: Spec, variant: Variant, problem: Problem, unit: float) -> Iterator[Setting]:
    """(mode, trial, hyperparameters) of every setting in which a variant runs on a problem."""
    if variant.lists:
        yield from _listed(spec, variant, unit)
        return
    modes: tuple[str, ...] = spec.modes or ("theory", "tuned")
    if not variant.free:
        modes = ("given",)
    for mode in modes:
        if mode in ("given", "default"):
            yield mode, 0, dict(variant.pinned)
        elif mode == "theory":
            tuning = theory_of(variant.method, problem)
            if tuning is not None and not _refused(variant.method, {**tuning, **variant.pinned}):
                yield mode, 0, {**tuning, **variant.pinned}
        elif mode == "tuned":
            for trial, values in enumerate(trials(variant.method, variant.free, spec.trials, unit)):
                yield mode, trial, {**values, **variant.pinned}
        else:
            yield from _full_grid(spec, variant, unit)


def theory_of(method: Method, problem: Problem) -> Mapping[str, float] | None:
    """The method's textbook hyperparameters from L and μ, with μ = 0 where f is known to be convex and no more.

    None where L is not known, f is not known to be convex, or the method has none for this μ.
    """
    mu = 0.0 if problem.strong_convexity is None and problem.kind == "convex" else problem.strong_convexity
    if problem.smoothness is None or mu is None:
        return None
    return tuning_of(method, problem.smoothness, mu)


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


def trials(method: Method, free: Sequence[str], count: int, unit: float) -> Iterator[dict[str, float]]:
    """The first ``count`` points of the Sobol sequence (without its first, the origin), mapped to the tuning ranges."""
    from scipy.stats import qmc

    sobol = qmc.Sobol(max(1, len(free)), scramble=False).fast_forward(1)
    ways = [(name, method.hyperparameters[name].spread(unit)) for name in free]
    for at in range(0, count, _LOT):
        for point in sobol.random(min(_LOT, count - at)).tolist():
            yield {name: way(p) for (name, way), p in zip(ways, point, strict=False)}


def _listed(spec: Spec, variant: Variant, unit: float) -> Iterator[Setting]:
    """The listed values crossed; a step size that is neither listed nor pinned runs over a grid, never at a default."""
    axes = dict(variant.lists)
    if "step_size" in variant.free:
        axes["step_size"] = _axis(spec, variant.method, "step_size", unit)
    for trial, values in enumerate(itertools.product(*axes.values())):
        yield "grid", trial, {**variant.pinned, **dict(zip(axes, values, strict=True))}


def _axis(spec: Spec, method: Method, name: str, unit: float) -> list[float]:
    return [method.hyperparameters[name].at(float(p), unit) for p in np.linspace(0.0, 1.0, spec.grid)]


def _full_grid(spec: Spec, variant: Variant, unit: float) -> Iterator[Setting]:
    axes = [_axis(spec, variant.method, name, unit) for name in variant.free]
    crossed = (
        {**variant.pinned, **dict(zip(variant.free, values, strict=True))} for values in itertools.product(*axes)
    )
    for trial, values in enumerate(crossed):
        if not _refused(variant.method, values):
            yield "grid", trial, values


def _refused(method: Method, values: Mapping[str, float]) -> bool:
    """Whether a library does not take a combination that nobody asked for: at a grid's end, or of theory at κ = 1."""
    # Schedules are the loop's business: a library is asked about its own hyperparameters alone.
    full = {name: values.get(name, hyper.default) for name, hyper in method.hyperparameters.items()}
    return method.refuses is not None and method.refuses(full) is not None


def plan_schema(plan: Plan) -> pa.Schema:
    """The columns of a plan: a row a cell and name, with all that the cell holds, hyperparameters in their own columns."""
    known = dict.fromkeys(name for variant in plan.variants for name in variant.method.hyperparameters)
    kinds = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    given = {name for variant in plan.variants for name in (*variant.pinned, *variant.lists)}
    scheduled = [name for name in schedules.NAMES if given & {*schedules.WORDS} and name not in known]
    return pa.schema(
        [
            *((name, kinds[kind]) for name, kind in _PLAN.items()),
            *((name, pa.float64()) for name in known),
            *((name, pa.string() if name in schedules.WORDS else pa.float64()) for name in scheduled),
        ]
    )


_PLAN = {
    "cell": str, "problem": str, "variant": str, "mode": str, "trial": int, "family": str, "dimension": int, "oracle": str,
    "optimizer": str, "library": str, "engine": str, "start": int, "seed": int, "dtype": str, "budget": int,
    "measure": str, "tested_at": str, "relative": bool, "every": int, "problem_spec": str, "tolerances": str,
    "fingerprint": str,
}  # fmt: skip


def plan_table(lot: Lot, schema: pa.Schema) -> pa.Table:
    """The rows of a plan for these cells."""
    cells, shared, count = lot.cells, lot.cells.template, len(lot.cells)
    problem, method = problem_of(shared.problem), registry.find_method(shared.optimizer)
    constant = {
        "problem": lot.problem, "variant": lot.variant, "mode": lot.mode, "family": problem.family,
        "dimension": problem.dimension, "oracle": shared.oracle, "optimizer": shared.optimizer, "library": method.library,
        "engine": shared.engine, "dtype": shared.dtype, "budget": shared.budget, "measure": shared.measure,
        "tested_at": method.tested_at, "relative": shared.relative, "every": shared.every,
        "problem_spec": shared.problem, "tolerances": canonical(shared.tolerances),
        "fingerprint": fingerprint_of(shared.problem, shared.optimizer), **cells.schedule,
    }  # fmt: skip
    columns = {"cell": cells.keys, "trial": lot.trials, "start": cells.starts, "seed": cells.seeds}
    columns |= {name: np.ascontiguousarray(cells.hypers[:, i]) for i, name in enumerate(cells.names)}
    return pa.table(
        [
            pa.array(columns[field.name], field.type) if field.name in columns
            else pa.repeat(pa.scalar(constant.get(field.name), field.type), count)
            for field in schema
        ],
        schema=schema,
    )  # fmt: skip


def cell_of_row(row: Mapping[Any, Any]) -> Cell:
    """The cell of a row of a plan. Raises UsageError where the row does not hold the cell that it names."""
    try:
        cell = _cell_of_row(row)
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(f"the plan's row of cell {row['cell']} cannot be read: {error}") from None
    if cell.key != row["cell"]:
        raise UsageError(f"the plan's row of cell {row['cell']} does not hold that cell (its content is {cell.key})")
    return cell


def _cell_of_row(row: Mapping[Any, Any]) -> Cell:
    method = registry.find_method(str(row["optimizer"]))
    given = {name: float(row.get(name) or 0.0) for name in method.hyperparameters}
    hyperparameters = {name: value for name, value in given.items() if row.get(name) is not None and value == value}
    hyperparameters |= {
        name: row[name] for name in schedules.NAMES if row.get(name) is not None and row[name] == row[name]
    }
    return Cell(
        problem=str(row["problem_spec"]), optimizer=method.name, hyperparameters=hyperparameters,
        start=int(row["start"]), oracle=str(row["oracle"]), seed=int(row["seed"]), dtype=str(row["dtype"]),
        engine=str(row["engine"]), measure=cast(Measure, row["measure"]), relative=bool(row["relative"]),
        tolerances=tuple(json.loads(row["tolerances"])), budget=int(row["budget"]), every=int(row["every"]),
    )  # fmt: skip

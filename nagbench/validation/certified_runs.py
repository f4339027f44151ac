"""Certified worst cases in a results directory, and the measured values of its runs next to them."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from nagbench.core.errors import UsageError, one_line, truncate
from nagbench.core.text_form import parse_text
from nagbench.core.validation import read_text
from nagbench.engine.oracles import start_of
from nagbench.experiments.recorded import Recorded
from nagbench.experiments.storage.parts import write_file
from nagbench.optimizers.registry import lookup_algorithm
from nagbench.problems.problem import Problem
from nagbench.validation.certify import FunctionClass, WorstCase, exceeds

FILE = "worst-cases.json"
COLUMNS = ["task", "mode", "method", "cell", "N", "measure", "measured", "certified", "published", "verdict"]
# Two hyperparameters are equal up to this relative difference.
_REL_TOL = 1e-9
# The power of L with which a hyperparameter changes if L does, beside those in units of 1/L.
_POWERS = {"strong_convexity": 1}
_MEASURED = {"value": "value", "gradient": "gradient_norm", "distance": "distance"}


class StoredCase(BaseModel):
    """A stored certified worst case.

    Parameters
    ----------
    optimizer
        The name of the algorithm.
    hyperparameters
        Its hyperparameters by name.
    powers
        The power of L with which a hyperparameter changes if L does; the others are the same for all L.
    function_class, iterations, smoothness, strong_convexity, measure, start, certified, published
        As in `WorstCase`; ``published`` is None if there is no published bound.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    optimizer: str
    hyperparameters: dict[str, float]
    powers: dict[str, int]
    function_class: FunctionClass
    iterations: int
    smoothness: float
    strong_convexity: float
    measure: Literal["value", "gradient", "distance"]
    start: Literal["distance", "height", "both"]
    certified: float
    published: float | None

    def same_question(self, other: StoredCase) -> bool:
        """Return whether another case answers the same question."""
        return self.model_copy(update={"certified": 0.0, "published": None}) == other.model_copy(
            update={"certified": 0.0, "published": None}
        )


class _Cases(BaseModel):
    model_config = ConfigDict(extra="forbid")

    worst_cases: list[StoredCase]


def read_cases(folder: Path) -> list[StoredCase]:
    """Return the certified worst cases of a results directory, none if it has no such file.

    Raises
    ------
    UsageError
        If the file cannot be read, in one line.
    """
    file = folder / FILE
    if not file.is_file():
        return []
    try:
        return _Cases.model_validate_json(read_text(file)).worst_cases
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, said = (truncate(text, 200) for text in (".".join(map(str, first["loc"])), first["msg"]))
        raise UsageError(f"{file} is damaged{f' at {place}' * bool(place)}: {said}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {one_line(error)}") from None


def store_case(folder: Path, found: WorstCase) -> StoredCase:
    """Add a worst case to those of a results directory; it replaces an earlier answer to the same question."""
    name, given = parse_text(found.optimizer)
    known = lookup_algorithm(name).hyperparameters
    powers = {key: -1 if known[key].unit == "1/L" else _POWERS.get(key, 0) for key in given if key in known}
    case = StoredCase.model_validate(
        {
            "optimizer": name,
            "hyperparameters": given,
            "powers": {key: power for key, power in powers.items() if power},
            "function_class": found.function_class,
            "iterations": found.iterations,
            "smoothness": found.L,
            "strong_convexity": found.mu,
            "measure": found.measure,
            "start": found.start,
            "certified": found.certified,
            "published": None if math.isnan(found.published) else found.published,
        }
    )
    write_cases(folder, _add(read_cases(folder), case))
    return case


def collect_cases(folders: Sequence[Path]) -> list[StoredCase]:
    """Return the worst cases of several results directories; if two answer the same question, only the later one.

    Raises
    ------
    UsageError
        If a file cannot be read, in one line.
    """
    return functools.reduce(_add, (case for folder in folders for case in read_cases(folder)), list[StoredCase]())


def _add(cases: Sequence[StoredCase], case: StoredCase) -> list[StoredCase]:
    return [*(other for other in cases if not other.same_question(case)), case]


def write_cases(folder: Path, cases: Sequence[StoredCase]) -> None:
    """Store worst cases in a results directory, in place of those that it contains."""
    text = json.dumps({"worst_cases": [case.model_dump() for case in cases]}, indent=2)
    write_file(folder / FILE, f"{text}\n".encode())


class _Bounds(NamedTuple):
    """The bounds on one run: certified, published (nan if there is none), and the size in which rounding is measured."""

    certified: float
    published: float
    size: float


def runs_beside(
    rows: pd.DataFrame,
    settings: Sequence[str],
    curves: pd.DataFrame,
    plan: pd.DataFrame,
    recorded: Recorded,
    cases: Sequence[StoredCase],
) -> pd.DataFrame:
    """Compare runs with the certified worst cases that apply to them.

    Parameters
    ----------
    rows : DataFrame
        The shown runs, as `analysis.summary.shown_runs` returns them.
    settings : sequence of str
        The columns that hold hyperparameters.
    curves, plan : DataFrame
        The curves and the plan of the sweep.
    recorded : Recorded
        What the results contain about users' problems and optimizers, whose code is not run.
    cases : sequence of StoredCase
        The worst cases.

    Returns
    -------
    DataFrame
        One row for each task, mode, method and case, with `COLUMNS`; of several runs, the one that is nearest to its bound.
        ``measured`` is f(x_N) − f*, ‖∇f(x_N)‖² or ‖x_N − x*‖², from the curve; nan if that has no iteration N. ``certified``
        and ``published`` are the bounds for this problem and start.

    Notes
    -----
    A case applies to a run of the same algorithm with the exact oracle, on a problem of the class whose L, μ and minimizers are
    known, if the hyperparameters are the certified ones up to units: those of the case are for L, and the run's are the same
    for L′ = L·s/s′ with its step size s′, which has to be at least the problem's own, and its μ/L′ at least the case's. With c
    = L′/L, and E the start's quantity, c·‖x₀ − x*‖², f(x₀) − f* or f(x₀) − f* + cμ/2·‖x₀ − x*‖², the bound B of the case
    becomes B·E on f − f*, B·E·c on ‖∇f‖² and B·E/c on ‖x − x*‖².
    """
    if not cases or rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    specs = plan.drop_duplicates("cell").set_index("cell")["problem_spec"]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.drop_duplicates(["cell", "task", "mode", "method"]).to_dict("records"):
        given = {name: row[name] for name in settings if pd.notna(row[name])}
        for place, case in enumerate(cases):
            if row["optimizer"] != case.optimizer or row["oracle"] != "exact" or row["cell"] not in specs:
                continue
            problem = _problem(str(specs[row["cell"]]), recorded)
            bounds = None if problem is None else _bounds_on(case, given, problem, int(row["start"]))
            if problem is None or bounds is None:
                continue
            line = _line(row, case, problem, bounds, curves)
            key = (row["task"], row["mode"], row["method"], place)
            if key not in found or _nearness(line) > _nearness(found[key]):
                found[key] = line
    return pd.DataFrame(list(found.values()), columns=COLUMNS)


def _nearness(line: Mapping[str, Any]) -> float:
    return -1.0 if math.isnan(line["measured"]) else line["measured"] / max(line["certified"], 1e-300)


def _problem(spec: str, recorded: Recorded) -> Problem | None:
    try:
        return recorded.problem(spec)
    except UsageError:
        return None


def _bounds_on(case: StoredCase, given: Mapping[str, Any], problem: Problem, start: int) -> _Bounds | None:
    """Return what a case says of a run from a start; None if it says nothing."""
    c = _scale(case, given)
    L, mu = problem.smoothness, problem.strong_convexity or 0.0
    if c is None or L is None or problem.minimizers is None or problem.minimum is None or problem.kind == "nonconvex":
        return None
    if problem.composite and case.function_class != "composite":
        return None
    slack = 1.0 + _REL_TOL
    if c * case.smoothness * slack < L or c * case.strong_convexity > mu * slack:
        return None
    begin = start_of(problem, start)
    distance = float(((problem.minimizers - begin) ** 2).sum(axis=1).min())
    height = problem.value(begin) - problem.minimum
    size = {"distance": c * distance, "height": height, "both": height + 0.5 * c * case.strong_convexity * distance}
    size_there = size[case.start] * {"value": 1.0, "gradient": c, "distance": 1.0 / c}[case.measure]
    published = math.nan if case.published is None else case.published * size_there
    return _Bounds(case.certified * size_there, published, size_there)


def _scale(case: StoredCase, given: Mapping[str, Any]) -> float | None:
    """Return L′/L for which the hyperparameters of a run are the certified ones; None if there is none."""
    certified = case.hyperparameters
    step = next((name for name, power in case.powers.items() if power == -1), None)
    if given.keys() != certified.keys() or (step is not None and given[step] <= 0.0):
        return None
    c = 1.0 if step is None else certified[step] / given[step]
    same = all(
        math.isclose(given[name], value * c ** case.powers.get(name, 0), rel_tol=_REL_TOL)
        for name, value in certified.items()
    )
    return c if same else None


def _line(
    row: Mapping[Any, Any], case: StoredCase, problem: Problem, bounds: _Bounds, curves: pd.DataFrame
) -> dict[str, Any]:
    """Return the row of a table for one run beside one case."""
    there = curves[(curves["cell"] == row["cell"]) & (curves["iteration"] == case.iterations)]
    measured = math.nan if there.empty else float(there.iloc[0][_MEASURED[case.measure]])
    assert problem.minimum is not None
    measured = measured - problem.minimum if case.measure == "value" else measured**2
    names = {name: row[name] for name in ("task", "mode", "method", "cell")}
    return names | {
        "N": case.iterations,
        "measure": case.measure,
        "measured": measured,
        "certified": bounds.certified,
        "published": bounds.published,
        "verdict": "; ".join(_verdicts(measured, bounds)),
    }


def _verdicts(measured: float, bounds: _Bounds) -> Iterator[str]:
    """Say what exceeds what."""
    if math.isnan(measured):
        yield "no iteration N is recorded"
    for name, bound in (("certified", bounds.certified), ("published", bounds.published)):
        if exceeds(measured, bound, bounds.size):
            yield f"the measured value exceeds the {name} one"
    if exceeds(bounds.certified, bounds.published, bounds.size):
        yield "the certified value exceeds the published one"

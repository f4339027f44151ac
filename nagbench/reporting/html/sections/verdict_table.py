"""The table of verdicts: a line for each problem that shows how NAG compares, who wins, and what did not converge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import listed, number, whole
from nagbench.analysis.headlines import Question
from nagbench.analysis.verdicts import leaders_of
from nagbench.experiments.minima import ELSEWHERE
from nagbench.experiments.selection import REPLICATED
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.dots import draw_ratio, draw_ratio_axis, ratio_axis
from nagbench.reporting.figures.plot_data import Axis
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.html.parts import Column, Table, TableCell, TableRow

# Above so many problems the rows have little space, and failures beyond the first are counted.
_MANY = 12
_MOST_OPEN = 2
_CAPTION = (
    "A dot is the ratio of iterations in the head of its column, for example of momentum ÷ NAG (the geometric mean over "
    "tunings and starts), with its 95 % interval: on the right, the optimizer after the ÷ needs fewer. A filled dot is a "
    "decided verdict, in the color of the winner; a hollow dot is undecided; a "
    "triangle is a ratio beyond the end of the axis, which is logarithmic. ∞ means that some runs of the other optimizer did "
    "not converge. The diamond in the last row is over all problems: the geometric mean, or the median if one of them has no "
    "finite ratio. The last number there counts the pairs of a problem and an optimizer.",
    "An optimizer wins a problem if it is decided to need fewer iterations than every other; otherwise the optimizers that no "
    "other beats are named.",
)
_OTHER_STARTS = (
    "Ratios and winners are those from starts that had no part in the tuning; the last column and the counts are from the "
    "starts of the tuning."
)


@dataclass(frozen=True)
class _Pair:
    """A question with what its drawings share: the axis and the two colors."""

    question: Question
    axis: Axis
    colors: tuple[str, str]

    def cell(self, row: Mapping[Any, Any] | None, *, mean: bool = False) -> TableCell:
        """Return the cell of a verdict; a diamond for the mean of all."""
        if row is None:
            return TableCell(text="·", css="pair open", value=math.nan)
        decided = row["verdict"] in ("a", "b")
        return TableCell(
            text=self._ratio(row),
            small=_interval(row),
            value=float(row["ratio"]),
            css="pair decided" if decided else "pair open",
            drawing=draw_ratio(row, self.axis, self.colors, diamond=mean),
        )

    def _ratio(self, row: Mapping[Any, Any]) -> str:
        if row["verdict"] == "neither":
            return "neither solves it"
        if row["ratio"] in (0.0, math.inf):
            if row["verdict"] == "undecided":
                return "∞×" if row["ratio"] else "0×"
            return f"only {self.question.one if row['ratio'] else self.question.two}"
        return "?" if math.isnan(row["ratio"]) else f"{row['ratio']:.3g}×"


def _interval(row: Mapping[Any, Any]) -> str:
    nothing = (row["low"], row["high"]) == (0.0, math.inf)
    if (
        math.isnan(row["low"])
        or nothing
        or row["verdict"] == "neither"
        or row["ratio"] in (0.0, math.inf)
        or "fewer than" in row["reason"]
    ):
        return ""
    return f"{_short(row['low'])}–{_short(row['high'])}"


def _short(value: float) -> str:
    return number(float(f"{value:.2g}"))


def verdict_table(rows: pd.DataFrame, asked: Sequence[Question], context: ReportContext) -> Table:
    """Return the table of one mode and oracle.

    Parameters
    ----------
    rows : DataFrame
        The summary of the mode and oracle.
    asked : sequence of Question
        The questions of the same.
    context
        The data of the report.
    """
    pairs = [_pair(question) for question in asked]
    tasks = rows.drop_duplicates("task")
    foot = (_foot(rows, pairs),) if len(tasks) > 1 and pairs else ()
    return Table(
        id=context.ids("table", "verdicts", str(rows["mode"].iloc[0]), *_oracle(rows)),
        label=" ".join(["Table of verdicts,", str(rows["mode"].iloc[0]), *_oracle(rows)]),
        css=f"verdicts{' dense' if len(tasks) > _MANY else ''}",
        columns=(
            Column(name="problem"),
            *(_column(pair) for pair in pairs),
            Column(name="fewest iterations"),
            Column(name="did not converge"),
        ),
        rows=tuple(_rows(rows, pairs, context)),
        foot=foot,
        caption=(*_CAPTION[not pairs :], *[_OTHER_STARTS] * _has_other_starts(rows, context)),
        data=_data(rows, asked),
    )


def _has_other_starts(rows: pd.DataFrame, context: ReportContext) -> bool:
    """Return whether the verdicts of this mode are from other starts than the counts."""
    scores = context.scores
    return scores is not None and len(scores) > 0 and rows["mode"].iloc[0] in REPLICATED


def _oracle(rows: pd.DataFrame) -> list[str]:
    oracle = str(rows["oracle"].iloc[0])
    return [oracle] if oracle != "exact" else []


def _pair(question: Question) -> _Pair:
    every = [*question.rows, *([question.over_all] if question.over_all else [])]
    one, two = (style_of(name).color for name in (question.algorithm, question.other))
    return _Pair(question, ratio_axis(every), (one, two))


def _column(pair: _Pair) -> Column:
    question = pair.question
    return Column(
        name=f"iterations: {question.two} ÷ {question.one}",
        drawing=draw_ratio_axis(pair.axis, (question.two, question.one)),
        css="pair",
    )


def _rows(rows: pd.DataFrame, pairs: Sequence[_Pair], context: ReportContext) -> Iterator[TableRow]:
    leaders = leaders_of(context.verdicts)
    name = "variant" if "variant" in context.rows else "optimizer"
    labels = dict(zip(zip(context.rows["task"], context.rows[name], strict=True), context.rows["method"], strict=True))
    many = rows["task"].nunique() > _MANY
    by_problem = [{row["problem"]: row for row in pair.question.rows} for pair in pairs]
    for task, of_task in rows.groupby("task", sort=False):
        first = of_task.iloc[0]
        key = tuple(first[column] for column in ("problem", "mode", "oracle", "tolerance"))
        cells = (pair.cell(found.get(first["problem"])) for pair, found in zip(pairs, by_problem, strict=True))
        failed = _failed(of_task, many=many)
        # Somebody's results may have two problems of one name, and an optimizer on one of them alone.
        led = ((labels.get((task, variant), ""), alone) for variant, alone in leaders.get(key, {}).items())
        here = {label: alone for label, alone in led if label in set(of_task["method"])}
        yield TableRow(
            task=context.tasks[str(task)],
            entries=(
                TableCell(text=str(task)),
                *cells,
                _winner(of_task, here),
                TableCell(text=failed, css="failed" if failed else ""),
            ),
        )


def _winner(rows: pd.DataFrame, leaders: Mapping[str, bool]) -> TableCell:
    counts = dict(zip(rows["method"], rows["iterations"], strict=True))
    if rows["open"].all():
        return TableCell(text="none solved it", css="open", value="~")
    if len(counts) == 1:
        return TableCell(text="nothing to compare", css="open", value="~")
    won = [name for name, alone in leaders.items() if alone]
    if won:
        return TableCell(text=won[0], small=whole(counts[won[0]]), css="won")
    solved = sorted((name for name in leaders if math.isfinite(counts[name])), key=counts.__getitem__)
    more = f" +{len(solved) - _MOST_OPEN}" if len(solved) > _MOST_OPEN else ""
    names = ", ".join(solved[:_MOST_OPEN]) + more
    return TableCell(text="undecided", small=names, css="open", value="undecided")


def _failed(rows: pd.DataFrame, *, many: bool) -> str:
    """Say which optimizers did not solve the problem in some or all runs, and how these ended."""
    failed = rows[rows["solved"] < rows["of"]]
    by_end: dict[str, list[str]] = {}
    for row in failed.to_dict("records"):
        share = "" if row["solved"] == 0 else f" {row['of'] - row['solved']}/{row['of']}"
        by_end.setdefault(str(row["ending"]) if many else _end(row), []).append(f"{row['method']}{share}")
    if many and len(failed) > 1:
        return ", ".join(f"{len(names)} {end}" for end, names in by_end.items())
    return "; ".join(f"{listed(names)}: {end}" for end, names in by_end.items())


def _end(row: Mapping[Any, Any]) -> str:
    if row["ending"] == ELSEWHERE and not math.isnan(row["suboptimality"]):
        return f"met the tolerance, f − f* = {_short(row['suboptimality'])}"
    return "out of budget" if row["ending"] == "budget" else str(row["ending"])


def _foot(rows: pd.DataFrame, pairs: Sequence[_Pair]) -> TableRow:
    tasks = rows["task"].nunique()
    decided = rows[rows["best"]]["task"].nunique()
    unsolved = int((rows["solved"] < rows["of"]).sum())
    return TableRow(
        entries=(
            TableCell(text=f"all {tasks} problems"),
            *(pair.cell(pair.question.over_all, mean=True) for pair in pairs),
            TableCell(text=f"decided on {decided} of {tasks}"),
            TableCell(text=f"{unsolved} of {len(rows)}", small="pairs"),
        )
    )


def _data(rows: pd.DataFrame, asked: Sequence[Question]) -> pd.DataFrame:
    """Return what CSV holds: every question's verdicts with their intervals and reasons."""
    names = dict(zip(rows["problem"], rows["task"], strict=True))
    table = pd.DataFrame([row for question in asked for row in question.rows])
    if table.empty:
        columns = ["task", "mode", "method", "solved", "of", "iterations", "best", "statuses"]
        return rows[columns]
    table["task"] = table["problem"].map(names)
    order = {task: place for place, task in enumerate(dict.fromkeys(rows["task"]))}
    return table.sort_values("task", key=lambda tasks: tasks.map(order), kind="stable")[
        ["task", "mode", "a", "b", "ratio", "low", "high", "verdict", "reason", "tolerance"]
    ]

"""The first section: the question for which the project is named, a line for each problem, and the findings in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from nagbench.analysis.formatting import counted, listed, number
from nagbench.analysis.headlines import Question, describe
from nagbench.analysis.summary import findings
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Findings, Fold, Paragraph, Part, Section, TemplatePart
from nagbench.reporting.html.sections.verdict_table import verdict_table

# A card names so many undecided problems for each reason, and counts more.
_MOST_NAMED = 4
_MOST_LOOSER = 2


def section(context: ReportContext) -> Section:
    """Return the answers of the first mode with its table, then those of the other modes, and all in words."""
    parts: list[Part] = []
    for (mode, oracle), rows in context.table.groupby(["mode", "oracle"], sort=False):
        tolerance = float(rows["tolerance"].min())
        asked = [
            question
            for question in context.questions
            if (question.mode, question.oracle, question.tolerance) == (mode, oracle, tolerance)
        ]
        found: list[Part] = [_cards(asked, context)] if asked else []
        found.append(verdict_table(rows, asked, context))
        title = f"Verdicts, {mode} hyperparameters{'' if oracle == 'exact' else f', {oracle}'}"
        parts += (
            [Fold(id=context.ids("verdicts", str(mode), str(oracle)), title=title, parts=tuple(found))]
            if parts
            else found
        )
    words = _by_mode(context)
    if words:
        parts.append(Fold(id=context.ids("words"), title="In words, mode by mode", parts=tuple(words)))
    nothing = Paragraph(text="There is no finished run yet.", notice=True)
    return Section(id="found", title="What was found", nav="Found", parts=tuple(parts or [nothing]))


def _cards(asked: list[Question], context: ReportContext) -> TemplatePart:
    answers = [_answer(question) | {"looser": _looser(question, context)} for question in asked]
    return TemplatePart(template="answers.html.j2", values={"answers": answers})


def _looser(question: Question, context: ReportContext) -> list[str]:
    """Say how the question is answered at the looser tolerances."""
    same = attrgetter("first", "second", "mode", "oracle")
    return [
        f"At the looser tolerance {number(other.tolerance)}: {_verdict(other)}; "
        + ", ".join(f"{name} {count}" for name, count in other.tally.items())
        for other in context.questions
        if same(other) == same(question) and other.tolerance > question.tolerance and other.over_all
    ][:_MOST_LOOSER]


def _verdict(question: Question) -> str:
    winner = {"a": question.one, "b": question.two}.get(question.row["verdict"])
    if winner is None:
        return "unsolved by both" if question.row["verdict"] == "neither" else "undecided"
    return f"{winner} wins"


def _answer(question: Question) -> dict[str, Any]:
    """Return what a card says: who wins, by how much, and on how many problems."""
    row = question.row
    verdict = _verdict(question)
    share = describe(row, question.one, question.two).rpartition("; ")[2]
    finite = all(0.0 < each["ratio"] < math.inf for each in question.rows if not math.isnan(each["ratio"]))
    over = f", {'geometric mean' if finite else 'median'} over" if question.over_all else " on"
    return {
        "question": f"{_in_full(question)} against {question.two}",
        "answer": _begin(verdict, question),
        "decided": row["verdict"] in ("a", "b"),
        "share": _begin(share if row["verdict"] == "neither" else f"{share}{over} {question.where}", question),
        "tally": [(count, name) for name, count in question.tally.items()] if question.over_all else [],
        "reasons": _reasons(question),
        "mode": question.mode,
    }


def _in_full(question: Question) -> str:
    """Return the first optimizer of a question, with its name in the tables if that is another."""
    known = ":" in question.algorithm or question.one == question.algorithm
    return question.one if known else f"{question.one} ({question.algorithm})"


def _begin(sentence: str, question: Question) -> str:
    """Begin the sentence with a capital letter, unless it begins with the name of somebody's own optimizer."""
    own = any(":" in name and sentence.startswith(name) for name in (question.one, question.two))
    return sentence if own else sentence[:1].upper() + sentence[1:]


def _reasons(question: Question) -> str:
    """Say why problems are undecided, and which."""
    if not question.over_all:
        return str(question.row["reason"])
    # After the tally comes what holds for all problems together.
    together = str(question.row["reason"]).partition("; ")[2]
    parts = [("All problems together", together)] if together else []
    parts += [(_which(problems), reason) for reason, problems in question.undecided.items()]
    return "; ".join(f"{where}: {reason}" for where, reason in parts)


def _which(problems: Sequence[str]) -> str:
    return listed(problems) if len(problems) <= _MOST_NAMED else counted(len(problems), "problem")


def _by_mode(context: ReportContext) -> list[Findings]:
    names = tuple(context.methods)
    return [
        Findings(
            mode=str(mode), sentences=tuple(_capitalize(text.partition(": ")[2], names) for text in findings(rows))
        )
        for mode, rows in context.table.groupby("mode", sort=False)
    ]


def _capitalize(sentence: str, names: tuple[str, ...]) -> str:
    """Begin the sentence with a capital letter, unless it begins with a name."""
    return sentence if sentence.startswith(names) else sentence[:1].upper() + sentence[1:]

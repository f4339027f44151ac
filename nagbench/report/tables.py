"""What the page's tables hold: rows of plain values and texts, ready for the template."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nagbench.analysis.words import measure_sign, number, seconds, whole

Anchors = Mapping[tuple[str, str, str, str], str]
_KEY = ["task", "mode", "method", "cell"]


def slug(*names: str) -> str:
    """A part of an id or a link: lower-case letters, digits and hyphens alone."""
    return "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names))) or "x"


class Ids:
    """Gives out ids; one that was given out before gets a number."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def __call__(self, *names: str) -> str:
        """An id made of these names."""
        name = slug(*names)
        self._given[name] = self._given.get(name, 0) + 1
        return name if self._given[name] == 1 else self(name, str(self._given[name]))


def anchors(rows: pd.DataFrame, ids: Ids) -> Anchors:
    """The id of each row of the table of cells."""
    return {_key(row): ids("cell", row["mode"], row["cell"]) for row in rows.to_dict("records")}


def _key(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    task, mode, method, cell = (str(row[name]) for name in _KEY)
    return task, mode, method, cell


def matrix(table: pd.DataFrame, links: Anchors) -> dict[str, Any]:
    """The summary as it is shown: a row a task and mode, a column a method."""
    methods = table[["method", "optimizer"]].drop_duplicates("method")
    rows = []
    for task, of_task in table.groupby("task", sort=False):
        modes = list(of_task.groupby("mode", sort=False))
        for place, (mode, of_mode) in enumerate(modes):
            by_method = {row["method"]: _entry(row, links) for row in of_mode.to_dict("records")}
            cells = [by_method.get(method) for method in methods["method"]]
            rows.append(
                {
                    "task": task,
                    "dimension": of_task["dimension"].iloc[0],
                    "mode": mode,
                    "cells": cells,
                    "span": 0 if place else len(modes),
                }
            )
    return {"methods": methods.to_dict("records"), "rows": rows, "timed": bool(table["wall_time"].notna().any())}


def _entry(row: Mapping[Any, Any], links: Anchors) -> dict[str, Any]:
    reached = math.isfinite(row["iterations"])
    return {
        "reached": reached,
        "status": row["status"],
        "main": whole(row["iterations"]) if reached else row["status"],
        "ended": whole(row["ended"]),
        "time": seconds(row["wall_time"]) if reached and not math.isnan(row["wall_time"]) else "",
        "share": "" if row["solved"] in (0, row["of"]) else f"{row['solved']} of {row['of']} runs",
        "best": row["best"],
        "fastest": row["fastest"],
        "link": links[_key(row)],
    }


def cell_rows(rows: pd.DataFrame, links: Anchors, hyperparameters: Sequence[str]) -> list[dict[str, Any]]:
    """One row a selected run, with the texts of its numbers, task by task."""
    order = list(rows["task"].unique())
    by_task = rows.sort_values("task", key=lambda tasks: tasks.map(order.index), kind="stable")
    return [_cell_row(row, links, hyperparameters) for row in by_task.to_dict("records")]


def _cell_row(row: Mapping[Any, Any], links: Anchors, hyperparameters: Sequence[str]) -> dict[str, Any]:
    predicted = row["predicted_iterations"]
    reached = row["status"] == "converged"
    return {
        **{name: row[name] for name in (*_KEY, "status", "optimizer", "start", "seed", "trial")},
        "id": links[_key(row)],
        "reached": reached,
        "iterations": whole(row["iterations"]),
        "predicted": "" if pd.isna(predicted) else whole(float(predicted)),
        "parts": reached and not pd.isna(predicted) and predicted != row["iterations"],
        "evaluations": whole(row["gradient_evaluations"]),
        "residual": number(row["residual"]),
        "time": "" if pd.isna(row["wall_time"]) else seconds(row["wall_time"]),
        "iqr": "" if pd.isna(row["wall_time_iqr"]) else seconds(row["wall_time_iqr"]),
        "hyperparameters": [(name, number(row[name])) for name in hyperparameters if not pd.isna(row[name])],
    }


def failures(rows: pd.DataFrame, timings: pd.DataFrame) -> list[dict[str, Any]]:
    """The selected runs that did not converge, and why; then the replays that could not be timed."""
    failed = [
        {**{name: row[name] for name in ("task", "mode", "method", "status", "cell")}, "reason": _reason(row)}
        for row in rows.to_dict("records")
        if row["status"] != "converged"
    ]
    faults = timings[timings["error"].fillna("") != ""] if "error" in timings else timings.iloc[:0]
    untimed = rows.merge(faults[["cell", "error"]].drop_duplicates("cell"), on="cell", suffixes=("_run", ""))
    return failed + [
        {
            **{name: row[name] for name in ("task", "mode", "method", "cell")},
            "status": "not timed",
            "reason": row["error"],
        }
        for row in untimed.to_dict("records")
    ]


def _reason(row: Mapping[Any, Any]) -> str:
    if row["status"] == "error":
        return str(row["error"] or "no reason was recorded")
    left = f"{_measure(row)} = {number(row['residual'])}, tolerance {number(row['tolerance'])}"
    where = f"iteration {whole(row['iterations'])}"
    return {
        "budget": f"the budget of {whole(row['budget'])} iterations was used up at {left}",
        "diverged": f"not finite, or above 1e20 times its start, from {where} on",
        "stalled": f"the state repeats itself bit for bit from {where} on, at {left}",
    }.get(str(row["status"]), f"ended at {where} with {left}")


def _measure(row: Mapping[Any, Any]) -> str:
    return measure_sign(str(row["measure"]), relative=bool(row["relative"]))


def fates(runs: pd.DataFrame, statuses: Iterable[str]) -> dict[str, Any]:
    """What became of all trials, shown or not, at the tightest tolerance: counts by method and status."""
    tightest = runs[runs["tolerance"] == runs.groupby("problem")["tolerance"].transform("min")]
    once = tightest.drop_duplicates(["problem", "optimizer", "mode", "cell"])
    names = [status for status in statuses if status in set(once["status"])]
    rows = [
        {"method": method, "counts": [int((of_method["status"] == status).sum()) for status in names]}
        for method, of_method in once.groupby("optimizer", sort=False)
    ]
    return {"statuses": names, "rows": rows}

"""Sections that only some sweeps have, and the limits of large pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.page import build_sections
from nagbench.reporting.html.parts import Paragraph, Section, Table
from nagbench.reporting.html.sections import cells, convergence, libraries


def material_of(tables: dict[str, Any]) -> ReportContext:
    return ReportContext(tables["runs"], tables["timings"], tables["curves"], [tables["manifest"]])


def table_of(section: Section | None) -> Table:
    assert section is not None
    (table,) = (part for part in section.parts if isinstance(part, Table))
    return table


def test_without_a_librarys_method_there_is_no_section_of_libraries(tables: dict[str, Any]) -> None:
    assert "libraries" not in [section.id for section in build_sections(material_of(tables))]


def test_libraries_stand_beside_ours_with_the_time_of_an_iteration(tables: dict[str, Any]) -> None:
    runs = tables["runs"]
    ours = runs[(runs["variant"] == "nesterov") & runs["selected"] & (runs["problem"] == "rosenbrock")].iloc[[0]]
    theirs = ours.assign(
        cell="f" * 16, variant="torch/x", optimizer="torch/x", library="torch", iterations=7, tested_at="y"
    )
    times = tables["timings"]
    timed = times[times["cell"] == ours["cell"].iloc[0]].assign(cell="f" * 16, iterations=7, wall_time=7e-3)
    both = {**tables, "runs": pd.concat([ours, theirs]), "timings": pd.concat([times, timed])}
    rows = {row.entries[2].text: row.entries for row in table_of(libraries.section(material_of(both))).rows}
    assert rows["torch/x"][5].value == pytest.approx(1e-3)
    assert rows["torch/x"][9].text.startswith("another point than nesterov")
    assert rows["nesterov"][9].text == ""


def test_rows_of_libraries_go_with_the_switch_of_their_problem(tables: dict[str, Any]) -> None:
    """Where a problem runs under two oracles, the labels of problems name them, here too."""
    runs = tables["runs"]
    ours = runs[(runs["variant"] == "nesterov") & runs["selected"] & (runs["problem"] == "rosenbrock")].iloc[[0]]
    theirs = ours.assign(cell="f" * 16, variant="torch/x", optimizer="torch/x", library="torch")
    noisy = theirs.assign(cell="e" * 16, oracle="noise:0.1")
    found = material_of({**tables, "runs": pd.concat([ours, theirs, noisy])})
    told = table_of(libraries.section(found)).rows
    assert {row.entries[0].text for row in told} == set(found.tasks)
    assert len(found.tasks) == 2
    assert [row.task for row in told] == [found.tasks[row.entries[0].text] for row in told]
    assert None not in [row.method for row in told]


def test_a_large_table_is_saved_from_what_is_shown(tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small = table_of(cells.section(material_of(tables)))
    assert small.data is not None
    monkeypatch.setattr(cells, "_EMBEDDED", len(small.rows) - 1)
    large = table_of(cells.section(material_of(tables)))
    assert large.data is None
    assert len(large.rows) == len(small.rows)
    assert replace(large, data=small.data, caption=small.caption) == small


def test_curves_beyond_the_limit_are_left_out_in_words(tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "_MOST", 1)
    *figures, last = convergence.section(material_of(tables)).parts
    assert isinstance(last, Paragraph)
    assert "rosenbrock" in last.text
    assert {panel.title for figure in figures for panel in figure.panels} == {"bowl"}

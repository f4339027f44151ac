"""The sections of tuning and scaling: what they show is what the sweep holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tunings import ONE_START

import nagbench
from nagbench.reporting.context import ReportContext, build_context
from nagbench.reporting.figures.tuning import thin_dots
from nagbench.reporting.html.page import build_sections, render_page
from nagbench.reporting.html.parts import Figure, Section, Table


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ReportContext:
    sweep = nagbench.sweep(
        problems=[f"quadratic:dimension=4,condition={kappa}" for kappa in (10, 100, 1000)],
        optimizers=["gradient-descent", "nesterov"], trials=8,
        **ONE_START, budget=20_000, timing=False, modes=["tuned", "theory"],
        out=tmp_path_factory.mktemp("tuning") / "run",
    )  # fmt: skip
    return build_context(sweep)


def section_of(found: ReportContext, name: str) -> Section:
    return next(section for section in build_sections(found) if section.id == name)


def test_every_trial_is_a_point_and_the_best_so_far_a_staircase(found: ReportContext) -> None:
    figures = [part for part in section_of(found, "tuning").parts if isinstance(part, Figure)]
    # What n trials find, and every trial, with a panel for each problem.
    assert [len(figure.panels) for figure in figures] == [3, 3]
    task = figures[0].panels[0].title
    runs = found.runs[(found.runs["mode"] == "tuned") & (found.runs["problem"] == task)]
    tightest = runs[(runs["tolerance"] == runs["tolerance"].min()) & (runs["optimizer"] == "nesterov")]
    counts = tightest.sort_values("trial")["iterations"].where(tightest["status"] == "converged")
    best, trials = (
        {one["name"]: one for one in picture.series}["nesterov"]
        for picture in (figures[0].panels[0], figures[1].panels[0])
    )
    assert sorted(value for value in trials["y"] if value is not None) == sorted(counts.dropna())
    assert len(trials["x"]) == len(tightest) == 8
    expected = np.minimum.accumulate(counts.fillna(np.inf).to_numpy())
    # The staircase after n trials: its last corner up to there.
    corners = list(zip(best["x"], best["y"], strict=True))
    after = [[height for at, height in corners if at <= n][-1] for n in range(1, 9)]
    assert [np.inf if height is None else height for height in after] == expected.tolist()


def test_dots_that_hide_one_another_are_drawn_once_and_the_best_stays() -> None:
    random = np.random.default_rng(3)
    count = 3000
    rows = pd.DataFrame(
        {
            "task": "p",
            "method": random.choice(["m", "n"], count),
            "optimizer": "nesterov",
            "x": 10.0 ** random.uniform(-4, 1, count),
            "y": np.where(random.random(count) < 0.3, np.inf, 10.0 ** random.uniform(1, 5, count)),
        }
    )
    kept = thin_dots(rows)
    assert kept.groupby("method").size().max() <= 150
    assert not kept.duplicated().any()
    for method, run in rows.groupby("method"):
        # The best, and the ends of those that did not converge, are as far out as before, to the size of a few dots.
        left = kept[kept["method"] == method]
        assert left["y"].min() == run["y"].min()
        lost, still = (np.log10(each.loc[np.isinf(each["y"]), "x"]) for each in (run, left))
        assert still.min() - lost.min() < 0.6
        assert lost.max() - still.max() < 0.6
    few = rows.head(5).assign(x=[1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert thin_dots(few).equals(few)


def test_the_table_names_hyperparameters_alone(found: ReportContext) -> None:
    table = next(part for part in section_of(found, "tuning").parts if isinstance(part, Table))
    assert [column.name for column in table.columns] == [
        "problem",
        "method",
        "converged trials",
        "step_size",
        "momentum",
    ]
    assert len(table.rows) == 6
    assert all(0.0 <= entry.value <= 1.0 for row in table.rows for entry in row.entries[3:] if entry.value is not None)


def test_counts_grow_as_theory_says(found: ReportContext) -> None:
    (figure,) = (part for part in section_of(found, "scaling").parts if isinstance(part, Figure))
    theory = next(picture for picture in figure.panels if picture.title == "theory")
    series = {one["name"]: one for one in theory.series}
    rows = found.table[(found.table["mode"] == "theory") & (found.table["method"] == "nesterov")]
    assert sorted(series["nesterov"]["y"]) == sorted(rows["iterations"])
    assert series["nesterov"]["x"] == pytest.approx([10, 100, 1000])
    slopes = {name: float(value) for name, value in re.findall(r"([\w-]+) ([\d.]+\d)", theory.note)}
    assert slopes["gradient-descent"] == pytest.approx(1.0, abs=0.1)
    assert slopes["nesterov"] == pytest.approx(0.5, abs=0.15)


def test_without_trials_there_is_no_section(found: ReportContext) -> None:
    theory = found.runs[found.runs["mode"] == "theory"]
    names = [
        section.id for section in build_sections(ReportContext(theory, found.timings, found.curves, found.manifests))
    ]
    assert "tuning" not in names
    assert "scaling" not in names


def test_hostile_names_are_text_here_too(found: ReportContext) -> None:
    evil = "<script>alert(1)</script>"
    names = dict(zip(found.runs["problem"].unique(), (f"{evil}{k}" for k in range(3)), strict=True))
    runs = found.runs.replace({"problem": names, "variant": {"nesterov": evil}, "optimizer": {"nesterov": evil}})
    page = render_page(ReportContext(runs, found.timings, found.curves, found.manifests, plan=found.plan))
    assert "<script>alert" not in page
    assert json.dumps(evil, ensure_ascii=False).strip('"').replace("<", "&lt;").replace(">", "&gt;") in page


def test_pdfs_are_made_of_them(found: ReportContext, tmp_path: Path) -> None:
    for name in ("tuning", "scaling"):
        for part in section_of(found, name).parts:
            if isinstance(part, Figure):
                for picture in part.panels:
                    assert picture.paper is not None
                    picture.paper().savefig(tmp_path / f"{picture.id}.pdf")  # type: ignore[union-attr]
    assert len(list(tmp_path.iterdir())) == 8

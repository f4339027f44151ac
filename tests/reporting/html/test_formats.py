"""Markdown, LaTeX, a notebook's HTML and PDF figures of the report; reports of several directories."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from tunings import ONE_START

import nagbench
from nagbench import UsageError
from nagbench.analysis.times import displayed_times
from nagbench.reporting.context import ReportContext, build_context
from nagbench.reporting.export import render_markdown, render_notebook, write_figures
from nagbench.reporting.figures.paper_size import FigureChoice
from nagbench.reporting.figures.ranks import plot_critical_difference
from nagbench.reporting.html.index_page import render_index
from nagbench.reporting.html.page import build_sections, render_page
from nagbench.reporting.html.parts import Figure
from nagbench.reporting.paper import render_latex


@pytest.fixture(scope="module")
def tuned(tables: dict[str, Any]) -> ReportContext:
    return ReportContext(tables["runs"], tables["timings"], tables["curves"], [tables["manifest"]])


def test_markdown_tables_hold_the_counts(tuned: ReportContext, tables: dict[str, Any]) -> None:
    text = render_markdown(tuned)
    block = text[text.index("## tuned") : text.index("## theory")]
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")] for line in block.splitlines() if line.startswith("|")
    ]
    assert rows[0][1:] == list(tables["runs"]["optimizer"].unique())
    assert len({len(row) for row in rows}) == 1
    shown = tables["runs"].loc[lambda runs: runs["selected"] & (runs["problem"] == "rosenbrock")].set_index("optimizer")
    entries = dict(zip(rows[0], next(row for row in rows if row[0] == "rosenbrock"), strict=True))
    for method, run in shown.iterrows():
        expected = (
            f"{run['iterations']:,}" if run["status"] == "converged" else f"{run['status']} at {run['iterations']:,}"
        )
        assert entries[str(method)].split("<br>")[0].strip("*") == expected
    assert tables["manifest"]["command"] in text


def test_hostile_names_stay_in_their_cells(tuned: ReportContext) -> None:
    evil = ReportContext(
        tuned.runs.replace({"bowl": "a|b</td>\n\n# x_y*", "nesterov": r"\input{x} 50% & $y$"}), tuned.timings, tuned.curves,
        tuned.manifests,
    )  # fmt: skip
    text = render_markdown(evil)
    assert r"a\|b&lt;/td&gt; # x\_y\*" in text
    assert not [line for line in text.splitlines() if line.startswith("# x")]
    paper = render_latex(evil)
    assert r"\textbackslash{}input\{x\} 50\% \& \$y\$" in paper
    assert "<td>" not in render_notebook(evil).replace("<td>", "", render_notebook(evil).count("<td>"))
    assert "a|b&lt;/td&gt;" in render_notebook(evil)


def test_latex_tables_are_balanced_and_even(tuned: ReportContext) -> None:
    decided = ReportContext(tuned.runs, tuned.timings, tuned.curves, tuned.manifests)
    least = tuned.table.groupby(["task", "mode"])["iterations"].transform("min")
    vars(decided)["table"] = tuned.table.assign(best=tuned.table["iterations"] == least)
    text = render_latex(decided)
    # One for the iterations of each mode, and one for its times.
    assert re.findall(r"\\begin\{(\w+)\}", text).count("table") == text.count(r"\end{table}") == 4
    assert len(set(re.findall(r"\\label\{(.*)\}", text))) == 4
    assert r"$\|\nabla f(x)\| \le 10^{-6}$" in text
    for columns, body in re.findall(r"\\begin\{tabular\}\{l(r+)\}\n\\toprule\n(.*?)\\bottomrule", text, flags=re.S):
        lines = [line for line in body.splitlines() if line != r"\midrule"]
        assert {line.count(" & ") for line in lines} == {len(columns)}
        assert all(line.endswith(r"\\") for line in lines)
    assert r"\textbf{" in text
    tables = [line for line in text.splitlines() if not line.startswith("%")]
    assert all(line.isascii() for line in tables)


def test_latex_promises_no_times_that_were_not_taken(tuned: ReportContext) -> None:
    untimed = ReportContext(tuned.runs, tuned.timings.iloc[:0], tuned.curves, tuned.manifests)
    assert "time" not in "".join(re.findall(r"\\caption\{.*\}", render_latex(untimed)))
    assert "time" not in render_markdown(untimed).partition("## theory")[2].partition("nagbench")[0]
    assert "Wall time" in render_latex(tuned)


def test_figures_of_a_paper_have_one_size_of_letters(tuned: ReportContext, tmp_path: Path) -> None:
    panel = next(part for part in build_sections(tuned)[2].flat() if getattr(part, "panels", ())).panels[0]
    figure = panel.paper()
    FigureChoice(width=3.5, size=8.0).typeset(figure, panel.title)
    figure.canvas.draw()
    assert figure.get_figwidth() == 3.5
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert {text.get_fontsize() for text in texts} == {8.0}
    inches = figure.get_tightbbox()
    assert -0.05 <= inches.x0 < inches.x1 <= 3.55
    assert all(axes.get_xlabel() and axes.get_ylabel() and axes.get_title("left") for axes in figure.axes)
    name = panel.id
    assert [file.name for file in write_figures(tuned, tmp_path, FigureChoice(patterns=[name]))] == [f"{name}.pdf"]
    with pytest.raises(nagbench.UsageError, match="did you mean"):
        list(write_figures(tuned, tmp_path, FigureChoice(patterns=[f"{name}s"])))


def test_latex_takes_any_first_letter_and_any_name(tuned: ReportContext) -> None:
    r"""After ``\\`` a bracket or a star would be an argument; "problem" is also the head of the first column."""
    runs = tuned.runs.replace({"bowl": "[1] bowl", "rosenbrock": "*", "nesterov": "problem"})
    text = render_latex(ReportContext(runs, tuned.timings, tuned.curves, tuned.manifests))
    assert "\n{}[1] bowl & " in text
    assert "\n{}* & " in text
    assert "\nproblem & gradient-descent & momentum & problem \\\\\n" in text


def test_a_notebook_shows_findings_and_counts(tuned: ReportContext) -> None:
    text = render_notebook(tuned)
    assert "which algorithm needs the fewest iterations is not decided on" in text
    assert text.count("<table>") == text.count("</table>") == 2
    parser = HTMLParser()
    parser.feed(text)
    assert f"{int(tuned.table['iterations'].replace(float('inf'), 0).max()):,}" in text


@pytest.mark.slow
def test_every_figure_is_a_pdf_of_its_own(tuned: ReportContext, tmp_path: Path) -> None:
    files = list(write_figures(tuned, tmp_path / "figures"))
    assert len(files) == len(set(files)) == render_page(tuned).count('<div class="picture"')
    assert all(file.read_bytes().startswith(b"%PDF") for file in files)


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> tuple[nagbench.Sweep, nagbench.Sweep]:
    """Two directories: one method is in both, one problem in one alone."""
    common: dict[str, Any] = {"trials": 2, **ONE_START, "budget": 2000, "repeats": 2, "modes": ["tuned"]}
    folder = tmp_path_factory.mktemp("several")
    return (
        nagbench.sweep(problems=["bowl", "rosenbrock"], optimizers=["nesterov"], out=folder / "a", **common),
        nagbench.sweep(problems=["bowl"], optimizers=["nesterov", "momentum"], out=folder / "b", **common),
    )


def test_several_directories_pool_counts(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    pooled = build_context(*sweeps)
    assert set(pooled.runs["cell"]) == set(sweeps[0].runs["cell"]) | set(sweeps[1].runs["cell"])
    assert not pooled.runs.duplicated(["cell", "variant", "mode", "trial", "tolerance"]).any()
    assert pooled.notes == ()
    assert list(pooled.methods) == ["nesterov", "momentum"]
    page = render_page(pooled)
    assert all(str(sweep.manifest["command"]) in page for sweep in sweeps)
    cells = page[page.index('id="table-cells"') :]
    assert ">machine</th>" in cells
    assert cells.count(f">{sweeps[0].timings['machine'].iloc[0]}</td>") >= len(pooled.rows["cell"].unique())


def test_times_of_machines_stay_apart(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    one = build_context(sweeps[0])
    samples = [[100 * time for time in times] for times in one.timings["samples"]]
    slower = one.timings.assign(machine="another", wall_time=one.timings["wall_time"] * 100, samples=samples)
    both = ReportContext(one.runs, pd.concat([one.timings, slower]), one.curves, one.manifests, plan=one.plan)
    assert sorted(both.machines) == sorted({"another", *one.timings["machine"]})
    times = displayed_times(both.timings)
    first = times[times["machine"] == both.machines[0]].set_index("cell")["wall_time"]
    shown = both.rows.set_index("cell")["wall_time"]
    assert set(shown) <= set(first)
    page = render_page(both)
    assert '<td class="n">another</td>' in page
    assert page.count('<tr id="cell-') == len(both.rows)


def test_counts_that_differ_between_directories_are_told(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    other = sweeps[0].runs.copy()
    other.loc[other.index[0], "iterations"] += 1

    class Changed:
        runs, timings, curves = other, sweeps[0].timings, sweeps[0].curves
        manifest, missing, plan = sweeps[0].manifest, 0, sweeps[0].plan
        store, scores, recorded = sweeps[0].store, sweeps[0].scores, sweeps[0].recorded

    pooled = build_context(sweeps[0], Changed())  # type: ignore[arg-type]
    assert "1 cell has different counts" in pooled.notes[0]
    assert pooled.notes[0] in render_markdown(pooled).replace("\\", "")


def test_the_plan_gives_back_the_cells(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    found = build_context(sweeps[0])
    for key in found.rows["cell"]:
        assert found.cell(key).key == key
    assert found.cell("no such key") is None


def test_problems_of_two_variables_get_paths_and_surfaces(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    page = render_page(build_context(sweeps[0]))
    for name in ("paths-bowl", "paths-rosenbrock", "surface-bowl", "surface-rosenbrock"):
        assert f' id="{name}"' in page, name


def test_paths_go_to_the_end_of_the_run(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    found = build_context(sweeps[0])
    row = found.rows[found.rows["problem"] == "rosenbrock"].iloc[0]
    cell = found.cell(row["cell"])
    iterations, path, queried = found.recorded.steps(cell)
    optimizer = nagbench.optimizer(cell.optimizer, **cell.hyperparameters)
    run = nagbench.run("rosenbrock", optimizer, budget=cell.budget, path=True)
    assert iterations[-1] == row["iterations"] == run.iterations
    assert len(queried) == len(path) - 1 <= 300
    np.testing.assert_array_equal(path, run.path[iterations])


def test_a_problem_that_is_not_here_costs_its_pictures_alone(sweeps: tuple[nagbench.Sweep, nagbench.Sweep]) -> None:
    found = build_context(sweeps[0])
    lost = found.plan.assign(problem_spec='{"family":"no.such.module:thing","parameters":{}}')
    page = render_page(ReportContext(found.runs, found.timings, found.curves, found.manifests, plan=lost))
    assert "The paths on bowl cannot be drawn here: " in page
    assert "figure-bowl-tuned" in page


def test_profiles_and_ranks_stand_on_the_page(tuned: ReportContext) -> None:
    page = render_page(tuned)
    assert re.search(r'<figure[^>]* id="profiles-tuned"', page)
    assert "No critical-difference diagram for tuned: 3 problems, fewer than 6." in page
    parts = [part for section in build_sections(tuned) if section.id == "profiles" for part in section.flat()]
    figure = parts[0]
    series = figure.panels[0].series
    rows = tuned.table[(tuned.table["mode"] == "tuned") & np.isfinite(tuned.table["iterations"])]
    least = rows.groupby("task")["iterations"].transform("min")
    best = rows[rows["iterations"] == least]["method"].value_counts()
    at_one = {one["name"]: max(y for x, y in zip(one["x"], one["y"], strict=True) if x == 1.0) for one in series}
    assert {name: round(share * 3) for name, share in at_one.items() if share} == best.to_dict()


def test_the_diagram_of_ranks_joins_what_cannot_be_told_apart() -> None:
    means = pd.DataFrame({"method": list("abc"), "optimizer": list("abc"), "mean_rank": [1.2, 1.9, 2.9]})
    axes = plot_critical_difference(means, 1.0, [["a", "b"], ["b", "c"]]).axes[0]
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 4]
    assert np.array(bars) == pytest.approx(np.array([[1.16, 1.94], [1.86, 2.94]]))
    assert {text.get_text().split()[0] for text in axes.texts} == {"a", "b", "c", "critical"}


@pytest.mark.parametrize("name", ["a", "gradient-descent", "averaged-gradient-descent", "momentum:momentum=[0.9,0.99]"])
def test_the_labels_of_the_diagram_of_ranks_lie_within_it(name: str) -> None:
    names = [name, "b", "c", name]
    means = pd.DataFrame({"method": names, "optimizer": names, "mean_rank": [1.25, 1.9, 2.9, 3.33]})
    figure = plot_critical_difference(means, 1.0, [])
    figure.draw_without_rendering()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width, text.get_text()


def test_what_a_problem_follows_is_drawn_as_learning_curves(tuned: ReportContext) -> None:
    followed = ReportContext(
        tuned.runs, tuned.timings, tuned.curves.assign(training_loss=tuned.curves["gradient_norm"]), tuned.manifests
    )
    (section,) = (section for section in build_sections(followed) if section.id == "learning")
    shown = {one["name"]: one["y"][-1] for one in next(section.flat()).panels[0].series}
    ends = tuned.rows[(tuned.rows["task"] == "bowl") & (tuned.rows["mode"] == "tuned")].set_index("method")["residual"]
    assert shown == pytest.approx(ends.to_dict(), rel=1e-5)


def test_a_full_grid_is_drawn_as_a_map(tmp_path: Path) -> None:
    sweep = nagbench.sweep(
        problems=["bowl"],
        optimizers=["nesterov"],
        modes=["grid"],
        grid=3,
        budget=500,
        timing=False,
        out=tmp_path / "run",
    )
    (section,) = (section for section in build_sections(build_context(sweep)) if section.id == "maps")
    (figure,) = (part for part in section.flat() if isinstance(part, Figure))
    assert len(figure.table) == 9
    assert figure.panels[0].draw().axes


def test_a_report_of_some_optimizers_keeps_the_verdicts_among_all(tuned: ReportContext) -> None:
    some = tuned.only(["nest*", "momentum"])
    assert set(some.methods) == {"nesterov", "momentum"}
    kept = tuned.verdicts[tuned.verdicts[["a", "b"]].isin(["nesterov", "momentum"]).all(axis=1)]
    pd.testing.assert_frame_equal(some.verdicts, kept)
    with pytest.raises(UsageError, match=r"unknown optimizer 'nesterof'; did you mean 'nesterov'\?"):
        tuned.only(["nesterof"])


def test_a_report_has_the_title_and_the_sections_that_are_asked_for(tuned: ReportContext) -> None:
    page = render_page(replace(tuned, title="A study", sections=("how-to-read", "convergence")))
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["A study"]
    assert re.findall(r'<section aria-labelledby="(.*?)">', page) == ["curves", "reading"]
    with pytest.raises(UsageError, match=r"unknown section 'convergense'; did you mean 'convergence'\?"):
        render_page(replace(tuned, sections=("convergense",)))


def test_the_report_of_two_directories_says_what_changed(
    sweeps: tuple[nagbench.Sweep, nagbench.Sweep], tmp_path: Path
) -> None:
    both = build_context(*sweeps)
    section = next(section for section in build_sections(both) if section.id == "differences")
    assert str(sweeps[0].store.folder) in section.parts[0].text
    assert "differences" not in [section.id for section in build_sections(build_context(sweeps[0]))]
    target = tmp_path / "index.html"
    sweeps[0].report(sweeps[0].store.folder / "report.html")
    page = render_index([(sweep.store.folder, build_context(sweep)) for sweep in sweeps], target)
    assert "2 results directories" in page
    (link,) = re.findall(r'<h2[^>]*><a href="(.*?)">', page)
    assert (target.parent / link).resolve() == (sweeps[0].store.folder / "report.html").resolve()

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.style import DARK
from nagbench.reporting.html.ids import Ids, slug
from nagbench.reporting.html.page import render_page
from nagbench.reporting.html.sections.how_to_read import STATUSES

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "input"}


def page_of(runs: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, manifest: Any, missing: int = 0) -> str:
    return render_page(ReportContext(runs, timings, curves, [manifest], missing=missing))


class Page(HTMLParser):
    """The elements of a page: tags in order, ids, links, and the text of each element by id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self.open):
            return
        self.words.append(data)
        if "table" in self.open and self.rows and self.rows[-1]:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def links(self) -> Iterator[str]:
        return (value for name, value in self.attributes if name in ("href", "xlink:href", "src"))


@pytest.fixture(scope="module")
def html(tables: dict[str, Any]) -> str:
    return page_of(**tables)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("h1") == page.tags.count("main") == 1


def test_every_link_and_reference_leads_somewhere_in_the_page(page: Page) -> None:
    wanted = {link for link in page.links() if link != "data:,"}
    wanted |= set(re.findall(r"url\((#[^)]+)\)", page.html))
    assert wanted <= {f"#{name}" for name in page.ids}


def test_nothing_is_loaded_and_only_our_script_runs(page: Page, html: str) -> None:
    assert not {"img", "iframe", "object", "embed"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset")]
    assert "@import" not in page.html
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, flags=re.S)
    (ours,) = (text for kind, text in scripts if not kind)
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in html
    assert {kind for kind, _ in scripts} == {"", ' type="application/json"'}
    outside = set(re.findall(r"[a-z]+://[^\s\"'<)]+", page.html))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_figures_hold_the_numbers_that_are_read_in_them(html: str, tables: dict[str, Any]) -> None:
    held = [
        json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', html, flags=re.S)
    ]
    series = {one["cell"]: one for data in held for one in data.get("series", ()) if "cell" in one}
    runs = tables["runs"].loc[lambda rows: rows["selected"]].set_index("cell")
    assert set(series) == set(runs.index)
    for key, run in runs.iterrows():
        recorded = tables["curves"].loc[tables["curves"]["cell"] == key].sort_values("iteration")
        shown = series[key]
        assert shown["x"][-1] == run["iterations"]
        assert shown["y"][-1] == pytest.approx(run["residual"], rel=1e-5)
        assert shown["per"][1] * run["iterations"] == pytest.approx(run["gradient_evaluations"])
        norms = recorded.set_index("iteration")["gradient_norm"]
        assert shown["y"] == pytest.approx(norms.loc[shown["x"]].tolist(), rel=1e-5)
    (cells,) = (data for data in held if "gradient_norm" in data.get("columns", ()))
    assert sorted(cells["values"][cells["columns"].index("cell")]) == sorted(runs.index)


def test_the_summary_table_holds_the_counts(page: Page, tables: dict[str, Any]) -> None:
    runs = tables["runs"]
    methods = list(runs["optimizer"].unique())
    rows = iter(page.rows)
    heads = next(row for row in rows if row[:2] == ["problem", "mode"])
    assert heads[2:] == methods
    shown = runs[runs["selected"] & (runs["problem"] == "rosenbrock")].set_index("optimizer")
    cells = next(row for row in rows if row[0].startswith("rosenbrock"))[2:]
    for cell, method in zip(cells, methods, strict=True):
        run = shown.loc[method]
        expected = f"{run['iterations']:,}" if run["status"] == "converged" else run["status"]
        assert cell.removeprefix("★ ").startswith(expected)
    # These were tuned once and from one start, which decides nothing.
    assert not any(cell.startswith("★") for cell in cells)


def test_every_shown_run_has_a_row_with_its_key(page: Page, tables: dict[str, Any]) -> None:
    runs = tables["runs"]
    keys = [row[-1] for row in page.rows if re.fullmatch("[0-9a-f]{16}", row[-1]) and len(row) > 7]
    assert sorted(keys) == sorted(runs.loc[runs["selected"], "cell"])


def test_every_failure_is_listed_with_its_reason(page: Page, tables: dict[str, Any]) -> None:
    runs = tables["runs"]
    failed = runs[runs["selected"] & (runs["status"] == "budget")]
    assert len(failed) > 0
    listed = [row for row in page.rows if "budget of 20,000 iterations was used up at ‖∇f(x)‖" in row[-2]]
    assert [row[:2] for row in listed] == failed.sort_values("mode", key=lambda mode: mode != "tuned", kind="stable")[
        ["problem", "optimizer"]
    ].to_numpy().tolist()


def test_the_findings_stand_first(page: Page) -> None:
    assert "hich algorithm needs the fewest iterations is not decided on" in page.text[: page.text.index("Summary #")]
    assert "not converged:" in page.text[: page.text.index("Summary #")].lower()


def test_each_task_and_mode_has_a_figure_with_a_caption_and_a_link(page: Page, tables: dict[str, Any]) -> None:
    shown = tables["runs"][tables["runs"]["selected"]]
    expected = {f"figure-{slug(problem)}-{mode}" for problem, mode in zip(shown["problem"], shown["mode"], strict=True)}
    assert expected == {name for name in page.ids if re.fullmatch(r"figure-.*-(tuned|theory)", name)}
    assert expected <= {link[1:] for link in page.links()}
    assert page.tags.count("figcaption") == page.tags.count("figure")
    # One caption for all problems of a mode.
    assert page.text.count("each iteration takes its mean time in the replay of the same cell") == 2


def test_commands_are_set_as_code(page: Page) -> None:
    assert "`" not in page.text
    assert "<code>nagbench replay CELL --in DIRECTORY</code>" in page.html


def test_a_profile_by_time_is_drawn_of_runs_with_times_only(tables: dict[str, Any]) -> None:
    timed = "Performance profile by time"
    assert timed in Page(page_of(**tables)).text
    runs = tables["runs"].set_index("cell")
    alone = tables["timings"][tables["timings"]["cell"].map(runs["optimizer"]) == "gradient-descent"]
    assert timed not in Page(page_of(**tables | {"timings": alone})).text
    # Without the times of one problem, the drawing says how much is left of it.
    fewer = tables["timings"][tables["timings"]["cell"].map(runs["problem"]) != "bowl"]
    assert re.search(
        r"Over \d+ of \d+ instances: the others have no undisturbed times", page_of(**tables | {"timings": fewer})
    )


def test_runs_that_end_in_the_same_way_are_one_row(tables: dict[str, Any]) -> None:
    runs, curves = tables["runs"], tables["curves"]
    failed = runs["selected"] & (runs["status"] == "budget")
    again = runs[failed].assign(start=1, residual=2.0 * runs["residual"], cell=runs["cell"].str[::-1])
    page = Page(page_of(**tables | {"runs": pd.concat([runs, again], ignore_index=True), "curves": curves}))
    rows = [row for row in page.rows if "budget of 20,000 iterations was used up" in " ".join(row)]
    assert len(rows) == int(failed.sum())
    assert {row[4] for row in rows} == {"2 of 2"}
    first = runs[failed].iloc[0]
    (row,) = (row for row in rows if row[-1] == first["cell"])
    low, high = (float(text.replace("−", "-")) for text in re.search(r"= (\S+) to ([^\s,]+),", row[5]).groups())  # type: ignore[union-attr]
    assert (low, high) == pytest.approx((first["residual"], 2.0 * first["residual"]), rel=1e-3)


def test_curves_that_hide_each_other_are_said_to(page: Page) -> None:
    assert "The curves of gradient-descent, momentum and nesterov coincide." in page.text


def test_environment_and_command_are_there(page: Page, tables: dict[str, Any]) -> None:
    manifest = tables["manifest"]
    for fact in (manifest["command"], manifest["git"], manifest["fingerprint"], *manifest["versions"].values()):
        assert fact in page.text
    assert '"tolerances": [' in page.text
    for status, meaning in STATUSES.items():
        assert f"{status} {meaning}" in page.text


def test_dark_colours_are_defined_for_every_colour_of_the_figures(html: str) -> None:
    used = set(re.findall(r"var\((--ink-[0-9a-f]{6}),", html))
    defined = set(re.findall(r"(--ink-[0-9a-f]{6}):", html))
    assert used <= defined
    assert len(defined) == len(DARK)


def test_the_page_is_the_same_every_time_and_small(tables: dict[str, Any], html: str) -> None:
    assert page_of(**tables) == html
    assert len(html.encode()) < 1_000_000


def test_hostile_names_are_text_everywhere(tables: dict[str, Any]) -> None:
    evil = {
        "bowl": HOSTILE,
        "nesterov": f'"{HOSTILE}$\\frac',
        "momentum": "_m' onload='x",
        "tuned": HOSTILE,
        "theory": "javascript:x",
    }
    runs = tables["runs"].replace(evil).assign(error=HOSTILE)
    runs.loc[runs["selected"] & (runs["optimizer"] == "adam"), "status"] = "error"
    machine = {"id": HOSTILE, "processor": HOSTILE, "cores": HOSTILE, "system": HOSTILE}
    manifest = {
        **tables["manifest"], "name": HOSTILE, "command": HOSTILE, "git": HOSTILE, "machine": machine, "fingerprint": HOSTILE,
        "versions": {HOSTILE: HOSTILE, "nagbench": HOSTILE}, "spec": {HOSTILE: HOSTILE},
    }  # fmt: skip
    curves, cells = tables["curves"], {key: f"{HOSTILE}{key}" for key in tables["runs"]["cell"]}
    page = Page(
        page_of(
            runs.assign(cell=runs["cell"].map(cells)),
            tables["timings"].assign(cell=tables["timings"]["cell"].map(cells), error=HOSTILE),
            curves.assign(cell=curves["cell"].map(cells)),
            manifest,
        )
    )
    assert page.open == []
    assert "<script>alert" not in page.html
    assert page.tags.count("script") == 1 + page.html.count('<script type="application/json">')
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(re.fullmatch(r"[A-Za-z][\w.-]*", name) for name in page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert all(link == "data:," or link.startswith("#") for link in page.links())
    assert page.text.count(HOSTILE) > 20


def test_a_sweep_without_results_is_a_page(tables: dict[str, Any]) -> None:
    empty = {name: tables[name].iloc[:0] for name in ("runs", "timings", "curves")}
    page = Page(page_of(**empty, manifest=tables["manifest"], missing=7))
    assert "7 cells have no result yet" in page.text
    assert "There is no finished run yet" in page.text


def test_without_times_and_curves_the_counts_are_shown(tables: dict[str, Any]) -> None:
    page = Page(
        page_of(tables["runs"], tables["timings"].iloc[:0], tables["curves"].iloc[:0], tables["manifest"], missing=1)
    )
    assert "1 cell has no result yet" in page.text
    assert "No curves were recorded." in page.text
    assert "timed replay" not in page.text[: page.text.index("Convergence curves")]
    assert " ns" not in page.text


def test_every_way_to_fail_is_explained(tables: dict[str, Any]) -> None:
    runs = tables["runs"].copy()
    shown = runs.index[runs["selected"] & (runs["problem"] == "bowl")]
    fates = [("diverged", ""), ("stalled", ""), ("error", "ZeroDivisionError: float division by zero")]
    for row, (status, reason) in zip(shown, fates, strict=False):
        runs.loc[row, ["status", "error"]] = [status, reason]
        runs.loc[row, ["residual", "iterations"]] = [np.nan if status == "error" else np.inf, 1234]
    text = Page(page_of(runs, tables["timings"], tables["curves"], tables["manifest"])).text
    assert "not finite, or above 1e20 times its start, from iteration 1,234 on" in text
    assert "the state repeats itself bit for bit from iteration 1,234 on" in text
    assert "ZeroDivisionError: float division by zero" in text


def test_a_replay_that_could_not_be_timed_is_a_failure(tables: dict[str, Any]) -> None:
    timings = tables["timings"].copy()
    timings.loc[timings.index[0], ["error", "wall_time", "wall_time_iqr"]] = [
        "the replay ended elsewhere",
        np.nan,
        np.nan,
    ]
    page = Page(page_of(tables["runs"], timings, tables["curves"], tables["manifest"]))
    assert [row[-4:] for row in page.rows if "the replay ended elsewhere" in row] == [
        ["not timed", "1 of 1", "the replay ended elsewhere", timings["cell"].iloc[0]]
    ]


def test_starts_and_seeds_get_columns_and_shares(tables: dict[str, Any]) -> None:
    runs = tables["runs"]
    bowl = runs[runs["problem"] == "bowl"]
    again = bowl.assign(seed=1, cell=bowl["cell"] + "b")
    worse = again.assign(
        status=again["status"].mask(again["optimizer"] == "adam", "budget"), iterations=again["iterations"] + 5
    )
    third = worse.assign(seed=2, status="converged", cell=bowl["cell"] + "c")
    curves = tables["curves"]
    copies = [curves, curves.assign(cell=curves["cell"] + "b"), curves.assign(cell=curves["cell"] + "c")]
    page = Page(page_of(pd.concat([bowl, worse, third]), tables["timings"], pd.concat(copies), tables["manifest"]))
    assert "seed" in next(row for row in page.rows if "gradient evaluations" in row)
    assert "2 of 3 runs" in page.text
    assert "the band contains at least the middle half of all starts and seeds" in page.text


def test_ids_are_plain_and_never_given_twice() -> None:
    ids = Ids()
    given = [ids("cell", name) for name in ("a b", "a-b", "A B!", "", "é", "a-b-2")]
    assert given[0] == "cell-a-b"
    assert len(set(given)) == len(given)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in given)

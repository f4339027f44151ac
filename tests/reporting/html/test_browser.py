"""The page in a real browser, with the network off: what it shows, switches, reads and saves."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tunings import ONE_TUNING

import nagbench
from nagbench.reporting.context import ReportContext, build_context
from nagbench.reporting.html.page import render_page

sync_api = pytest.importorskip("playwright.sync_api")

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
HOSTILE = "<script>alert(1)</script>"
FIRST = ".picture[id=figure-bowl-tuned]"
CURVES = "#curves-tuned"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> nagbench.Sweep:
    return nagbench.sweep(
        problems=["bowl", "rosenbrock", "ill-conditioned-1e2"], optimizers=["gradient-descent", "momentum", "nesterov"],
        trials=4, **ONE_TUNING, starts=3, budget=3000, repeats=2, out=tmp_path_factory.mktemp("browser") / "run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def file(sweep: nagbench.Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep.report(tmp_path_factory.mktemp("page") / "report.html")


def saved(page: Any, button: str) -> str:
    return saved_bytes(page, button).decode("utf-8")


def saved_bytes(page: Any, button: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator(f"button[aria-label='{button}']").click()
    return Path(waiting.value.path()).read_bytes()


def drawn(page: Any) -> str:
    """The line of the first series of the first figure."""
    return str(page.locator(f"{FIRST} g[id$='series-0'] > path").first.get_attribute("d"))


def held(page: Any) -> dict[str, Any]:
    """What the first figure holds."""
    return dict(json.loads(page.locator(f"{FIRST} > script").first.text_content()))


def address(page: Any) -> list[str]:
    """The part of the page and the choices that stand in the address."""
    return str(page.evaluate("decodeURIComponent(location.hash.slice(1))")).split("?")


def open_switches(page: Any) -> None:
    page.locator("nav button", has_text="Choose").click()


def shown_value(text: str) -> float | str:
    """What a reader takes a cell for: its first number, with its unit, or how a run ended, which comes after all numbers."""
    found = re.match(r"[★(~ ]*([\d,]*\.?\d+(?:e[−+-]?\d+)?)×?\s*(ns|µs|ms|s)?\b", text.strip())
    if found is None:
        return math.inf if re.match("budget|only|diverged|elsewhere", text) else text.strip().lower()
    unit = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3}.get(found[2] or "", 1.0)
    return float(found[1].replace(",", "").replace("−", "-")) * unit


def test_every_column_of_numbers_sorts_by_value_both_ways(visit: Callable[..., Any]) -> None:
    page = visit()
    columns = page.evaluate(
        """[...document.querySelectorAll("figure.table")].flatMap((figure) => [...figure.querySelectorAll("thead th")].map(
            (head, place) => [figure.id, place, [true, false].map((up) => {
                head.querySelector("button").click();
                return [head.getAttribute("aria-sort"),
                    [...figure.querySelectorAll("tbody tr")].map((row) => row.cells[place].innerText)];
            })]))"""
    )
    numeric = 0
    for table, place, directions in columns:
        assert [direction for direction, _ in directions] == ["ascending", "descending"]
        for direction, texts in directions:
            values = [shown_value(text) for text in texts if text.strip() not in ("", "·", "–", "∞")]
            if values and all(isinstance(value, float) for value in values) and len(set(values)) > 1:
                numeric += 1
                assert values == sorted(values, reverse=direction == "descending"), (table, place)
    assert numeric > 20


def test_runs_that_did_not_converge_sort_behind_all_counts(visit: Callable[..., Any]) -> None:
    page = visit()
    heads = page.locator("#table-summary thead th").all_text_contents()
    place = heads.index("gradient-descent")
    page.locator("#table-summary thead button").nth(place).click()
    texts = page.locator(f"#table-summary tbody tr > :nth-child({place + 1})").all_text_contents()
    reached = [not text.startswith("budget") for text in texts]
    assert reached == sorted(reached, reverse=True)
    assert not all(reached)


def test_a_filter_leaves_the_rows_with_all_words(visit: Callable[..., Any], sweep: nagbench.Sweep) -> None:
    page = visit()
    page.locator("#table-cells input[type=search]").fill("rosenbrock nesterov")
    shown = page.locator("#table-cells tbody tr:visible")
    assert shown.count() == 3
    assert all("rosenbrock" in text and "nesterov" in text for text in shown.all_text_contents())
    assert re.fullmatch(r"3 of \d+ rows", page.locator("#table-cells .count").text_content())


def test_a_method_goes_from_every_figure_and_table_and_comes_back(visit: Callable[..., Any]) -> None:
    page = visit()
    open_switches(page)
    box = page.get_by_role("checkbox", name="nesterov")
    ours = page.locator(f"g[data-m='{box.get_attribute('value')}']:visible")
    others = page.locator("g[data-m]:visible")
    before, drawn_before = ours.count(), others.count()
    assert before > 3
    box.uncheck()
    assert (ours.count(), others.count()) == (0, drawn_before - before)
    assert page.locator("#table-summary thead th:visible").all_text_contents() == [
        "problem",
        "mode",
        "gradient-descent",
        "momentum",
    ]
    assert page.locator("#table-cells tbody tr:visible").filter(has_text="nesterov").count() == 0
    assert page.locator(".panels .picture:visible .title").filter(has_text="nesterov").count() == 0
    box.check()
    assert (ours.count(), others.count()) == (before, drawn_before)
    assert "nesterov" in page.locator("#table-summary thead th:visible").all_text_contents()


def test_a_problem_goes_with_its_figures_and_rows(visit: Callable[..., Any]) -> None:
    page = visit()
    open_switches(page)
    page.locator("fieldset[data-kind=p]").get_by_role("checkbox", name="rosenbrock").uncheck()
    assert page.locator(".picture:visible[id*=rosenbrock]").count() == 0
    assert page.locator(".picture:visible[id*=bowl]").count() > 1
    assert page.locator("#table-summary tbody tr:visible").filter(has_text="rosenbrock").count() == 0


def test_axes_switch_and_go_back(visit: Callable[..., Any]) -> None:
    page = visit()
    data, before = held(page), drawn(page)
    series, (left, top, right, bottom) = data["series"][0], data["axes"]["box"]
    open_switches(page)
    page.locator("select[name=y]").select_option("linear")
    page.locator("select[name=x]").select_option("linear")
    points = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn(page)), float)
    heights, along = np.array(series["y"], float), np.array(series["x"], float)
    slope = np.polyfit(heights, points[:, 1], 1)
    np.testing.assert_allclose(points[:, 1], np.polyval(slope, heights), atol=0.1)
    np.testing.assert_allclose(points[:, 0], left + (points[-1, 0] - left) * along / along[-1], atol=0.1)
    inside = (points > [left - 0.1, top - 0.1]) & (points < [right + 0.1, bottom + 0.1])
    assert inside.all()
    page.locator("select[name=along]").select_option("2")
    assert "time" in page.locator(f"{FIRST} svg").first.text_content()
    for name, value in (("y", ""), ("x", ""), ("along", "0")):
        page.locator(f"select[name={name}]").select_option(value)
    assert drawn(page) == before


def test_values_are_read_by_keyboard_and_by_pointing(visit: Callable[..., Any]) -> None:
    page = visit()
    series = held(page)["series"]
    plot = page.locator(f"{FIRST} .plot").first
    page.locator(CURVES).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    said = plot.locator(".tip").text_content()
    index = min(2, len(series[1]["x"]) - 1)
    assert said.startswith(f"{series[1]['name']}: iteration {series[1]['x'][index]},")
    assert float(said.rsplit(" ", 1)[1].replace("−", "-")) == pytest.approx(series[1]["y"][index], rel=1e-3)
    page.keyboard.press("Escape")
    assert plot.locator(".tip").text_content() == ""
    end = page.locator(f"{FIRST} g[id$='series-0-end'] use").first
    box = end.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert re.search(r": iteration [\d,]+, ‖∇f\(x\)‖ \d", plot.locator(".tip").text_content())


def test_downloads_hold_what_is_shown(visit: Callable[..., Any], sweep: nagbench.Sweep) -> None:
    page = visit()
    runs = sweep.runs.loc[lambda rows: rows["selected"] & (rows["tolerance"] == rows["tolerance"].min())]
    cells = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: table-cells"))))
    assert sorted((row["cell"], row["status"], int(row["iterations"])) for row in cells) == sorted(
        runs[["cell", "status", "iterations"]].itertuples(index=False, name=None)
    )
    assert sorted(float(row["step_size"]) for row in cells) == sorted(runs["step_size"])
    name = "curves-tuned"
    series = held(page)["series"]
    every = list(csv.DictReader(io.StringIO(saved(page, f"Save as CSV: {name}"))))
    assert {row["picture"] for row in every} == {"bowl", "rosenbrock", "ill-conditioned-1e2"}
    rows = [row for row in every if row["picture"] == "bowl"]
    assert len(rows) == sum(len(one["x"]) for one in series)
    first = [row for row in rows if row["series"] == series[0]["name"]]
    assert [float(row["‖∇f(x)‖"]) for row in first] == series[0]["y"]
    assert [int(row["iteration"]) for row in first] == series[0]["x"]
    picture = saved(page, f"Save as SVG: {name}")
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in picture
    shares = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: profiles-tuned"))))
    assert {row["picture"] for row in shares} >= {"Performance profile by iterations", "Data profile"}
    assert all(0.0 <= float(row["y"]) <= 1.0 for row in shares)
    bitmap = saved_bytes(page, f"Save as PNG: {name}")
    assert bitmap.startswith(b"\x89PNG")
    assert len(bitmap) > 10_000
    ways = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: paths-bowl"))))
    assert {row["method"] for row in ways} == {"gradient-descent", "momentum", "nesterov"}
    assert {(row["x1"], row["x2"]) for row in ways if row["iteration"] == "0"} != set()


def test_entries_lead_to_their_cells_even_where_these_are_filtered_out(visit: Callable[..., Any]) -> None:
    page = visit()
    page.locator("#table-cells input[type=search]").fill("nothing has this name")
    assert page.locator("#table-cells tbody tr:visible").count() == 0
    page.locator("#table-summary tbody td a").first.click()
    target = page.locator("#" + address(page)[0])
    assert target.evaluate("row => row.tagName") == "TR"
    sync_api.expect(target).to_be_in_viewport()
    page.locator("figcaption .permalink").last.click()
    sync_api.expect(page.locator("#" + address(page)[0])).to_be_in_viewport()


def test_details_are_those_of_the_row_whatever_modes_share_its_cell_and_go_with_it(visit: Callable[..., Any]) -> None:
    page = visit()
    rows = page.locator("#table-cells tbody tr")
    details = page.locator("#table-cells tr.details")
    for place in range(0, rows.count(), 3):
        row = rows.nth(place)
        mode = row.locator("td, th").nth(1).text_content()
        row.locator("button").click()
        facts = dict(
            zip(details.locator("dt").all_text_contents(), details.locator("dd").all_text_contents(), strict=True)
        )
        assert facts["mode"] == mode
        row.locator("button").click()
    row = rows.first
    row.locator("button").click()
    number = row.get_attribute("data-m")
    page.evaluate(
        "number => document.querySelector(`.switches [data-kind=m] input[value='${number}']`).click()", number
    )
    assert (row.is_visible(), details.is_visible()) == (False, False)


def test_a_run_opens_its_details_with_the_command_that_counts_it_again(
    visit: Callable[..., Any], sweep: nagbench.Sweep
) -> None:
    page = visit()
    press = page.locator("#table-cells tbody button").nth(3)
    key = press.text_content()
    run = sweep.runs[(sweep.runs["cell"] == key) & (sweep.runs["tolerance"] == sweep.runs["tolerance"].min())].iloc[0]
    press.click()
    details = page.locator("#table-cells tr.details")
    assert press.get_attribute("aria-expanded") == "true"
    assert f"nagbench replay {key} --in ." in details.text_content()
    facts = dict(zip(details.locator("dt").all_text_contents(), details.locator("dd").all_text_contents(), strict=True))
    assert float(facts["step_size"].replace("−", "-")) == run["step_size"]
    assert float(facts["residual"].replace("−", "-")) == run["residual"]
    page.locator("#table-cells thead button").first.click()
    assert (details.count(), press.get_attribute("aria-expanded")) == (0, "false")
    # The curve of the first start is drawn, and leads back here.
    page.locator("#table-summary tbody td a").first.click()
    assert details.count() == 1
    link = details.locator("a").first
    target = str(link.get_attribute("href"))
    link.click()
    sync_api.expect(page.locator(target)).to_be_in_viewport()


def test_a_card_says_what_is_undecided_and_what_holds_at_looser_tolerances(visit: Callable[..., Any]) -> None:
    page = visit()
    card = page.locator("section > .answers .answer").first
    counts = [int(text) for text in card.locator(".tally b").all_text_contents()]
    assert sum(counts) == 3
    looser = re.search(r"At the looser tolerance 0\.001: [^;]+; NAG wins (\d), momentum wins (\d)", card.text_content())
    assert looser is not None
    why = str(card.text_content()).partition("Why undecided?")[2]
    pairs = page.locator("#table-verdicts-tuned tbody tr").evaluate_all(
        "rows => rows.map((row) => [row.cells[0].innerText, row.cells[1].className, row.cells[1].innerText])"
    )
    undecided = [name for name, css, text in pairs if "open" in css and "neither" not in text]
    assert len(undecided) == counts[2]
    assert all(name in why for name in undecided)


def test_a_phone_shows_the_ratios_beside_the_problems(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 375, "height": 700})
    ends = page.evaluate(
        """[...document.querySelectorAll("#table-verdicts-tuned tbody tr")].map((row) => {
            const range = document.createRange();
            range.selectNodeContents(row.cells[1]);
            return range.getBoundingClientRect().right;
        })"""
    )
    assert len(ends) == 3
    assert max(ends) <= 375


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_without_scrolling_sideways(visit: Callable[..., Any], scheme: str) -> None:
    page = visit(viewport={"width": 375, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    tone = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", tone)[:3]))
    assert brightness < 120 if scheme == "dark" else brightness > 600
    label = page.locator(f"{FIRST} text").first.evaluate("text => getComputedStyle(text).fill")
    assert (sum(map(int, re.findall(r"\d+", label)[:3])) > 380) == (scheme == "dark")


def test_without_scripts_everything_stands_and_nothing_is_offered_in_vain(
    visit: Callable[..., Any], file: Path
) -> None:
    page = visit(java_script_enabled=False, folded=True)
    assert page.locator("button:visible, select:visible, input:visible").count() == 0
    assert page.locator("figure.card svg:visible").count() > 5
    page.locator("summary", has_text="rows").first.click()
    assert page.locator("details[open] table tbody tr:visible").count() > 5


def test_hostile_names_are_shown_and_not_run(visit: Callable[..., Any], sweep: nagbench.Sweep, tmp_path: Path) -> None:
    plain = build_context(sweep)
    names = {"rosenbrock": HOSTILE, "nesterov": f"{HOSTILE}'\"", "tuned": HOSTILE}
    runs, plan = (table.replace(names) for table in (plain.runs, plain.plan))
    evil = ReportContext(runs.assign(error=HOSTILE), plain.timings, plain.curves, plain.manifests, plan=plan)
    target = tmp_path / "evil.html"
    target.write_text(render_page(evil), encoding="utf-8")
    page = visit(target)
    assert [text for text in page.locator("#table-summary tbody th").all_text_contents() if HOSTILE in text]
    open_switches(page)
    page.locator("fieldset[data-kind=m] input").first.uncheck()
    assert HOSTILE in saved(page, "Save as CSV: table-cells")


def outside(page: Any, inner: str, outer: str) -> list[Any]:
    """What of the drawings at ``inner`` lies outside their closest ``outer``, by more than two pixels."""
    return list(
        page.evaluate(
            """([inner, outer]) => [...document.querySelectorAll(inner)].flatMap((element) => {
                const a = element.getBoundingClientRect(), b = element.closest(outer).getBoundingClientRect();
                const off = Math.max(b.left - a.left, b.top - a.top, a.right - b.right, a.bottom - b.bottom);
                return a.width && off > 2 ? [[element.tagName, element.closest("[id]").id, Math.round(off)]] : [];
            })""",
            [inner, outer],
        )
    )


@pytest.mark.parametrize("width", [375, 1280])
def test_surfaces_stay_within_their_cards(visit: Callable[..., Any], width: int) -> None:
    page = visit(viewport={"width": width, "height": 900})
    drawn = "figure.card[id^=surfaces] svg :is(path, text, image)"
    assert page.locator(drawn).count() > 20
    assert outside(page, drawn, "figure.card") == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_print_has_all_and_nothing_stands_out(visit: Callable[..., Any], scheme: str) -> None:
    """An A4 sheet less its margins is 703 pixels wide, and 1,031 in landscape, in which wide tables stand."""
    page = visit(viewport={"width": 1031, "height": 700}, color_scheme=scheme)
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1031
    # No heading stands above nothing, and small letters are smaller than the others.
    folded = page.evaluate(
        """document.querySelectorAll("details").forEach((fold) => { fold.open = false; });
        [...document.querySelectorAll("main > section")].filter((part) => part.checkVisibility()
            && ![...part.children].slice(1).some((child) => child.checkVisibility())).map((part) => part.innerText)"""
    )
    assert folded == []
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    sizes = page.evaluate(
        """[...document.querySelectorAll("td small")].filter((small) => small.checkVisibility()).map((small) =>
            parseFloat(getComputedStyle(small).fontSize) / parseFloat(getComputedStyle(small.closest("td")).fontSize))"""
    )
    assert sizes
    assert max(sizes) < 1.0
    wide = page.evaluate(
        """[...document.querySelectorAll("figure.table")].filter((figure) => {
            const wide = getComputedStyle(figure.closest("section")).page === "wide";
            figure.hidden = wide;
            return wide;
        }).length"""
    )
    assert wide >= 3
    page.set_viewport_size({"width": 703, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    for absent in ("nav", ".switches", ".tools", ".skip", ".open-all", "#cells"):
        assert page.locator(f"{absent}:visible").count() == 0, absent
    assert page.locator("figure.card:visible").count() > 8
    assert outside(page, "figure.card .plot > svg", "figure.card") == []
    assert outside(page, "figure.card figcaption", "figure.card") == []
    assert outside(page, "table", "main") == []
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert sum(map(int, re.findall(r"\d+", ink)[:3])) < 200
    assert paper in {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}


def test_every_plot_has_ticks_and_a_line(visit: Callable[..., Any]) -> None:
    page = visit()
    counts = page.evaluate(
        """[...document.querySelectorAll(".picture:has(> script)")].map((picture) => [
            picture.id,
            picture.querySelectorAll("[id$=x-axis] text").length, picture.querySelectorAll("[id$=y-axis] text").length,
            picture.querySelectorAll("[id*=-series-] > path[d^=M], [id*=-series-] use").length])"""
    )
    assert len(counts) > 10
    assert [row for row in counts if min(row[1:]) < 2] == []


def test_a_saved_picture_stands_alone(visit: Callable[..., Any]) -> None:
    """What it refers to on the page, markers and the ground of paths, is in the file."""
    page = visit()
    for name in ("curves-tuned", "paths-bowl"):
        root = ET.fromstring(saved(page, f"Save as SVG: {name}"))
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        # Its title, those of its panels, and the legend.
        assert any("hyperparameters" in (text or "") for text in texts)
        assert {"nesterov"} <= set(texts)
        used = {element.get("href", "")[1:] for element in root.iter("{http://www.w3.org/2000/svg}use")}
        assert used
        assert used <= {element.get("id") for element in root.iter()}


def test_every_choice_stands_in_the_address_and_comes_back(visit: Callable[..., Any]) -> None:
    page = visit(folded=True)
    open_switches(page)
    page.get_by_role("checkbox", name="momentum").uncheck()
    page.locator("select[name=along]").select_option("1")
    page.locator("select[name=theme]").select_option("dark")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent").startswith("Choose")
    page.locator("#table-summary thead button").nth(2).click()
    page.locator("#table-verdicts-tuned").scroll_into_view_if_needed()
    page.locator("summary", has_text="Table of cells").click()
    page.locator("#table-cells input[type=search]").fill("rosenbrock")
    page.locator(CURVES).focus()
    page.keyboard.press("+")
    page.locator("#paths-bowl input[type=range]").fill("0")
    found = drawn(page)

    again = visit(page.url, folded=True)
    assert again.locator("g[data-m]:visible").count() == page.locator("g[data-m]:visible").count()
    assert drawn(again) == found
    assert again.evaluate("document.documentElement.dataset.theme") == "dark"
    assert again.locator("#table-summary thead th").nth(2).get_attribute("aria-sort") == "ascending"
    assert (
        again.locator("#table-cells tbody tr:visible").count()
        == page.locator("#table-cells tbody tr:visible").count()
        > 1
    )
    assert again.locator("#paths-bowl .stepper output").text_content() == "iteration 0"
    assert again.locator(FIRST).first.evaluate("picture => picture.classList.contains('zoomed')")
    again.locator(FIRST).first.locator(".plot").dblclick()
    assert not again.locator(FIRST).first.evaluate("picture => picture.classList.contains('zoomed')")
    open_switches(again)
    again.get_by_role("button", name="Reset everything").click()
    assert again.locator("g[data-m].off-m").count() == 0
    assert again.evaluate("document.documentElement.dataset.theme") is None


def test_a_legend_hides_and_isolates_and_the_axes_follow(visit: Callable[..., Any]) -> None:
    page = visit()
    key = page.locator(f"{CURVES} .key", has_text="nesterov")
    ticks = "#figure-ill-conditioned-1e2-tuned g[id$='x-axis'] text"
    before = page.locator(ticks).all_text_contents()
    key.click()
    assert key.get_attribute("aria-pressed") == "false"
    assert page.locator(f"{CURVES} g[data-m='2']:visible").count() == 0
    key.click()
    key.dblclick()
    assert [entry.get_attribute("aria-pressed") for entry in page.locator(f"{CURVES} .key").all()] == [
        "false",
        "false",
        "true",
    ]
    assert page.locator(ticks).all_text_contents() != before
    key.dblclick()
    assert page.locator(f"{CURVES} .key[aria-pressed=true]").count() == 3
    assert page.locator(ticks).all_text_contents() == before


def test_what_is_saved_follows_filters_and_switches(visit: Callable[..., Any]) -> None:
    page = visit()
    page.locator("#table-cells input[type=search]").fill("rosenbrock")
    open_switches(page)
    page.get_by_role("checkbox", name="momentum").uncheck()
    rows = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: table-cells"))))
    assert {row["task"] for row in rows} == {"rosenbrock"}
    assert {row["method"] for row in rows} == {"gradient-descent", "nesterov"}
    summary = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: table-summary"))))
    assert {row["method"] for row in summary} == {"gradient-descent", "nesterov"}
    curves = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: curves-tuned"))))
    assert {row["series"] for row in curves} == {"gradient-descent", "nesterov"}


def test_the_steps_of_paths_show_the_look_ahead(visit: Callable[..., Any]) -> None:
    page = visit()
    figure = page.locator("#paths-rosenbrock")
    figure.locator("input[type=range]").fill("5")
    assert figure.locator("output").text_content() == "iteration 5"
    # NAG takes its gradient at another point than its iterate, the heavy ball does not.
    assert figure.locator("[id$=nesterov] .step circle").count() == 2
    assert figure.locator("[id$=momentum] .step circle").count() == 1
    figure.locator("input[type=range]").fill(figure.locator("input[type=range]").get_attribute("max"))
    assert figure.locator(".step").count() == 0


def test_a_figure_is_one_stop_of_the_tab_key_and_enter_leads_inside(visit: Callable[..., Any]) -> None:
    page = visit()
    stops = page.evaluate(
        """[...document.querySelectorAll("figure")].map((figure) => [figure, ...figure.querySelectorAll("*")].filter(
            (element) => element.tabIndex >= 0 && element.checkVisibility()).length)"""
    )
    assert set(stops) == {1}
    page.locator(CURVES).focus()
    page.keyboard.press("Enter")
    assert "key" in page.evaluate("document.activeElement.className")
    page.keyboard.press("ArrowRight")
    assert "momentum" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == CURVES[1:]


@pytest.mark.parametrize(
    ("width", "theme"),
    [
        (375, "dark"),
        (1280, "light"),
        pytest.param(375, "light", marks=pytest.mark.slow),
        pytest.param(1280, "dark", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing_serious(visit: Callable[..., Any], width: int, theme: str) -> None:
    page = visit(viewport={"width": width, "height": 800}, color_scheme=theme)
    open_switches(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


def test_the_first_screen_answers_for_24_problems(
    visit: Callable[..., Any], sweep: nagbench.Sweep, tmp_path: Path
) -> None:
    plain = build_context(sweep)

    def times_eight(table: pd.DataFrame) -> pd.DataFrame:
        copies = [table.assign(problem=table["problem"] + f"-{i}", cell=table["cell"] + str(i)) for i in range(8)]
        return pd.concat(copies, ignore_index=True)

    many = ReportContext(times_eight(plain.runs), plain.timings.iloc[:0], plain.curves.iloc[:0], plain.manifests)
    target = tmp_path / "many.html"
    target.write_text(render_page(many), encoding="utf-8")
    page = visit(target, folded=True, viewport={"width": 1280, "height": 800})
    assert page.locator("h1").text_content() == "3 optimizers on 24 problems"
    assert page.locator("section > .answers h3").all_text_contents() == [
        "NAG (nesterov) against momentum tuned",
        "NAG (nesterov) against gradient descent tuned",
    ]
    rows = page.locator("#table-verdicts-tuned tbody tr")
    assert rows.count() == 24
    last = page.locator("#table-verdicts-tuned tfoot tr").bounding_box()
    assert last["y"] + last["height"] <= 800
    assert all("undecided" in text or "none solved it" in text for text in rows.all_text_contents())
    assert "budget" in page.locator("#table-verdicts-tuned tbody").text_content()
    assert "4 trials" in page.locator(".settings-line").text_content()

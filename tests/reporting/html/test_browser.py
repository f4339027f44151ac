"""The page in a real browser, with the network off: what it shows, switches, reads and saves."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tunings import ONE_TUNING

import nagbench
from nagbench.reporting.context import ReportContext, build_context
from nagbench.reporting.html.page import render_page

sync_api = pytest.importorskip("playwright.sync_api")

HOSTILE = "<script>alert(1)</script>"
FIRST = "figure.card[id^=figure-bowl] .picture"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> nagbench.Sweep:
    return nagbench.sweep(
        problems=["bowl", "rosenbrock", "ill-conditioned-1e2"], optimizers=["gradient-descent", "momentum", "nesterov"],
        trials=4, **ONE_TUNING, starts=3, budget=3000, repeats=2, out=tmp_path_factory.mktemp("browser") / "run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def file(sweep: nagbench.Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep.report(tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser(needs_chromium: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # Containers have little /dev/shm.
        settings = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=needs_chromium, args=settings)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page, offline; at the end nothing may have been requested, logged or raised."""
    contexts, faults = [], []

    def go(target: Path = file, **options: Any) -> Any:
        context = browser.new_context(offline=True, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else faults.append(request.url),
        )
        page.goto(target.as_uri())
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def saved(page: Any, button: str) -> str:
    with page.expect_download() as waiting:
        page.locator(f"button[aria-label='{button}']").click()
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def drawn(page: Any) -> str:
    """The line of the first series of the first figure."""
    return str(page.locator(f"{FIRST} g[id$='series-0'] > path").first.get_attribute("d"))


def held(page: Any) -> dict[str, Any]:
    """What the first figure holds."""
    return dict(json.loads(page.locator(f"{FIRST} > script").first.text_content()))


def open_switches(page: Any) -> None:
    page.locator(".switches summary").click()


def test_tables_sort_by_value_both_ways(visit: Callable[..., Any]) -> None:
    page = visit()
    table = page.locator("#table-cells")
    heads = table.locator("thead th").all_text_contents()
    place = heads.index("iterations")
    for direction in ("ascending", "descending"):
        table.locator("thead button").nth(place).click()
        values = table.locator(f"tbody tr > :nth-child({place + 1})").evaluate_all(
            "cells => cells.map(c => Number(c.dataset.v ?? c.textContent.replaceAll(',', '')))"
        )
        assert values == sorted(values, reverse=direction == "descending")
        assert len(set(values)) > 3
        assert table.locator("thead th").nth(place).get_attribute("aria-sort") == direction


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
    assert before > page.locator("figure.card .picture[id$='curves']").count()
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
    assert page.locator("figure.card:visible[id*=rosenbrock]").count() == 0
    assert page.locator("figure.card:visible[id*=bowl]").count() > 1
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
    plot.focus()
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
    name = page.locator("figure.card").first.get_attribute("id")
    series = held(page)["series"]
    rows = list(csv.DictReader(io.StringIO(saved(page, f"Save as CSV: {name}"))))
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
    ways = list(csv.DictReader(io.StringIO(saved(page, "Save as CSV: paths-bowl"))))
    assert {row["method"] for row in ways} == {"gradient-descent", "momentum", "nesterov"}
    assert {(row["x1"], row["x2"]) for row in ways if row["iteration"] == "0"} != set()


def test_entries_lead_to_their_cells_even_where_these_are_filtered_out(visit: Callable[..., Any]) -> None:
    page = visit()
    page.locator("#table-cells input[type=search]").fill("nothing has this name")
    assert page.locator("#table-cells tbody tr:visible").count() == 0
    page.locator("#table-summary tbody td a").first.click()
    target = page.locator(":target")
    assert target.evaluate("row => row.tagName") == "TR"
    sync_api.expect(target).to_be_in_viewport()
    figure = page.locator("figure.card .permalink").last
    figure.click()
    sync_api.expect(page.locator(":target")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_without_scrolling_sideways(visit: Callable[..., Any], scheme: str) -> None:
    page = visit(viewport={"width": 375, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    tone = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", tone)[:3]))
    assert brightness < 120 if scheme == "dark" else brightness > 600
    label = page.locator(f"{FIRST} text").first.evaluate("text => getComputedStyle(text).fill")
    assert (sum(map(int, re.findall(r"\d+", label)[:3])) > 380) == (scheme == "dark")


def test_without_scripts_everything_stands_and_nothing_is_offered_in_vain(visit: Callable[..., Any]) -> None:
    page = visit(java_script_enabled=False)
    assert (
        page.locator("button, select, input:visible").count()
        == page.locator(".switches button, .switches select").count()
    )
    assert not page.locator(".switches").is_visible()
    assert page.locator("figure.card svg:visible").count() > 5


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
    page.locator("fieldset[data-kind=m] input").last.uncheck()
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
    drawn = "figure.card[id^=surface] svg :is(path, text, image)"
    assert page.locator(drawn).count() > 20
    assert outside(page, drawn, "figure.card") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_print_has_all_and_nothing_stands_out(visit: Callable[..., Any], scheme: str) -> None:
    """An A4 sheet less its margins is 688 pixels wide."""
    page = visit(viewport={"width": 688, "height": 1000}, color_scheme=scheme)
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    for hidden in ("nav", ".switches", ".tools", ".skip", ".picture > button"):
        assert page.locator(f"{hidden}:visible").count() == 0, hidden
    assert page.locator("figure.card:visible").count() == page.locator("figure.card").count() > 8
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
    for name in (page.locator("figure.card").first.get_attribute("id"), "paths-bowl-nesterov"):
        root = ET.fromstring(saved(page, f"Save as SVG: {name}"))
        used = {element.get("href", "")[1:] for element in root.iter("{http://www.w3.org/2000/svg}use")}
        assert used
        assert used <= {element.get("id") for element in root.iter()}

"""Trials across parallel axes in a real browser: one is picked there, as a dot, or with keys, and lights up everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tunings import ONE_START

import nagbench

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

PARALLEL = ".picture[id^=parallel-bowl-adam]"
DOTS = ".picture[id^=tuning-steps-bowl]"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> nagbench.Sweep:
    return nagbench.sweep(
        problems=["bowl"], optimizers=["adam", "nesterov"], trials=16, **ONE_START, modes=["tuned"], budget=2000,
        timing=False, out=tmp_path_factory.mktemp("trials") / "run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def file(sweep: nagbench.Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sweep.report(tmp_path_factory.mktemp("page") / "report.html")


def adam(sweep: nagbench.Sweep) -> Any:
    """The trials of Adam at the tightest tolerance, from the table of runs."""
    runs = sweep.runs
    return runs[(runs["optimizer"] == "adam") & (runs["tolerance"] == runs["tolerance"].min())].set_index("trial")


def test_every_trial_is_a_line_and_says_its_numbers(visit: Callable[..., Any], sweep: nagbench.Sweep) -> None:
    page, trials = visit(), adam(sweep)
    held = json.loads(page.locator(f"{PARALLEL} > script").first.text_content())["trials"]
    assert sorted(row[0] for row in held["values"]) == sorted(trials.index)
    for row in held["values"]:
        told = dict(zip(held["names"], row, strict=True))
        run = trials.loc[told["trial"]]
        assert told["step_size"] == pytest.approx(run["step_size"], rel=1e-3)
        assert told["iterations"] == (run["iterations"] if run["status"] == "converged" else None)
    lines = page.locator(f"{PARALLEL} svg g[id*='-series-'] > path").evaluate_all(
        "all => all.map(p => p.getAttribute('d'))"
    )
    assert sum(line.count("M") for line in lines) == len(trials)
    # Further up on the last axis is worse, whichever group a trial is drawn in.
    ends = [float(re.findall(r" ([\d.]+)$", line)[0]) for group in lines for line in re.split("(?<=.)(?=M)", group)]
    counts = [row[-1] if row[-1] is not None else float("inf") for row in held["values"]]
    heights = [height for _, height in sorted(zip(counts, ends, strict=True))]
    assert heights == sorted(heights, reverse=True)


def test_the_selected_trial_lights_up_its_dot_its_curve_and_its_path(
    visit: Callable[..., Any], sweep: nagbench.Sweep
) -> None:
    page, trials = visit(), adam(sweep)
    figure = page.locator("figure[id^=parallel]")
    figure.focus()
    page.keyboard.press("Home")
    chosen = trials[trials["selected"]].iloc[0]
    tip = page.locator(f"{PARALLEL} .tip").text_content()
    assert f"trial {chosen.name}, selected" in tip
    assert f"{chosen['iterations']:,} iterations" in tip
    assert page.locator(f"{PARALLEL} path.picked").count() == 1
    assert page.locator(f"{DOTS} circle.picked").count() == 1
    curve = page.locator("#figure-bowl-tuned g.chosen title").all_text_contents()
    assert set(curve) == {"adam"}
    assert page.locator(".picture.chosen .title").all_text_contents()[0].startswith("adam")
    page.keyboard.press("Escape")
    assert page.locator(".picked, .chosen").count() == 0


def test_another_trial_has_a_dot_and_no_curve(visit: Callable[..., Any], sweep: nagbench.Sweep) -> None:
    page, trials = visit(), adam(sweep)
    page.locator("figure[id^=parallel]").focus()
    page.keyboard.press("End")
    number = int(re.search(r"trial (\d+)", page.locator(f"{PARALLEL} .tip").text_content())[1])
    assert not trials.loc[number, "selected"]
    assert page.locator(".chosen").count() == 0


def test_a_dot_marks_its_trial(visit: Callable[..., Any], sweep: nagbench.Sweep) -> None:
    page = visit()
    held = json.loads(page.locator(f"{DOTS} > script").first.text_content())
    place = next(i for i, series in enumerate(held["series"]) if series["name"] == "adam")
    dots = page.locator(f"{DOTS} g[id$='series-{place}'] use")
    assert dots.count() == len(held["series"][place]["x"])
    best = min(range(dots.count()), key=lambda i: held["series"][place]["y"][i] or float("inf"))
    dots.nth(best).hover(force=True)
    assert page.locator(f"{PARALLEL} path.picked").count() == 1
    assert set(page.locator("#figure-bowl-tuned g.chosen title").all_text_contents()) == {"adam"}


def test_the_lines_stand_without_scripts(visit: Callable[..., Any]) -> None:
    page = visit(java_script_enabled=False, folded=True)
    picture = page.locator(f"{PARALLEL} svg")
    assert "16 trials of adam on bowl over" in picture.get_attribute("aria-label")
    assert picture.locator("path").count() > 3

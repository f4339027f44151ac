"""The page of `sweep --watch` in a real browser: it fills while a sweep runs, without a fault and without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nagbench
from nagbench.experiments.stages import Progress
from nagbench.reporting.watch.server import watch_server
from nagbench.reporting.watch.state import Snapshots, Watched

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

AXE = Path(__file__).parent.parent / "html" / "vendor" / "axe.min.js"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fills_while_the_sweep_runs(needs_chromium: str, tmp_path: Path, theme: str) -> None:
    folder, progress = tmp_path / "<i>run<b>", Watched(Progress())
    asked: list[str] = []
    faults: list[str] = []
    with (
        watch_server(folder, Snapshots(folder, progress).state, 0) as url,
        sync_api.sync_playwright() as playwright,
    ):
        settings = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=needs_chromium, args=settings)
        page: Any = browser.new_page(color_scheme=theme, viewport={"width": 375, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        sync_api.expect(page.locator("#note")).to_have_text("no result yet")
        progress.stage("counting", 4)
        progress.advance(1, {"converged": 1})
        sync_api.expect(page.locator("#stage")).to_have_text("counting: 1 of 4 cells", timeout=15_000)
        nagbench.sweep(
            problems=["bowl"], optimizers=["nesterov", "momentum"], modes=["default"], budget=500, timing=False,
            tolerances=[1e-3], out=folder, progress=progress,
        )  # fmt: skip
        progress.end("finished")
        row = page.locator("#best tr")
        sync_api.expect(row).to_have_count(1, timeout=30_000)
        assert row.locator("td").first.text_content() == "bowl"
        assert page.locator("#curves > *").count() == 1
        assert page.locator("#report").is_visible()
        assert page.locator("h1").text_content() == "<i>run<b>"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        browser.close()
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert {address.split("?")[0] for address in asked} <= {url, f"{url}state.json", f"{url}favicon.ico"}
    assert [text for text in faults if "favicon" not in text] == []

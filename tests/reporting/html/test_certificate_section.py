"""The certificate on the page: read from the directory, beside what ran; damaged or hostile ones cost nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tunings import ONE_START

import nagbench
from nagbench.cli.main import cli
from nagbench.reporting.context import ReportContext, build_context
from nagbench.reporting.html.page import build_sections, render_page
from nagbench.reporting.html.parts import Figure, Section, Table

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("certified") / "run"
    nagbench.sweep(
        problems=["bowl"],
        optimizers=["nesterov", "torch/sgd-nesterov"],
        trials=2,
        **ONE_START,
        budget=50,
        timing=False,
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def text() -> str:
    return nagbench.verify("nesterov", "qhm", "torch/sgd-nesterov", steps=20).to_json()


@pytest.fixture
def certified(folder: Path, text: str) -> Any:
    (folder / "certificate.json").write_text(text, encoding="utf-8")
    yield folder
    (folder / "certificate.json").unlink()


def section_of(found: ReportContext, name: str) -> Section:
    return next(section for section in build_sections(found) if section.id == name)


def test_the_command_writes_what_the_report_reads(folder: Path) -> None:
    file = folder / "certificate.json"
    done = CliRunner().invoke(
        cli, ["verify", "nesterov", "qhm", "--scenario", "step-drop", "--steps", "12", "--out", str(file)]
    )
    assert done.exit_code == 0
    (found,) = build_context(nagbench.load(folder)).certificates
    file.unlink()
    assert not isinstance(found, str)
    assert (found.steps, [trial.scenario.name for trial in found.trials]) == (12, ["step-drop"])


def test_bundles_and_pictures_stand_on_the_page(certified: Path, text: str) -> None:
    found = build_context(nagbench.load(certified))
    parts = section_of(found, "certificate").parts
    table = next(part for part in parts if isinstance(part, Table))
    rows = {(row.entries[0].small, row.entries[1].text): row.entries for row in table.rows}
    together = next(entries for (scenario, _), entries in rows.items() if scenario == "constant")
    assert together[1].text == "nesterov* ≈ qhm ≈ torch/sgd-nesterov"
    parted = rows["step-drop", "B: qhm ≈ torch/sgd-nesterov"]
    assert parted[4].text == "step 11"
    assert "m·s_k/s_{k−1}" in parted[5].text
    figure = next(part for part in parts if isinstance(part, Figure))
    drawn = {picture.title: picture for picture in figure.panels}
    trials = {trial["scenario"]: trial for trial in json.loads(text)["trials"]}
    assert set(drawn) == set(trials)
    shown = {one["name"]: one["y"] for one in drawn["step-drop"].series}
    assert shown == {
        f"{line['a']} | {line['b']}": line["distances"] for line in trials["step-drop"]["picture"]["lines"]
    }
    page = render_page(found)
    assert '<a href="#certificate">' in page[page.index('id="libraries"') :]


def test_without_one_the_page_says_how_to_make_it(folder: Path) -> None:
    page = render_page(build_context(nagbench.load(folder)))
    assert "<code>nagbench verify nesterov torch/sgd-nesterov --out DIRECTORY/certificate.json</code>" in page


def test_without_libraries_nothing_is_said(folder: Path) -> None:
    found = build_context(nagbench.load(folder))
    ours = found.runs[found.runs["optimizer"] == "nesterov"]
    page = render_page(ReportContext(ours, found.timings, found.curves, found.manifests, plan=found.plan))
    assert "certificate" not in page


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-100], lambda text: "", lambda text: text.replace('"format": 2', '"format": 7'), None]
)
def test_a_damaged_one_is_a_line_and_the_rest_stands(folder: Path, text: str, damage: Any) -> None:
    file = folder / "certificate.json"
    file.write_bytes(b"\xff\xfe\x00" if damage is None else damage(text).encode())
    warned: list[str] = []
    page = render_page(build_context(nagbench.load(folder, warn=warned.append)))
    file.unlink()
    assert len(warned) == 1
    assert len(warned[0].splitlines()) == 1
    assert "certificate.json" in warned[0]
    assert re.search(r'<p class="notice">(?:[^<]|</?code>)*certificate.json(?:[^<]|</?code>)*</p>', page)
    assert 'id="figure-bowl-tuned"' in page


def test_hostile_names_are_text(folder: Path, text: str) -> None:
    data = json.loads(text.replace("torch/sgd-nesterov", HOSTILE))
    data["problem"] = data["versions"]["nagbench"] = HOSTILE
    for trial in data["trials"]:
        trial["group"], trial["title"] = HOSTILE, f"{HOSTILE}$\\frac"
        trial["refused"] = {HOSTILE: HOSTILE}
        for pair in trial["pairs"]:
            pair["explanation"] = HOSTILE
    file = folder / "certificate.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    page = render_page(build_context(nagbench.load(folder)))
    file.unlink()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 20

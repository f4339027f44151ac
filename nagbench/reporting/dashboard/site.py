"""asv's site, published from a folder of results, with every asset beside the page."""

from __future__ import annotations

import importlib.resources
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nagbench.core.errors import UsageError
from nagbench.reporting.dashboard import folders
from nagbench.reporting.dashboard.folders import AsvResults
from nagbench.reporting.dashboard.history import Checkout

Warn = Callable[[str], None]
VENDOR = "vendor"
# Steps that count as regressions, where the checkout's asv.conf.json says nothing: any iteration more, a fifth of time.
_THRESHOLDS = {r"study\..*\.(iterations|unsolved)": 0.0, r"study\..*\.wall_time": 0.2}
# The names under which content networks serve what npm packages call otherwise.
_RENAMED = {
    "jquery-3.3.1.min.js": "jquery.min.js", "jquery.flot.min.js": "jquery.flot.js",
    "jquery.flot.time.min.js": "jquery.flot.time.js", "jquery.flot.selection.min.js": "jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "jquery.flot.categories.js",
}  # fmt: skip
_REMOTE = re.compile(r"""(<(?:script|link)\b[^>]*?\b(?:src|href)=")(https?:)?//([^"]+)"([^>]*)>""")
_GUARDS = re.compile(r'\s+(?:integrity|crossorigin|referrerpolicy)="[^"]*"')


@dataclass(frozen=True)
class Published:
    """What a site shows: its page, how many benchmarks and commits, and the regressions that asv found."""

    page: Path
    benchmarks: int
    commits: int
    regressions: int


def publish_site(history: Checkout, folder: AsvResults, out: Path, warn: Warn) -> Published:
    """Writes the site of these results to a folder of its own. Raises UsageError where that cannot be done.

    Results of commits that HEAD does not build on have no place on its axis: they are named to ``warn`` and left out.
    """
    _check_place(out)
    shown = _on_axis(folders.drop_empty_parameters(folder), history, warn)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folders.write_results(shown, place / "results")
        (place / "asv.conf.json").write_text(json.dumps(_settings(history, place)), encoding="utf-8")
        _run_asv(place, warn)
        bundle_assets(place / "html")
        _fill(place / "html" / "graphs", shown.benchmarks)
        try:
            if out.exists():
                shutil.rmtree(out)
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(place / "html", out)
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    found = json.loads((out / "regressions.json").read_text(encoding="utf-8"))["regressions"]
    commits = {result.commit for result in shown.results}
    return Published(out / "index.html", len(shown.benchmarks), len(commits), len(found))


def _check_place(out: Path) -> None:
    """Another dashboard is replaced; what somebody else put somewhere is not."""
    if out.exists() and not (out.is_dir() and ((out / "regressions.json").exists() or not any(out.iterdir()))):
        raise UsageError(f"{out} holds other things and is no dashboard; choose an empty folder")


def _on_axis(folder: AsvResults, history: Checkout, warn: Warn) -> AsvResults:
    commits = history.commits()
    lost = sorted({result.commit[:8] for result in folder.results if result.commit not in commits})
    if lost:
        warn(f"left out are results of commits that HEAD of {history.root} does not build on: {', '.join(lost)}")
    results = [result for result in folder.results if result.commit in commits]
    if not results:
        raise UsageError("no results to show: `asv run` in a checkout makes some, and --add RUN takes those of a sweep")
    held = {result.machine for result in results}
    # The page asks for a graph of every benchmark that it is told of, also of one that never ran.
    ran = {name for result in results for name in result.content["results"]}
    benchmarks = {name: benchmark for name, benchmark in folder.benchmarks.items() if name in ran}
    return AsvResults(benchmarks, {name: folder.machines[name] for name in held}, results)


def asv_settings(history: Checkout) -> dict[str, Any]:
    """What the checkout's asv.conf.json says of project and thresholds; our own words where there is none."""
    file = history.root / "asv.conf.json"
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        given = {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    kept = {key: given[key] for key in ("project", "project_url", "show_commit_url") if key in given}
    thresholds = {**_THRESHOLDS, **given.get("regressions_thresholds", {})}
    return {"project": history.root.name, **kept, "regressions_thresholds": thresholds}


def _settings(history: Checkout, place: Path) -> dict[str, Any]:
    return {
        "version": 1, "repo": str(history.root), "branches": ["HEAD"], **asv_settings(history),
        "results_dir": str(place / "results"), "html_dir": str(place / "html"), "env_dir": str(place / "env"),
    }  # fmt: skip


def _run_asv(place: Path, warn: Warn) -> None:
    """asv's own command in a process of its own: it changes folders, logs to stdout and starts processes."""
    done = subprocess.run(
        [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", str(place / "asv.conf.json")],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not (place / "html" / "index.json").exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(f"asv publish failed: {said[-1] if said else f'exit code {done.returncode}'}")
    for line in done.stdout.splitlines():
        if "WARNING" in line or "Couldn't" in line:
            warn(line.strip("· "))


def _fill(graphs: Path, benchmarks: Iterable[str]) -> None:
    """Empty graphs of what ran on other machines alone: the page asks every machine for every benchmark."""
    for folder in {file.parent for file in graphs.rglob("*.json")} - {graphs / "summary"}:
        for name in benchmarks:
            if not (folder / f"{name}.json").exists():
                (folder / f"{name}.json").write_text("[]", encoding="utf-8")


def bundle_assets(site: Path) -> None:
    """Puts the assets beside the page and points the page at them. Raises UsageError for one that is not kept here."""
    source = importlib.resources.files(__package__) / VENDOR
    kept = {item.name for item in source.iterdir()}

    def local(match: re.Match[str]) -> str:
        asset = match[3].rpartition("/")[2]
        name = _RENAMED.get(asset, asset)
        if name not in kept:
            raise UsageError(f"asv's page asks for {match[3]}, which nagbench has no copy of; asv 0.6 is what it knows")
        return f'{match[1]}{VENDOR}/{name}"{_GUARDS.sub("", match[4])}>'

    page = site / "index.html"
    page.write_text(_REMOTE.sub(local, page.read_text(encoding="utf-8")), encoding="utf-8")
    with importlib.resources.as_file(source) as folder:
        shutil.copytree(folder, site / VENDOR)

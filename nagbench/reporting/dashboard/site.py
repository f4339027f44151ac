"""The site of asv, published from results, with every asset next to the page."""

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
from nagbench.reporting.dashboard.asv_results import AsvResults, drop_empty_parameters, write_results
from nagbench.reporting.dashboard.checkout import Checkout, commits_of
from nagbench.reporting.dashboard.front import ASV_PAGE, front_page

Warn = Callable[[str], None]
VENDOR = "vendor"
# Changes that count as regressions unless the checkout's asv.conf.json says otherwise: one more iteration, a fifth more time.
_THRESHOLDS = {r"study\..*\.(iterations|unsolved)": 0.0, r"study\..*\.wall_time": 0.2}
# Our copies have the names of npm packages, which differ from those of content delivery networks.
_NPM_NAMES = {
    "jquery-3.3.1.min.js": "jquery.min.js",
    "jquery.flot.min.js": "jquery.flot.js",
    "jquery.flot.time.min.js": "jquery.flot.time.js",
    "jquery.flot.selection.min.js": "jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "jquery.flot.categories.js",
}
_REMOTE = re.compile(r"""(<(?:script|link)\b[^>]*?\b(?:src|href)=")(https?:)?//([^"]+)"([^>]*)>""")
_REMOTE_ONLY = re.compile(r'\s+(?:integrity|crossorigin|referrerpolicy)="[^"]*"')


@dataclass(frozen=True)
class PublishedSite:
    """A published site.

    Parameters
    ----------
    page : Path
    benchmarks, commits : int
        How many it shows.
    regressions : int
        How many asv found.
    changes : int
        How many changes beyond noise the first page lists.
    """

    page: Path
    benchmarks: int
    commits: int
    regressions: int
    changes: int


def publish_site(checkout: Checkout, results: AsvResults, out: Path, warn: Warn) -> PublishedSite:
    """Publish the site of these results in a directory of its own.

    Parameters
    ----------
    checkout : Checkout
        Its commits are the horizontal axis.
    results : AsvResults
        Results of commits that are not ancestors of HEAD are left out.
    out : Path
        A directory that does not exist, is empty or holds a dashboard, which is replaced.
    warn : callable
        Called with a line for results that are left out, and for warnings of asv.

    Raises
    ------
    UsageError
        If there is nothing to show, the directory holds something else or cannot be written, or asv fails.
    """
    _check_replaceable(out)
    shown = _results_of_ancestors(drop_empty_parameters(results), checkout, warn)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        write_results(shown, scratch / "results")
        config = _asv_config(checkout, scratch)
        (scratch / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
        _run_asv(scratch, warn)
        bundle_assets(scratch / "html")
        _add_empty_graphs(scratch / "html" / "graphs", shown.benchmarks)
        # asv's own page stays beside the one that tells what changed.
        (scratch / "html" / "index.html").rename(scratch / "html" / ASV_PAGE)
        page, changes = front_page(shown, commits_of(checkout), config["regressions_thresholds"], config["project"])
        (scratch / "html" / "index.html").write_text(page, encoding="utf-8")
        try:
            if out.exists():
                shutil.rmtree(out)
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(scratch / "html", out)
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    regressions = json.loads((out / "regressions.json").read_text(encoding="utf-8"))["regressions"]
    commits = {result.commit for result in shown.results}
    return PublishedSite(out / "index.html", len(shown.benchmarks), len(commits), len(regressions), changes)


def _check_replaceable(out: Path) -> None:
    """Raise UsageError unless the directory is missing, empty or a dashboard."""
    if out.exists() and not (out.is_dir() and ((out / "regressions.json").exists() or not any(out.iterdir()))):
        raise UsageError(f"{out} contains other files and is not a dashboard; choose an empty folder")


def _results_of_ancestors(results: AsvResults, checkout: Checkout, warn: Warn) -> AsvResults:
    commits = checkout.ancestors()
    others = sorted({result.commit[:8] for result in results.results if result.commit not in commits})
    if others:
        warn(f"left out results of commits that are not ancestors of HEAD of {checkout.root}: {', '.join(others)}")
    kept = [result for result in results.results if result.commit in commits]
    if not kept:
        raise UsageError("no results to show: run `asv run` in a checkout, or add those of a sweep with --add RESULTS")
    # The page requests a graph of every benchmark that is listed, even of one that never ran.
    ran = {name for result in kept for name in result.content["results"]}
    benchmarks = {name: benchmark for name, benchmark in results.benchmarks.items() if name in ran}
    machines = {result.machine: results.machines[result.machine] for result in kept}
    return AsvResults(benchmarks, machines, kept)


def _asv_config(checkout: Checkout, scratch: Path) -> dict[str, Any]:
    """Return asv's configuration, with project and thresholds of the checkout's asv.conf.json, or defaults without one."""
    file = checkout.root / "asv.conf.json"
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        given = {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    return {
        "version": 1,
        "repo": str(checkout.root),
        "branches": ["HEAD"],
        "project": checkout.root.name,
        **{key: given[key] for key in ("project", "project_url", "show_commit_url") if key in given},
        "regressions_thresholds": {**_THRESHOLDS, **given.get("regressions_thresholds", {})},
        "results_dir": str(scratch / "results"),
        "html_dir": str(scratch / "html"),
        "env_dir": str(scratch / "env"),
    }


def _run_asv(scratch: Path, warn: Warn) -> None:
    """Run ``asv publish`` in a subprocess, since it changes directories, logs to stdout and starts processes."""
    done = subprocess.run(
        [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", str(scratch / "asv.conf.json")],
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not (scratch / "html" / "index.json").exists():
        output = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(f"asv publish failed: {output[-1] if output else f'exit code {done.returncode}'}")
    for line in done.stdout.splitlines():
        if "WARNING" in line or "Couldn't" in line:
            warn(line.strip("· "))


def _add_empty_graphs(graphs: Path, benchmarks: Iterable[str]) -> None:
    """Add empty graphs of benchmarks that ran on other machines only: the page requests every one for every machine."""
    for directory in {file.parent for file in graphs.rglob("*.json")} - {graphs / "summary"}:
        for graph in (directory / f"{name}.json" for name in benchmarks):
            if not graph.exists():
                graph.write_text("[]", encoding="utf-8")


def bundle_assets(site: Path) -> None:
    """Copy the assets next to the page and make the page load them; raise UsageError if nagbench has no copy of one."""
    source = importlib.resources.files(__package__) / VENDOR
    copies = {item.name for item in source.iterdir()}

    def local_tag(match: re.Match[str]) -> str:
        asset = match[3].rpartition("/")[2]
        name = _NPM_NAMES.get(asset, asset)
        if name not in copies:
            raise UsageError(f"the page of asv needs {match[3]}, which nagbench has no copy of; it supports asv 0.6")
        return f'{match[1]}{VENDOR}/{name}"{_REMOTE_ONLY.sub("", match[4])}>'

    page = site / "index.html"
    page.write_text(_REMOTE.sub(local_tag, page.read_text(encoding="utf-8")), encoding="utf-8")
    with importlib.resources.as_file(source) as directory:
        shutil.copytree(directory, site / VENDOR)

"""The verb ``dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.analysis.formatting import counted
from nagbench.cli.console import echo, print_message
from nagbench.cli.options import PATH, Verb, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.api.sweep_tables import Sweep
    from nagbench.reporting.dashboard.asv_results import AsvResults
    from nagbench.reporting.dashboard.checkout import Checkout


class Sources(NamedTuple):
    """The sources of the site."""

    runs: tuple[Path, ...]
    imports: tuple[Path, ...]
    commit: str | None
    repo: Path
    results: Path
    kept: Path


@click.command("dashboard", cls=Verb)
@record_options(
    "sources",
    Sources,
    click.option(
        "--add",
        "runs",
        multiple=True,
        type=PATH,
        metavar="RESULTS",
        help="Add a results directory to the history of the sweeps of that name. Repeatable.",
    ),
    click.option(
        "--import",
        "imports",
        multiple=True,
        type=PATH,
        metavar="FOLDER",
        help="Add the asv results of another machine. Repeatable.",
    ),
    click.option("--commit", help="Commit that the added results belong to.  [default: the one they were made at]"),
    click.option("--repo", type=PATH, default=Path("."), help="The git checkout.  [default: current folder]"),
    click.option(
        "--results", type=PATH, default=Path("results/asv"), show_default=True, help="Folder that `asv run` writes."
    ),
    click.option(
        "--kept",
        type=PATH,
        default=Path("results/dashboard"),
        show_default=True,
        help="Folder for added and imported results.",
    ),
)
@click.option("--out", type=PATH, default=Path("results/html"), show_default=True, help="Folder of the site.")
@click.option("--serve", is_flag=True, help="Serve the site to browsers on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the server.  [default: a free one]")
def command(sources: Sources, out: Path, serve: bool, port: int) -> None:
    """Build an asv site that works offline: speed, iteration counts and added sweeps, commit by commit."""
    from nagbench.reporting.dashboard import asv_results
    from nagbench.reporting.dashboard.checkout import find_checkout
    from nagbench.reporting.dashboard.site import publish_site

    checkout = find_checkout(sources.repo)
    _keep_new_results(sources, checkout)
    data = asv_results.merge_results(
        [asv_results.read_results(sources.results), asv_results.read_results(sources.kept)]
    )
    site = publish_site(checkout, data, out, print_message)
    echo(site.page)
    print_message(
        f"{counted(site.benchmarks, 'benchmark')}, {counted(site.commits, 'commit')}, "
        f"{counted(site.changes, 'change')} beyond noise, {counted(site.regressions, 'regression')} listed"
    )
    if serve:
        _serve(out, port)
    else:
        print_message(
            f"browsers need a server to show it: nagbench dashboard --serve, or python -m http.server -d {out}"
        )


def _keep_new_results(sources: Sources, checkout: Checkout) -> None:
    """Store what is added or imported for this and all later sites."""
    from nagbench.api.sweeps import load
    from nagbench.reporting.dashboard import asv_results

    added = [_export_sweep(load(run, warn=print_message), checkout, sources.commit) for run in sources.runs]
    imported = [_read_asv_results(folder) for folder in sources.imports]
    if added or imported:
        # The first description of a sweep wins, so new ones come first.
        asv_results.write_results(
            asv_results.merge_results([*added, *imported, asv_results.read_results(sources.kept)]), sources.kept
        )


def _export_sweep(sweep: Sweep, checkout: Checkout, commit: str | None) -> AsvResults:
    from nagbench.reporting.dashboard.sweep_export import export_sweep

    name = commit or sweep.manifest.get("git")
    if name is None:
        raise UsageError(
            f"{sweep.store.folder} was not created in a git checkout; give the commit of its results with --commit"
        )
    if commit is None and name.endswith("+"):
        print_message(f"{sweep.store.folder} was created with uncommitted changes; it is shown at {name[:-1]}")
    return export_sweep(sweep, *checkout.find_commit(name.removesuffix("+")))


def _read_asv_results(folder: Path) -> AsvResults:
    from nagbench.reporting.dashboard import asv_results

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of asv results")
    return asv_results.read_results(folder)


def _serve(folder: Path, port: int) -> None:
    from nagbench.reporting.dashboard.server import create_server, server_url

    with create_server(folder, port) as running:
        print_message(f"serving {server_url(running)} until Ctrl-C")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print_message("server stopped")

"""The verb ``dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.cli.console import print_message
from nagbench.cli.options import PATH, Verb, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.api.sweeps import Sweep
    from nagbench.reporting.dashboard.folders import Folder
    from nagbench.reporting.dashboard.history import History


class Sources(NamedTuple):
    """What the site is made from."""

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
    click.option("--add", "runs", multiple=True, type=PATH, metavar="RUN",
                 help="Add a results directory to the history of the sweep with its name. Repeatable."),
    click.option("--import", "imports", multiple=True, type=PATH, metavar="FOLDER",
                 help="Add the asv results of another machine. Repeatable."),
    click.option("--commit", help="Commit that the added results belong to.  [default: the one they were made at]"),
    click.option("--repo", type=PATH, default=Path("."), help="The git checkout.  [default: current folder]"),
    click.option("--results", type=PATH, default=Path("results/asv"), show_default=True,
                 help="Folder that `asv run` writes."),
    click.option("--kept", type=PATH, default=Path("results/dashboard"), show_default=True,
                 help="Folder that keeps what was added and imported."),
)  # fmt: skip
@click.option("--out", type=PATH, default=Path("results/html"), show_default=True, help="Folder of the site.")
@click.option("--serve", is_flag=True, help="Serve the site to browsers on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the server.  [default: a free one]")
def command(sources: Sources, out: Path, serve: bool, port: int) -> None:
    """Publish a site by asv that works offline: speed, iteration counts and added sweeps over the commits of a checkout."""
    from nagbench.analysis.formatting import counted
    from nagbench.reporting.dashboard import folders
    from nagbench.reporting.dashboard.history import history_of
    from nagbench.reporting.dashboard.site import publish

    history = history_of(sources.repo)
    _keep_new_results(sources, history)
    data = folders.merged([folders.read(sources.results), folders.read(sources.kept)])
    site = publish(history, data, out, print_message)
    click.echo(site.page)
    print_message(
        f"{counted(site.benchmarks, 'benchmark')}, {counted(site.commits, 'commit')}, "
        f"{counted(site.regressions, 'regression')} listed"
    )
    if serve:
        _serve(out, port)
    else:
        print_message(
            f"browsers need a server to show it: nagbench dashboard --serve, or python -m http.server -d {out}"
        )


def _keep_new_results(sources: Sources, history: History) -> None:
    """Store what is added or imported for this and all later sites."""
    from nagbench.api.sweeps import load
    from nagbench.reporting.dashboard import folders

    added = [_export_sweep(load(run, warn=print_message), history, sources.commit) for run in sources.runs]
    imported = [_read_asv_results(folder) for folder in sources.imports]
    if added or imported:
        # The first description of a sweep wins, so new ones come first.
        folders.write(folders.merged([*added, *imported, folders.read(sources.kept)]), sources.kept)


def _export_sweep(sweep: Sweep, history: History, commit: str | None) -> Folder:
    from nagbench.reporting.dashboard.studies import exported

    name = commit or sweep.manifest.get("git")
    if name is None:
        raise UsageError(
            f"{sweep.store.folder} was not run in a git checkout; name the commit of its results with --commit"
        )
    if commit is None and name.endswith("+"):
        print_message(f"{sweep.store.folder} was run with uncommitted changes; it is shown at {name[:-1]}")
    return exported(sweep, *history.commit(name.removesuffix("+")))


def _read_asv_results(folder: Path) -> Folder:
    from nagbench.reporting.dashboard import folders

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of asv results")
    return folders.read(folder)


def _serve(folder: Path, port: int) -> None:
    from nagbench.reporting.dashboard.server import address, server

    with server(folder, port) as running:
        print_message(f"serving {address(running)} until Ctrl-C")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print_message("server stopped")

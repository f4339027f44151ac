"""The verb dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from nagbench.analysis.formatting import counted
from nagbench.api.sweeps import Sweep, load
from nagbench.cli.console import ERR
from nagbench.core.errors import UsageError
from nagbench.reporting.dashboard import folders
from nagbench.reporting.dashboard.history import History, history_of
from nagbench.reporting.dashboard.server import address, server
from nagbench.reporting.dashboard.site import publish
from nagbench.reporting.dashboard.studies import exported


def show_dashboard(
    runs: Sequence[Path],
    others: Sequence[Path],
    commit: str | None,
    repo: Path,
    results: Path,
    kept: Path,
    out: Path,
    serve: bool,
    port: int,
) -> None:
    """Adds what is to be added, publishes, and serves if asked to, until interrupted."""
    history = history_of(repo)
    added = [_study(load(run, warn=_say), history, commit) for run in runs]
    imported = [_present(other) for other in others]
    if added or imported:
        # The newest description of a study counts, so what is new comes first.
        folders.write(folders.merged([*added, *imported, folders.read(kept)]), kept)
    done = publish(history, folders.merged([folders.read(results), folders.read(kept)]), out, _say)
    click.echo(done.page)
    _say(
        f"{counted(done.benchmarks, 'benchmark')}, {counted(done.commits, 'commit')}, "
        f"{counted(done.regressions, 'regression')} listed"
    )
    if not serve:
        _say(f"a browser takes it from a server alone: nagbench dashboard --serve, or python -m http.server -d {out}")
        return
    with server(out, port) as running:
        _say(f"serving {address(running)} until Ctrl-C")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            _say("no longer serving")


def _study(sweep: Sweep, history: History, commit: str | None) -> folders.Folder:
    name = commit or sweep.manifest.get("git")
    if name is None:
        raise UsageError(
            f"{sweep.store.folder} was not run from a git checkout; --commit says which commit its results belong to"
        )
    if commit is None and name.endswith("+"):
        _say(f"{sweep.store.folder} was run with changes that are not committed; it is shown at {name[:-1]}")
    return exported(sweep, *history.commit(name.removesuffix("+")))


def _present(place: Path) -> folders.Folder:
    if not place.is_dir():
        raise UsageError(f"{place} is no folder of results of asv")
    return folders.read(place)


def _say(message: str) -> None:
    ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False)

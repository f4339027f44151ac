"""The page that follows a sweep: ``nagbench sweep --watch``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nagbench.cli.console import print_message

if TYPE_CHECKING:
    from nagbench.cli.progress import ProgressBar
    from nagbench.experiments.specification import Spec
    from nagbench.reporting.watch.state import Watched


@dataclass(frozen=True)
class WatchPage:
    """The page of a running sweep.

    Parameters
    ----------
    url
        Its address.
    progress
        The listener that fills it.
    """

    url: str
    progress: Watched

    def serve(self, how: str) -> None:
        """Continue serving after the sweep, until Ctrl-C."""
        self.progress.end(how)
        print_message(f"still serving {self.url} until Ctrl-C; the same command serves it again")
        try:
            while True:
                time.sleep(3600.0)
        except KeyboardInterrupt:
            print_message("server stopped")


@contextmanager
def watched(spec: Spec, out: Path | None, bar: ProgressBar, port: int) -> Iterator[WatchPage]:
    """Serve the page of a sweep within a ``with`` block; see `nagbench.reporting.watch`."""
    from nagbench.experiments.sweep import results_folder
    from nagbench.reporting.watch.server import watch_server
    from nagbench.reporting.watch.state import Snapshots, Watched

    progress, folder = Watched(bar), results_folder(spec, out)
    with watch_server(folder, Snapshots(folder, progress).state, port) as url:
        print_message(f"watch it at {url} (only in browsers on this machine)")
        yield WatchPage(url, progress)

"""The progress bar of a sweep in a notebook."""

from __future__ import annotations

import html
import importlib
import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from nagbench.analysis.formatting import counted, seconds
from nagbench.experiments.stages import Progress, Tally

_EVERY = 0.25


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NotebookBar(Progress):
    """One bar, which every stage fills from the beginning and which vanishes at the end; warnings remain."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._tally, self._shown = Tally(), 0.0

    def stage(self, name: str, total: int) -> None:
        """Begin a stage; a stage without work is not shown, and one with the same name continues."""
        if self._tally.begin(name, total):
            self._tally.statuses.clear()
            if total:
                self._show(at_once=True)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Fill the bar a little more."""
        self._tally.add(count, statuses)
        self._show(at_once=self._tally.done >= self._tally.total)

    def warn(self, message: str) -> None:
        """Print a warning below the cell."""
        print(f"nagbench: {message}", file=sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        if self._handle is not None:
            self._handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def _show(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if not at_once and now - self._shown < _EVERY:
            return
        self._shown = now
        text = self.text()
        bar = f'<progress value="{self._tally.done}" max="{max(1, self._tally.total)}"></progress>'
        content = {"text/html": f"<div>{bar} {html.escape(text)}</div>", "text/plain": text}
        if self._handle is None:
            display: Any = importlib.import_module("IPython.display").display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def text(self) -> str:
        """Return the words beside the bar: the stage, how far it is, the time left, and how cells ended."""
        tally, left = self._tally, self._tally.seconds_left
        parts = [f"{tally.stage}: {tally.done:,} of {counted(tally.total, 'cell')}"]
        parts += [] if math.isnan(left) else [f"about {seconds(left)} left"]
        parts += [f"{count:,} {status}" for status, count in sorted(tally.statuses.items())]
        return ", ".join(parts)

"""The progress bar of a sweep."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from nagbench.core.visible import visible
from nagbench.experiments.stages import Progress, Tally

# Terminals of fewer columns get the number of failures instead of a list of statuses.
_WIDE = 110
# Without a terminal, the progress is logged this often.
_LOG_SECONDS = 60.0


def statuses_text(statuses: Mapping[str, int], width: int) -> str:
    """Return how many cells ended with which status; on a narrow terminal, only how many converged and how many did not.

    Examples
    --------
    >>> statuses_text({"converged": 1200, "diverged": 30, "budget": 4}, 80)
    '1.2k ok, 34 not'
    >>> statuses_text({"converged": 1200, "diverged": 30}, 120)
    '1200 converged, 30 diverged'
    """
    if width >= _WIDE:
        return ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
    met = statuses.get("converged", 0)
    others, errors = sum(statuses.values()) - met - statuses.get("error", 0), statuses.get("error", 0)
    parts = [
        f"{_short(met)} ok",
        f"{_short(others)} not" if others else "",
        f"{_short(errors)} failed" if errors else "",
    ]
    return ", ".join(filter(None, parts)) if statuses else ""


def _short(count: int) -> str:
    return str(count) if count < 1000 else f"{count / 1000:.3g}k"


class ProgressBar(Progress):
    """A bar per stage, with the time left and the statuses of the cells; without a terminal, one line per minute.

    Parameters
    ----------
    quiet
        Whether to print only warnings, even on a terminal.
    """

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        # In 80 columns the words, the numbers and the time left fit; the bar is what gives way.
        columns = (
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[statuses]}", table_column=Column(no_wrap=True)),
        )
        disabled = quiet or not self._console.is_terminal
        self._bar = Bar(*columns, console=self._console, transient=True, disable=disabled, expand=True)
        # In a log, as on a CI service, silence looks like a process that hangs.
        self._logs = disabled and not quiet
        self._tally, self._logged = Tally(), time.monotonic()
        self._task: Any = None

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Before version 14.3, rich ends even a disabled bar with an empty line.
        if not self._bar.disable:
            self._bar.stop()

    def stage(self, name: str, total: int) -> None:
        """Add the bar of a new stage; the passes of a tuning, which are stages of one name, share a bar that grows."""
        if self._tally.begin(name, total):
            self._tally.statuses.clear()
            self._task = self._bar.add_task(name, total=total, statuses="", visible=total > 0)
        else:
            self._bar.update(self._task, total=self._tally.total)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Advance the bar of this stage."""
        tally = self._tally
        tally.add(count, statuses)
        if self._logs and time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            self._console.print(
                f"nagbench: {tally.stage}: {tally.done:,} of {tally.total:,}", soft_wrap=True, markup=False
            )
        self._bar.update(self._task, advance=count, statuses=statuses_text(tally.statuses, self._console.width))

    def warn(self, message: str) -> None:
        """Print a warning above the bar, even if quiet: something was lost and is being repaired."""
        self._console.print(f"nagbench: {visible(message)}", soft_wrap=True, markup=False)

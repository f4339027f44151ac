"""The progress bar of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from nagbench.core.visible import visible
from nagbench.experiments.stages import Progress


class ProgressBar(Progress):
    """A bar per stage, with the time left and the statuses of the cells; without a terminal, only warnings.

    Parameters
    ----------
    quiet
        Whether to print only warnings on a terminal, too.
    """

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        columns = (
            TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[statuses]}"),
        )  # fmt: skip
        disabled = quiet or not self._console.is_terminal
        self._bar = Bar(*columns, console=self._console, transient=True, disable=disabled)
        self._task: Any = None
        self._stage, self._total = "", 0
        self._statuses: Counter[str] = Counter()

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Before version 14.3, rich ends even a disabled bar with an empty line.
        if not self._bar.disable:
            self._bar.stop()

    def stage(self, name: str, total: int) -> None:
        """Add the bar of a new stage; the passes of a tuning, which are stages of one name, share a bar that grows."""
        if name == self._stage and self._total:
            self._total += total
            self._bar.update(self._task, total=self._total)
            return
        self._statuses.clear()
        self._stage, self._total = name, total
        self._task = self._bar.add_task(name, total=total, statuses="", visible=total > 0)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Advance the bar of this stage."""
        self._statuses.update(statuses)
        text = ", ".join(f"{number} {status}" for status, number in sorted(self._statuses.items()))
        self._bar.update(self._task, advance=count, statuses=text)

    def warn(self, message: str) -> None:
        """Print a warning above the bar, even if quiet: something was lost and is being repaired."""
        self._console.print(f"nagbench: {visible(message)}", soft_wrap=True, markup=False)

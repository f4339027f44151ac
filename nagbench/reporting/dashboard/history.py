"""The commits that results belong to: the git history of a checkout."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from nagbench.core.errors import UsageError


@dataclass(frozen=True)
class Checkout:
    """A checkout, by its top folder."""

    root: Path

    def commit(self, name: str) -> tuple[str, int]:
        """The whole hash of a commit and its date in milliseconds. Raises UsageError for one that is not there."""
        found = _git(self.root, "log", "-1", "--format=%H %ct", name, "--")
        if not found:
            raise UsageError(f"commit {name!r} is not in the history of {self.root}")
        whole, seconds = found.split()
        return whole, 1000 * int(seconds)

    def commits(self) -> set[str]:
        """All that HEAD builds on."""
        return set((_git(self.root, "rev-list", "HEAD") or "").split())


def find_checkout(place: Path) -> Checkout:
    """The checkout that a folder lies in. Raises UsageError where there is none, or no git."""
    top = _git(place, "rev-parse", "--show-toplevel")
    if not top:
        raise UsageError(f"{place} is not in a git checkout; --repo names one, whose commits are the dashboard's axis")
    return Checkout(Path(top))


def _git(place: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(place), *words], capture_output=True, text=True, check=False, encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}") from None
    return done.stdout.strip() if done.returncode == 0 else None

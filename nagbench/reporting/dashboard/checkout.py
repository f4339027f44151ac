"""The git checkout whose commits are the dashboard's axis."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from nagbench.core.errors import UsageError


@dataclass(frozen=True)
class Checkout:
    """A git checkout, by its top directory."""

    root: Path

    def find_commit(self, name: str) -> tuple[str, int]:
        """Return the full hash of a commit and its date in milliseconds; raise UsageError if it does not exist."""
        # A name of somebody's results that begins like an option would be one.
        found = None if name.startswith("-") else _git(self.root, "log", "-1", "--format=%H %ct", name, "--")
        if not found:
            raise UsageError(f"commit {name!r} is not in the history of {self.root}")
        commit, seconds = found.split()
        return commit, 1000 * int(seconds)

    def ancestors(self) -> set[str]:
        """Return HEAD and all its ancestors."""
        return set((_git(self.root, "rev-list", "HEAD") or "").split())


@dataclass(frozen=True)
class Commit:
    """A commit: its full hash, the day it was made, and the first line of its message."""

    name: str
    day: str
    subject: str


def commits_of(checkout: Checkout) -> list[Commit]:
    """Return HEAD and all its ancestors, oldest first."""
    lines = (
        _git(checkout.root, "log", "--reverse", "--topo-order", "--format=%H%x09%cs%x09%s", "HEAD") or ""
    ).splitlines()
    return [Commit(*line.split("\t", 2)) for line in lines if line.count("\t") >= 2]


def find_checkout(directory: Path) -> Checkout:
    """Return the checkout that a directory lies in; raise UsageError if there is none, or no git."""
    root = _git(directory, "rev-parse", "--show-toplevel")
    if not root:
        raise UsageError(
            f"{directory} is not in a git checkout; name one with --repo: its commits are the dashboard's axis"
        )
    return Checkout(Path(root))


def _git(directory: Path, *arguments: str) -> str | None:
    """Return the output of a git command, None if it failed."""
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}") from None
    return done.stdout.strip() if done.returncode == 0 else None

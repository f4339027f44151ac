"""Unique ids for the parts of a page."""

from __future__ import annotations

import re


def slug(*names: str) -> str:
    """Return the names as one id: lower-case letters, digits and hyphens only."""
    return "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names))) or "x"


class Ids:
    """A maker of ids that returns none twice."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __call__(self, *names: str) -> str:
        """Return an id made of these names, with a number if it was returned before."""
        name = slug(*names)
        self._counts[name] = self._counts.get(name, 0) + 1
        return name if self._counts[name] == 1 else self(name, str(self._counts[name]))

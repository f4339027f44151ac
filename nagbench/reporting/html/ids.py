"""Ids for the parts of a page, of which none is given out twice."""

from __future__ import annotations

import re


def slug(*names: str) -> str:
    """A part of an id or a link: lower-case letters, digits and hyphens alone."""
    return "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names))) or "x"


class Ids:
    """Gives out ids; one that was given out before gets a number."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def __call__(self, *names: str) -> str:
        """An id made of these names."""
        name = slug(*names)
        self._given[name] = self._given.get(name, 0) + 1
        return name if self._given[name] == 1 else self(name, str(self._given[name]))

"""Check a built site: ``python docs/links.py docs/_build``.

Every link within the site leads to a page and to an element of it, every picture is there, and no page loads anything from
elsewhere.
The exit code is 1 otherwise.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "link": "href",
}
ELSEWHERE = re.compile(r"url\(['\"]?((?:https?:)?//[^)'\"]+)")
# A link element that loads nothing.
RELATIONS = {"index", "search", "next", "prev", "canonical", "author"}


class Page(HTMLParser):
    """What a page links to, what it loads, and the elements that others can link to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        loaded = values.get(LOADED.get(tag, ""))
        if loaded and not (tag == "link" and values.get("rel") in RELATIONS):
            self.loads.append(loaded)


def faults(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere and for each resource that is missing or from elsewhere."""
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    pages = {file.resolve(): Page(file.read_text(encoding="utf-8")) for file in files}
    found = [
        f"{file.relative_to(site)}: loads {target}"
        for file in site.rglob("*.css")
        for target in ELSEWHERE.findall(file.read_text(encoding="utf-8"))
    ]
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        for target in page.loads:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            if parts.netloc or not (file.parent / unquote(parts.path)).is_file():
                found.append(f"{name}: loads {target}")
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            goal = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not goal.is_file() or (
                parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].ids
            ):
                found.append(f"{name}: links to {target}")
    return found


def main() -> int:
    """Print the faults and return the exit code."""
    site = Path(sys.argv[1])
    found = faults(site)
    print("\n".join([*found, f"{len(list(site.rglob('*.html')))} pages, {len(found)} faults"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

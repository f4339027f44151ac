"""Pages made from the registry are not stale."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_problems_page_is_what_the_registry_says():
    spec = importlib.util.spec_from_file_location("make", DOCS / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert (DOCS / "reference" / "problems.md").read_text(encoding="utf-8") == make.page()

"""Pages made from the registry and from stored results are not stale."""

import importlib.util
import re
from pathlib import Path

from nagbench.experiments.specification import Spec

DOCS = Path(__file__).parents[2] / "docs"


def program(name):
    """A program of the folder docs, as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_problems_page_is_what_the_registry_says():
    assert (DOCS / "reference" / "problems.md").read_text(encoding="utf-8") == program("make").page()


def test_the_gallery_is_what_the_stored_results_say():
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == program("gallery").page()


def test_every_key_of_a_specification_is_explained():
    page = (DOCS / "reference" / "file-format.md").read_text(encoding="utf-8")
    table = page.partition("## The specification")[2].partition("## The directory itself")[0]
    named = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == set(Spec.model_fields)

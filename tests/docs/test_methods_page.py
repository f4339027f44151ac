"""The page on methods: the reference is that of the registry, and every method that the prose names exists."""

import importlib.util
import re
from pathlib import Path

import pytest

from nagbench.optimizers.registry import algorithms

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "methods.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("docs_make", DOCS / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_not_stale(make):
    assert make.methods_page(PAGE) == PAGE


def test_every_method_has_its_section():
    assert set(re.findall(r"^### (.+)$", PAGE, flags=re.M)) == set(algorithms())


def test_the_prose_names_methods_that_exist():
    """In the tables of relations the first cell begins with a method's name."""
    prose = PAGE.partition("## Reference")[0]
    named = re.findall(r"^\| `([a-z0-9-]+)`", prose, flags=re.M)
    assert len(named) > 15
    assert set(named) <= set(algorithms())


@pytest.mark.parametrize("name", list(algorithms()))
def test_documentation_states_the_update_its_source_and_its_theory(name):
    method = algorithms()[name]
    text = method.update.__doc__
    assert {"←", "="} & set(text)
    assert method.source
    assert ("Theory:" in text) == (method.theory is not None)
    if any(hyper.unit == "1/L" for hyper in method.hyperparameters.values()):
        assert "uadratics" in text

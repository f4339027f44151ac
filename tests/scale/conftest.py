"""Fixtures of the tests of large sweeps."""

import sys

import pytest
from harsh import HOSTILE, NTH, SPEC, methods

import nagbench


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The sweep that nothing happened to."""
    return nagbench.sweep(**SPEC, out=tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Modules `hostile`, `nth` and `methods` to import, here and in processes that are started from here."""
    for name, text in (("hostile", HOSTILE), ("nth", NTH)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    methods(tmp_path)
    monkeypatch.delitem(sys.modules, "methods", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path

"""Fixtures of the tests of large sweeps."""

import sys

import pytest
from harsh import HOSTILE, SPEC

import nagbench


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The sweep that nothing happened to."""
    return nagbench.sweep(**SPEC, out=tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A module `hostile` to import, here and in processes that are started from here."""
    (tmp_path / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "hostile", raising=False)
    return tmp_path

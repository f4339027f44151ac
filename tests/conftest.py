"""What the tests share."""

import sys

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The sweep that nothing happened to."""
    import nagbench
    from benchmarks.hostile import SPEC

    return nagbench.sweep(**SPEC, out=tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Modules `hostile`, `nth` and `methods` to import, here and in processes that are started from here."""
    from benchmarks.hostile import HOSTILE, NTH, methods

    for name, text in (("hostile", HOSTILE), ("nth", NTH)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    methods(tmp_path)
    monkeypatch.delitem(sys.modules, "methods", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path

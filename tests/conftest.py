"""What the tests share: the compiled code goes to a cache of its own unless one is named."""

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path

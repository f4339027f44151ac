"""Where compiled code is kept."""

import os
import sys
from pathlib import Path

import pytest

from nagbench.core.compilation import _cache_root


def test_the_cache_folder_that_is_named_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(tmp_path / "named"))
    assert _cache_root() == tmp_path / "named"
    assert (tmp_path / "named").is_dir()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other folders")
def test_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NAGBENCH_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _cache_root() == tmp_path / ".cache" / "nagbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert _cache_root() == tmp_path / "user" / "nagbench"


def test_where_the_folder_cannot_be_written_code_is_kept_in_a_temporary_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("nagbench.core.compilation.tempfile.gettempdir", lambda: str(tmp_path))
    assert _cache_root().parent == Path(tmp_path)
    assert not os.path.exists(tmp_path / "file" / "below")

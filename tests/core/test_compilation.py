"""Where compiled code is kept."""

import os
import sys
from pathlib import Path

import pytest
from numba import float64

from nagbench.core.compilation import _cache_root, compile_cached


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


def test_the_same_source_in_two_places_is_compiled_once(tmp_path, monkeypatch):
    """As in two checkouts of one commit, or in a checkout and a wheel of it."""
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    found = []
    for place in (tmp_path / "here", tmp_path / "there"):
        place.mkdir()
        file = place / "halves.py"
        file.write_text("def half(x):\n    return 0.5 * x\n", encoding="utf-8")
        scope = {"__name__": "halves"}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), scope)
        found.append(compile_cached(scope["half"], float64(float64), "folder"))
    assert [half(3.0) for half in found] == [1.5, 1.5]
    assert sum(found[0].stats.cache_misses.values()) == 1
    assert (sum(found[1].stats.cache_hits.values()), sum(found[1].stats.cache_misses.values())) == (1, 0)

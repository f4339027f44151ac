"""Where compiled code is kept."""

import errno
import os
import stat
import sys

import pytest
from numba import float64

from nagbench.core import compiled_cache
from nagbench.core.compilation import compile_cached
from nagbench.core.compiled_cache import cache_root
from nagbench.core.errors import CacheWarning


def test_the_cache_folder_that_is_named_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(tmp_path / "named"))
    assert cache_root() == tmp_path / "named"
    assert (tmp_path / "named").is_dir()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other folders")
def test_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NAGBENCH_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "nagbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_root() == tmp_path / "user" / "nagbench"


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A temporary folder of this test's own, and nothing that was decided before."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    for function in (compiled_cache._temporary_root, compiled_cache._warn_once):
        function.cache_clear()
    yield tmp_path
    for function in (compiled_cache._temporary_root, compiled_cache._warn_once):
        function.cache_clear()


def test_where_the_folder_cannot_be_made_code_is_kept_in_a_private_one(apart, monkeypatch):
    (apart / "file").write_text("")
    monkeypatch.setenv("NAGBENCH_CACHE_DIR", str(apart / "file" / "below"))
    made = cache_root()
    assert made.parent == apart
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert cache_root() == made


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="other systems have other permissions")
@pytest.mark.parametrize("fault", ["others", "group", "owner"])
def test_a_folder_in_which_others_may_write_is_not_used(apart, monkeypatch, fault):
    root = apart / "cache"
    root.mkdir()
    root.chmod({"others": 0o757, "group": 0o775, "owner": 0o755}[fault])
    if fault == "owner":
        monkeypatch.setattr(os, "getuid", lambda: root.stat().st_uid + 1)
    elif fault == "group":
        try:
            os.chown(root, -1, next(group for group in (*os.getgroups(), 4242) if group != os.getuid()))
        except PermissionError:
            pytest.skip("this user has one group")
    with pytest.warns(CacheWarning, match="others may write"):
        assert cache_root() not in (root, None)


def test_a_new_folder_is_private(apart):
    assert stat.S_IMODE(cache_root().stat().st_mode) == 0o700


def doubled(x):
    return x + x


def run():
    """Compile or load the function, and call it."""
    return compile_cached(doubled, float64(float64), "doubled")(21.0)


def files_in(root):
    return sorted(file for file in root.rglob("*.nb?"))


@pytest.mark.parametrize("damage", [b"", b"cbuiltins\nprint\n(S'loaded'\ntR.", None])
def test_a_damaged_file_is_compiled_again(apart, capfd, damage):
    """Empty, a pickle that would run something, or one bit of the machine code."""
    assert run() == 42.0
    files = files_in(apart / "cache")
    assert len(files) == 2
    for file in files:
        content = file.read_bytes()
        half = len(content) // 2
        flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
        file.write_bytes(flipped if damage is None else damage)
    assert run() == 42.0
    assert capfd.readouterr() == ("", "")
    assert all(file.stat().st_size > 100 for file in files)


def test_a_file_that_is_whole_is_loaded(apart):
    run()
    before = {file: file.stat().st_mtime_ns for file in files_in(apart / "cache")}
    run()
    assert {file: file.stat().st_mtime_ns for file in files_in(apart / "cache")} == before


def test_without_its_digest_a_damaged_file_is_compiled_again(apart):
    """As of a nagbench that wrote none, or where the process was killed between the two."""
    run()
    for file in files_in(apart / "cache"):
        file.with_name(f"{file.name}.blake2b").unlink()
        file.write_bytes(b"\x80garbage")
    assert run() == 42.0


def test_a_cache_that_cannot_be_written_costs_one_line(apart):
    """Where a folder should be is a file: for everybody, as a full or read-only disk is for who is not root."""
    (apart / "cache").mkdir(mode=0o700)
    (apart / "cache" / "doubled").write_text("")
    with pytest.warns(CacheWarning, match="nothing is kept") as told:
        assert run() == 42.0
    assert len(told) == 1


def test_a_disk_that_fills_up_costs_one_line(apart, monkeypatch):
    """The system takes no byte of what is cached."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    with pytest.warns(CacheWarning, match="No space left"):
        assert run() == 42.0


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


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_bytes_that_are_damaged_are_made_again(apart, damage):
    """Empty, shorter than a digest, or one byte changed."""
    made = []

    def make():
        made.append(len(made))
        return b"machine code"

    assert compiled_cache.cached_bytes(make, "objects", "a.o") == b"machine code"
    assert compiled_cache.cached_bytes(make, "objects", "a.o") == b"machine code"
    assert made == [0]
    file = apart / "cache" / "objects" / "a.o"
    file.write_bytes(file.read_bytes()[:-1] + b"X" if damage is None else damage)
    assert compiled_cache.cached_bytes(make, "objects", "a.o") == b"machine code"
    assert made == [0, 1]

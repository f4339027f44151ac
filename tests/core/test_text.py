"""Texts that cannot be written, and files that cannot be read to their end."""

import os
from pathlib import Path

import numpy as np
import pytest

from nagbench import UsageError
from nagbench.core.errors import one_line, truncate
from nagbench.core.text_form import parse_text
from nagbench.core.validation import read_toml
from nagbench.execution import worker
from nagbench.execution.counting import _texts
from nagbench.validation.atlas.atlas import read_expectations


class MuteError(Exception):
    """An error whose text is an error."""

    def __str__(self):
        raise RuntimeError("no text")


def test_the_text_of_an_error_can_always_be_written():
    assert one_line(ValueError("\udcff bad")) == r"ValueError: \udcff bad"
    assert truncate("\udcff") == r"\udcff"
    assert one_line(MuteError()) == "MuteError: (its text raises RuntimeError)"
    assert _texts(["", "\udcff", "ü"]).to_pylist() == ["", r"\udcff", "ü"]


@pytest.mark.parametrize(
    "content",
    ["a = " + "[" * 5000 + "]" * 5000, "a = " + "1" * 5000, 'a = "', "\x00"],
    ids=["deep", "digits", "open", "nul"],
)
def test_toml_that_cannot_be_parsed_is_one_line(tmp_path, content):
    file = tmp_path / "spec.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"^specification .*spec.toml cannot be read: [^\n]+$"):
        read_toml("specification", file)


def test_a_name_with_nul_is_no_file():
    with pytest.raises(UsageError, match=r"suite a.b cannot be read: embedded null byte"):
        read_toml("suite", Path("a\0b"))


def test_lists_in_lists_in_lists_are_refused():
    assert parse_text("quadratic:eigenvalues=[[1,2],[3]]")[1] == {"eigenvalues": [[1, 2], [3]]}
    with pytest.raises(UsageError, match="eigenvalues has more than 100 brackets"):
        parse_text(f"quadratic:eigenvalues={'[' * 3000}{']' * 3000}")


def test_what_is_no_file_is_not_read(tmp_path):
    fifo = tmp_path / "spec.toml"
    os.mkfifo(fifo)
    with pytest.raises(UsageError, match="it is not a file"):
        read_toml("specification", fifo)
    with pytest.raises(UsageError, match="it is not a file"):
        read_toml("specification", Path("/dev/zero"))
    with pytest.raises(UsageError, match="it is not a file"):
        read_expectations(Path("/dev/zero"))
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(2**27)
    with pytest.raises(UsageError, match="it is larger than 64 MiB"):
        read_expectations(large)


def test_a_stream_of_the_shell_is_read():
    ours, theirs = os.pipe()
    os.write(theirs, b"trials = 4\n")
    os.close(theirs)
    try:
        assert read_toml("specification", Path(f"/dev/fd/{ours}")) == {"trials": 4}
    finally:
        os.close(ours)


def test_imports_are_signs_of_life_once_and_for_some_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    heartbeat = worker.Heartbeat(np.zeros(1, worker.HEARTBEAT), os.getppid())
    finder = worker._ImportBeats(heartbeat)
    for _ in range(3):
        finder.find_spec("no_such_module")
    assert heartbeat.record["beats"] == 1
    finder.find_spec("another")
    assert heartbeat.record["beats"] == 2
    now[0] = worker.COMPILING + 1.0
    finder.find_spec("a_third")
    assert heartbeat.record["beats"] == 2
    heartbeat()
    finder.find_spec("a_third")
    assert heartbeat.record["beats"] == 4

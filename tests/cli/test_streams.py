"""Streams that are full, closed, read by nobody, or of an encoding that lacks letters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nagbench.cli.main import _deliver, _Stream
from nagbench.core.visible import ENCODING_ERRORS, not_a_formula, visible


def stream(descriptor, encoding="utf-8"):
    return _Stream(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=True), 16), encoding, ENCODING_ERRORS)


def test_a_pipe_that_nobody_reads_ends_nothing(monkeypatch):
    """As `| head -1` does: whoever closes it has read enough, and the exit code stays."""
    there, here = os.pipe()
    os.close(there)
    made = stream(here)
    monkeypatch.setattr(sys, "stdout", made)
    for _ in range(3):
        print("a line that is longer than the buffer", flush=True)
    assert isinstance(made.failure, BrokenPipeError)
    assert (_deliver(0), _deliver(1)) == (0, 1)
    made.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_exit_code_2(monkeypatch, capsys):
    made = stream(os.open("/dev/full", os.O_WRONLY))
    err = sys.stderr
    monkeypatch.setattr(sys, "stdout", made)
    print("a table that is longer than the buffer", flush=True)
    assert (_deliver(0), _deliver(1)) == (2, 1)
    assert err.getvalue() == 2 * "nagbench: stdout cannot be written: No space left on device\n"
    made.close()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "<= 1e-06, * 72, x-, mu, kappa, \\u4e2d"), ("cp1252", "<= 1e-06, * 72, ×—, mu, kappa, \\u4e2d")],
)
def test_letters_that_an_encoding_lacks(encoding, shown):
    text = "≤ 1e-06, ★ 72, ×—, μ, κ, 中".replace("μ", "\N{GREEK SMALL LETTER MU}")
    assert text.encode(encoding, ENCODING_ERRORS).decode(encoding) == shown


def test_a_sweep_whose_reader_leaves_completes_with_its_report(tmp_path):
    words = [sys.executable, "-m", "nagbench", "sweep", "-p", "bowl", "-o", "nesterov", "--mode", "default", "--no-timing",
             "--format", "json", "--out", "o"]  # fmt: skip
    there, here = os.pipe()
    process = subprocess.Popen(words, stdout=here, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    os.close(here)
    os.close(there)
    told = process.communicate(timeout=600)[1]
    assert process.returncode == 0
    assert (tmp_path / "o" / "report.html").stat().st_size > 10_000
    assert [line for line in told.splitlines() if not line.startswith(("results:", "report:"))] == []


def test_a_terminal_gets_no_control_characters():
    assert visible("\x1b[2Jbowl\x07\x9b\u202e\r") == "�[2Jbowl����"
    assert visible("≤ 1e-06\tκ\n") == "≤ 1e-06\tκ\n"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_gets_no_formula(text):
    assert not_a_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1.5", "+3e-7", "-inf", "bowl", "a=1", ""])
def test_numbers_and_names_stay_as_they_are(text):
    assert not_a_formula(text) == text

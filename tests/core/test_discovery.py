"""Objects by "package.module:attribute": where their modules are searched."""

import subprocess
import sys

import pytest

CODE = "from nagbench.core.discovery import import_object; print(import_object('optimizer', {path!r}))"


def found(folder, path):
    """Import an object in a process whose current folder is this one; -P starts Python as an installed command does."""
    command = [sys.executable, "-P", "-c", CODE.format(path=path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    """A folder with a module of the user, and one that has the name of an installed package."""
    (tmp_path / "pluggy.py").write_text("print('the file of the current folder'); mine = 1", encoding="utf-8")
    (tmp_path / "own.py").write_text("import pluggy\nwhere = pluggy.__file__\n", encoding="utf-8")
    return tmp_path


def test_a_file_does_not_take_the_place_of_a_library(folder):
    done = found(folder, "own:where")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("__init__.py")
    assert str(folder) not in done.stdout


def test_the_message_says_which_file_has_the_name_of_a_library(folder):
    done = found(folder, "pluggy:mine")
    assert "pluggy has no 'mine'; " in done.stderr
    assert done.stderr.strip().endswith("has this name; rename pluggy.py in the current folder")

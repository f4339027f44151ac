"""A user's modules, in the current folder."""

import importlib
import itertools
from textwrap import dedent

import pytest

_NUMBERS = itertools.count()


@pytest.fixture
def module(folder):
    """Writes a module of a user's to the current folder, under a name that no other test uses; returns the name."""

    def write(text, name=None):
        name = name or f"user_{next(_NUMBERS)}"
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
        importlib.invalidate_caches()
        return name

    return write

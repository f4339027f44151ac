"""The examples in the docstrings of the public API print what they say."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["certificates", "comparisons", "runs", "sweeps"])
def test_examples(module, folder):
    result = doctest.testmod(importlib.import_module(f"nagbench.api.{module}"))
    assert result.attempted > 0
    assert result.failed == 0

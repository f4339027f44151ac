"""The examples in docstrings, run as they stand."""

import doctest
import importlib
import pkgutil

import pandas as pd
import pytest

import nagbench


def modules():
    """The modules of nagbench but the programs, whose import runs them."""
    names = [found.name for found in pkgutil.walk_packages(nagbench.__path__, "nagbench.")]
    return [name for name in names if not name.endswith("__main__")]


def examples():
    """The docstrings that hold examples, by the name of what they document."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in modules() for test in finder.find(importlib.import_module(name)) if test.examples]
    return {test.name: test for test in found}


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.usefixtures("folder")
def test_an_example(name):
    """In an empty folder, and with tables as wide as they are, whatever the terminal."""
    output = []
    with pd.option_context("display.width", 200, "display.max_columns", 50):
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(EXAMPLES[name], out=output.append, clear_globs=False)
    assert not output, "".join(output)


def test_every_algorithm_and_every_public_function_has_an_example():
    named = {name.rpartition(".")[2] for name in EXAMPLES}
    wanted = [algorithm.update.__name__ for algorithm in nagbench.optimizers.registry.algorithms().values()]
    assert set(wanted) <= named
    assert {"problem", "problems", "family", "optimizer", "optimizers", "method", "Problem", "Hyperparameter"} <= named

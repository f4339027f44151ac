"""Optimizers of other libraries, each run the way its own users run it.

A module here holds ``METHODS``, algorithms by name, and imports its library only when a run begins. Every algorithm
takes nagbench's gradient without a copy and moves nagbench's iterate, so that implementations differ in their update
alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A library that may be installed.

    Parameters
    ----------
    name
        The name of the library.
    modules
        The modules that must be installed.
    extra
        The extra of nagbench that installs them.
    alternatives
        Modules of which one must be installed, if any are given.
    """

    name: str
    modules: Sequence[str]
    extra: str
    alternatives: Sequence[str] = ()

    @property
    def missing(self) -> str:
        """How to install the library; empty if it is installed."""
        present = all(map(_is_installed, self.modules))
        complete = present and (not self.alternatives or any(map(_is_installed, self.alternatives)))
        return "" if complete else f"not installed: pip install 'nagbench[{self.extra}]'"


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


LIBRARIES = {
    library.name: library
    for library in (
        Library("torch", ("torch",), "torch"),
        Library("keras", ("keras",), "keras", alternatives=("jax", "torch")),
        Library("optax", ("optax", "jax"), "jax"),
    )
}


def explain_missing_library(library: str) -> str:
    """Return how to install a library; empty if it is installed, and for nagbench's own algorithms."""
    return LIBRARIES[library].missing if library in LIBRARIES else ""

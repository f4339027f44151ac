"""Optimizers of other libraries, each run the way its own users run it.

A module here holds ``METHODS``, by name, and imports its library only when a run begins. Every method takes our
gradient without a copy and moves our iterate, so that implementations differ in their update alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A library that may be installed: the modules that it takes, and the extra of nagbench that brings them.

    ``alternatives`` are modules of which one is needed.
    """

    name: str
    modules: Sequence[str]
    extra: str
    alternatives: Sequence[str] = ()

    @property
    def missing(self) -> str:
        """How to get it, where it is not installed; empty where it is."""
        here = all(map(_installed, self.modules)) and (not self.alternatives or any(map(_installed, self.alternatives)))
        return "" if here else f"not installed: pip install 'nagbench[{self.extra}]'"


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


_ALL = (
    Library("torch", ("torch",), "torch"),
    Library("keras", ("keras",), "keras", alternatives=("jax", "torch")),
    Library("optax", ("optax", "jax"), "jax"),
)
LIBRARIES = {library.name: library for library in _ALL}


def explain_missing_library(library: str) -> str:
    """How to get a library that is not installed; empty for one that is, and for our own methods."""
    return LIBRARIES[library].missing if library in LIBRARIES else ""

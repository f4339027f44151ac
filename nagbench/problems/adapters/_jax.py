"""JAX on the CPU in double precision."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any


def load_jax() -> Any:
    """Import JAX for the CPU, whatever else the machine has."""
    if "jax" not in sys.modules:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    return importlib.import_module("jax")


def double_precision() -> Any:
    """Return a context in which JAX computes in double precision, without a change of its configuration."""
    jax = load_jax()
    # Before JAX 0.8 the switch was in jax.experimental.
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64
    return switch(True)

"""The names that the benchmarks run over: what this checkout registers, whatever commit is under test.

asv finds a benchmark's parameters by their place in a list, and asks every commit for it: so the lists must not depend on
the commit. They are the registry's of the checkout that these files lie in, asked in a process of its own where the
package at hand is another one.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from .internals import internal

_CHECKOUT = Path(__file__).resolve().parents[2]


@functools.cache
def names() -> dict[str, list[str]]:
    """By kind: our ``methods``, those of ``libraries``, one of the ``problems`` of every family."""
    at = importlib.util.find_spec("nagbench")
    if at is not None and at.origin is not None and Path(at.origin).resolve().is_relative_to(_CHECKOUT / "nagbench"):
        return registered()
    code = "import json; from benchmarks.suite.names import registered; print(json.dumps(registered()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_CHECKOUT, env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def registered() -> dict[str, list[str]]:
    """Return what the package of this process registers; of a family, the problem that its suites name first."""
    import nagbench

    first: dict[str, str] = {}
    for name, entry in internal("suites")().items():
        first.setdefault(entry.family, name)
    optimizers = nagbench.optimizers()
    return {
        "methods": [name for name in optimizers if "/" not in name],
        "libraries": [name for name in optimizers if "/" in name],
        "problems": list(first.values()),
    }

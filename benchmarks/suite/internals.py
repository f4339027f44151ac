"""Internal functions of nagbench, found in whatever version is under test.

asv and the gate run these benchmarks on commits from before a function was renamed or moved. Each name here lists the places
where a version may have it, the newest first.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

_PLACES: Mapping[str, tuple[str, ...]] = {
    "make_cell": ("engine.single_run:make_cell", "single:cell_of", "runner:cell_of"),
    "BatchRun": ("engine.batch_run:BatchRun", "engine.runner:BatchRun", "runner:Job"),
    "LoadedBatch": ("engine.batch_run:LoadedBatch", "engine.runner:LoadedBatch", "runner:Batch"),
    "run_batch": ("engine.runner:run_batch", "runner:run_job"),
    "count": ("engine.runner:count", "runner:count"),
    "replay": ("engine.runner:replay", "runner:replay"),
    "evaluator": ("problems.evaluation:evaluator",),
    "problem_data": ("problems.evaluation:problem_data",),
    "Spec": ("experiments.specification:Spec", "specification:Spec", "plan:Spec"),
    "Store": ("experiments.storage.store:Store", "store:Store"),
    "suites": ("problems.suites:suites", "suite:suites"),
    "find_algorithm": ("optimizers.registry:find_algorithm", "registry:find_method"),
    "kernels": ("core.kernels", "kernels"),
    "provenance": ("core.provenance", "sources"),
    "loop": ("engine.loop", "loop"),
    "backends": ("engine.backends", "engine"),
    "batch_run": ("engine.batch_run", "engine.runner", "runner"),
    "runner": ("engine.runner", "runner"),
}


def internal(name: str) -> Any:
    """Return a function, class or module of the version under test.

    Parameters
    ----------
    name
        The name that the newest version gives it.

    Raises
    ------
    ImportError
        If the version has it nowhere.
    """
    for place in _PLACES[name]:
        module, _, attribute = place.partition(":")
        try:
            found: Any = importlib.import_module(f"nagbench.{module}")
            return getattr(found, attribute) if attribute else found
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"this version has no {name}")

"""Which sources decide the result of a cell, and a hash of them."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json

import numba
import numpy as np

from nagbench.core import asking as core_asking
from nagbench.core import compilation, entries, kernels, local_code, provenance
from nagbench.core.remote import REMOTE_LOADER, RemoteLoader, UserCode, remote_call
from nagbench.engine import asking, backends, batch_run, fused, loaded_batch, loop, oracles, runner, self_driven
from nagbench.engine.lookup import code_of, forget_problems, problem_of, user_code_of
from nagbench.optimizers import algorithm, schedules
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Problem

# These decide the results of all cells. They are imported here, not named in a text: only loaded modules are hashed, and every
# process has to hash the same ones.
_SHARED = (
    algorithm,
    backends,
    batch_run,
    compilation,
    entries,
    fused,
    kernels,
    loaded_batch,
    loop,
    oracles,
    runner,
    schedules,
)


def fingerprint_of(problem: str, optimizer: str) -> str:
    """Return a hash of what decides the results of a problem and an algorithm.

    Parameters
    ----------
    problem
        Canonical JSON of the problem.
    optimizer
        Name of the algorithm.

    Returns
    -------
    str
        Sixteen hexadecimal digits. They cover the syntax trees of the sources without docstrings and comments, and the
        versions of the libraries that compile, sum and update.
    """
    return _fingerprint_of(problem, optimizer, REMOTE_LOADER.get())


@functools.lru_cache(maxsize=4096)
def _fingerprint_of(problem: str, optimizer: str, _loader: RemoteLoader | None) -> str:
    return compute_fingerprint(problem, optimizer)


def _sources_of(problem: str, optimizer: str) -> UserCode | None:
    """Return user code that is not abandoned by a call: no function of the user's is called to read its sources."""
    if not user_code_of(problem, optimizer):
        return None
    return UserCode(f"the sources of {json.loads(problem)['family']} and {optimizer}")


@remote_call(_sources_of)
def compute_fingerprint(problem: str, optimizer: str) -> str:
    """Return what `fingerprint_of` returns, computed anew."""
    method = find_algorithm(optimizer)
    modules = [*_modules(problem_of(problem), method), *(module.__name__ for module in _SHARED)]
    if method.driver is not None:
        modules.append(self_driven.__name__)
    if method.asks or problem_of(problem).composite:
        modules += [asking.__name__, core_asking.__name__]
    versions = [f"numba {numba.__version__}", f"numpy {np.__version__}"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in method.distributions]
    versions += [
        f"{path} {local_code.digest_of(path)}" for path in code_of(problem, optimizer) if local_code.is_local(path)
    ]
    parts = " ".join([provenance.fingerprint(modules), *versions])
    return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()


@remote_call(_sources_of)
def files_of(problem: str, optimizer: str) -> list[tuple[str, list[str]]]:
    """Return the modules behind a problem and an algorithm, each with its files.

    Parameters
    ----------
    problem
        Canonical JSON of the problem.
    optimizer
        Name of the algorithm.

    Returns
    -------
    list of tuple
        Names of modules, and the paths of their files.
    """
    names = _modules(problem_of(problem), find_algorithm(optimizer))
    return [(name, provenance.source_files([name])) for name in provenance.modules_behind(names)]


def _modules(problem: Problem, method: Method) -> list[str]:
    """Return the modules that their functions come from, and those that they name besides."""
    functions = [problem.value_kernel, problem.gradient_kernel, method.driver or method.session or method.update]
    functions += [method.observe, problem.penalty_kernel, problem.prox_kernel, problem.gap_kernel]
    if problem.composite and method.proximal is not None:
        functions.append(method.proximal.update)
    return [*(function.__module__ for function in functions if function is not None), *problem.modules, *method.modules]


def clear_caches() -> None:
    """Forget problems and sources, so that files edited or reloaded since are read again."""
    forget_problems()
    _fingerprint_of.cache_clear()
    provenance.clear_caches()

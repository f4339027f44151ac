"""Problems whose code runs in another process: their facts are here, their functions are called there."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.canonical import canonical
from nagbench.core.messages import register
from nagbench.core.remote import Reference, UserCode, remote_call
from nagbench.problems import evaluation
from nagbench.problems.problem import ARRAYS, NUMBERS, Floats, Ints, Kernel, Problem
from nagbench.problems.registry import build_problem

# The first request holds few points; each further one grows as long as requests take less than the given seconds.
_FIRST, _GROWTH, _SECONDS = 4, 8, 0.05
_TEXTS = ("name", "family", "kind", "source", "engine")


class ProblemReference(Reference):
    """A problem by its family, parameters and facts, as canonical JSON."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RemoteProblem(Problem):
    """A problem whose value and gradient are computed in another process.

    It has its facts, but neither ``data`` nor ``shape``. Its kernels send one point per call.
    """

    reference: ProblemReference

    @property
    def user_code(self) -> UserCode:
        """What its calls run."""
        return self.reference.user_code

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """Evaluate f and ∇f at each row of ``points``; see `Problem.evaluate`.

        Points are sent in small groups, so that a slow function shows signs of life.
        """
        at = self._check_points(points)
        values, grads = np.empty(len(at)), np.empty(at.shape if gradients else (0, self.dimension))
        batch, first, count = np.array(rows, dtype=np.int64), 0, _FIRST
        while first < len(at):
            group = slice(first, first + count)
            began = time.perf_counter()
            values[group], found = evaluate(self.reference, at[group], gradients, batch)
            if gradients:
                grads[group] = found
            first += count
            count = count * _GROWTH if time.perf_counter() - began < _SECONDS / _GROWTH else count
        return values, grads


def remote_problem(label: str, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> RemoteProblem:
    """Return a problem that another process builds; see `nagbench.problems.registry.build_problem`.

    Parameters
    ----------
    label
        What messages call it until its name is known.
    family, parameters, facts
        What it is built from.
    """
    key = canonical({"family": family, "parameters": parameters, "facts": facts})
    known, metrics, kinds = describe_problem(ProblemReference(key, UserCode(label)))
    spec = canonical({"family": family, "parameters": parameters, **known["given"]})
    reference = ProblemReference(key, UserCode(f"problem {known['name']}", spec))
    return RemoteProblem(
        **known,
        **_kernels(reference, kinds),
        parameters=dict(parameters),
        reference=reference,
        metrics={name: functools.partial(metric, reference, name) for name in metrics},
    )


def _kernels(problem: ProblemReference, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the kernels of f, and of the nonsmooth part that the problem has, each of which sends one point per call."""
    kernels: dict[str, Kernel] = {
        "value": lambda x, _data, _shape, rows: float(evaluate(problem, x[None], False, rows)[0][0]),
        "gradient": lambda x, _data, _shape, rows, out: np.copyto(out, evaluate(problem, x[None], True, rows)[1][0]),
        "penalty": lambda x, _data, _shape: float(nonsmooth(problem, "penalty", x, 1.0)[0]),
        "gap": lambda x, _data, _shape: float(nonsmooth(problem, "gap", x, 1.0)[0]),
        "prox": lambda x, step, _data, _shape, out: np.copyto(out, nonsmooth(problem, "prox", x, step)),
    }
    return {f"{kind}_kernel": kernels[kind] for kind in ("value", "gradient", *kinds)}


@functools.lru_cache(maxsize=256)
def _problem_of_key(key: str) -> Problem:
    given = json.loads(key)
    return build_problem(given["family"], given["parameters"], **given["facts"])


def _key_of(problem: Problem) -> str:
    facts = {"name": problem.name, "source": problem.source, **problem.given}
    return canonical({"family": problem.family, "parameters": problem.parameters, "facts": facts})


register(Problem, _key_of, _problem_of_key)
register(ProblemReference, attrgetter("key"), tag=Problem.__name__)


@remote_call()
def describe_problem(problem: Any) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """Return the facts of a problem, the names of its metrics, and the kernels of its nonsmooth part."""
    facts: dict[str, Any] = {name: _optional(float, getattr(problem, name)) for name in NUMBERS}
    facts |= {name: _optional(lambda given: np.array(given, np.float64), getattr(problem, name)) for name in ARRAYS}
    facts |= {name: str(getattr(problem, name)) for name in _TEXTS}
    facts |= {"row_count": int(problem.row_count), "given": dict(problem.given)}
    facts["blocks"] = tuple(tuple(map(int, shape)) for shape in problem.blocks)
    kinds = tuple(kind for kind in ("penalty", "prox", "gap") if getattr(problem, f"{kind}_kernel") is not None)
    return facts | {"modules": tuple(map(str, problem.modules))}, tuple(map(str, problem.metrics)), kinds


def _optional(kind: Callable[[Any], Any], given: Any) -> Any:
    return None if given is None else kind(given)


@remote_call()
def evaluate(problem: Any, points: Floats, gradients: bool, rows: Ints) -> tuple[Floats, Floats]:
    """Return value and gradient of a problem at some points."""
    found: tuple[Floats, Floats] = problem.evaluate(points, gradients=gradients, rows=rows)
    return found


@remote_call()
def nonsmooth(problem: Any, kind: str, point: Floats, step: float) -> Floats:
    """Return the proximal point, or the penalty or the duality gap as an array of one number."""
    if kind == "prox":
        return np.asarray(problem.prox(point, step))
    return np.asarray(evaluation.penalties(problem, point[None], kind))


@remote_call()
def metric(problem: Any, name: str, point: Floats) -> float:
    """Return one of a problem's metrics at a point."""
    return float(problem.metrics[name](point))

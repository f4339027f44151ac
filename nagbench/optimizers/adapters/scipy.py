"""SciPy's minimizers, as references. They use line searches and second-order models, with as many evaluations as they need.

Iterations are SciPy's nit; ``value_evaluations`` and ``gradient_evaluations`` are its nfev and njev up to that
iteration. SciPy ends a run by tests of its own. Here the tolerances of the sweep decide, so these tests are switched
off (0). If they are given, they hold as well, and a run that they end has the status "stalled".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters._common import nonnegative
from nagbench.optimizers.algorithm import Driver, Method
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.problem import Floats

_UNLIMITED = 2**31 - 1


def _make_driver(name: str, names: tuple[str, ...], fixed: Mapping[str, Any]) -> Driver:
    """Return the driver that calls ``scipy.optimize.minimize`` with a method; see `Method`."""

    def drive(value: Any, gradient: Any, start: Floats, hyper: Floats, most: int, iterated: Any) -> Floats:
        from scipy.optimize import minimize

        def callback(intermediate_result: Any) -> None:
            if iterated(intermediate_result.x):
                raise StopIteration

        options = {**dict(zip(names, hyper.tolist(), strict=True)), **fixed, "maxiter": most}
        if "maxcor" in options:
            options["maxcor"] = int(options["maxcor"])
        with warnings.catch_warnings():
            # SciPy warns of line searches that fail; the status of the run reports them.
            warnings.simplefilter("ignore")
            result = minimize(
                value, start, jac=gradient, method=name, callback=callback if iterated else None, options=options
            )
        return np.asarray(result.x)

    return drive


def _algorithm(
    scipy_name: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    source: str,
    fixed: Mapping[str, Any] | None = None,
) -> Method:
    return Method(
        name=f"scipy/{scipy_name.lower()}",
        library="scipy",
        driver=_make_driver(scipy_name, tuple(hyperparameters), fixed or {}),
        hyperparameters=hyperparameters,
        autonomous=False,
        source=f"scipy.optimize.minimize, method {scipy_name!r}; {source}",
        summary=summary,
        distributions=("scipy",),
    )


def _wolfe(c2: float) -> dict[str, Hyperparameter]:
    """Return the constants c₁ and c₂ of a Wolfe line search."""
    return {
        "c1": Hyperparameter(default=1e-4, high_bound=1.0, open_below=True),
        "c2": Hyperparameter(default=c2, high_bound=1.0, open_below=True),
    }


_ALL = (
    _algorithm(
        "CG",
        {"gtol": nonnegative(0.0), **_wolfe(0.4)},
        "Nonlinear conjugate gradients (Polak and Ribière), with a Wolfe line search",
        "Nocedal & Wright 2006, p. 121",
    ),
    _algorithm(
        "BFGS",
        {"gtol": nonnegative(0.0), **_wolfe(0.9)},
        "Quasi-Newton with a dense n × n inverse Hessian, with a Wolfe line search",
        "Nocedal & Wright 2006, p. 136",
    ),
    _algorithm(
        "L-BFGS-B",
        {
            "gtol": nonnegative(0.0),
            "ftol": nonnegative(0.0),
            "maxcor": Hyperparameter(default=10, low_bound=1, high_bound=1000),
        },
        "Quasi-Newton of limited memory, with a Wolfe line search",
        "Byrd, Lu, Nocedal & Zhu 1995",
        fixed={"maxfun": _UNLIMITED},
    ),
    _algorithm(
        "Newton-CG",
        {"xtol": nonnegative(0.0), **_wolfe(0.9)},
        "Newton's step by conjugate gradients, with products Hv from differences of gradients",
        "Nocedal & Wright 2006, p. 168",
    ),
)
METHODS = {algorithm.name: algorithm for algorithm in _ALL}

"""SciPy's minimisers, as references: they take line searches, second-order models, and as many evaluations as they like.

Iterations are SciPy's nit; ``value_evaluations`` and ``gradient_evaluations`` its nfev and njev up to that iteration.
SciPy ends a run by tests of its own; here the tolerances of the sweep decide, so these are switched off (0). Given, they
hold as well, and a run that they end has the status "stalled".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nagbench.optimizers.adapters._common import Floats, number
from nagbench.optimizers.algorithm import Driver, Hyperparameter, Method

_UNBOUNDED = 2**31 - 1


def _driver(name: str, names: tuple[str, ...], fixed: Mapping[str, Any]) -> Driver:
    """``scipy.optimize.minimize`` with this method; ``iterated`` is told every iterate, and says whether to stop."""

    def drive(value: Any, gradient: Any, start: Floats, hyper: Floats, most: int, iterated: Any) -> Floats:
        from scipy.optimize import minimize

        def callback(intermediate_result: Any) -> None:
            if iterated(intermediate_result.x):
                raise StopIteration

        options = {**dict(zip(names, hyper.tolist(), strict=True)), **fixed, "maxiter": most}
        if "maxcor" in options:
            options["maxcor"] = int(options["maxcor"])
        with warnings.catch_warnings():
            # What it says of line searches that fail, the status tells.
            warnings.simplefilter("ignore")
            done = minimize(
                value, start, jac=gradient, method=name, callback=callback if iterated else None, options=options
            )
        return np.asarray(done.x)

    return drive


def _method(
    name: str,
    theirs: str,
    hyperparameters: Mapping[str, Hyperparameter],
    summary: str,
    source: str,
    fixed: Mapping[str, Any] | None = None,
) -> Method:
    return Method(
        name=f"scipy/{name}",
        library="scipy",
        driver=_driver(theirs, tuple(hyperparameters), fixed or {}),
        hyperparameters=hyperparameters,
        autonomous=False,
        source=f"scipy.optimize.minimize, method {theirs!r}; {source}",
        summary=summary,
        distributions=("scipy",),
    )


_GTOL, _C1 = number(0.0), Hyperparameter(default=1e-4, high_bound=1.0, open_below=True)


def _c2(default: float) -> Hyperparameter:
    return Hyperparameter(default=default, high_bound=1.0, open_below=True)


_ALL = (
    _method(
        "cg", "CG", {"gtol": _GTOL, "c1": _C1, "c2": _c2(0.4)},
        "Nonlinear conjugate gradients (Polak and Ribière), with a Wolfe line search", "Nocedal & Wright 2006, p. 121",
    ),
    _method(
        "bfgs", "BFGS", {"gtol": _GTOL, "c1": _C1, "c2": _c2(0.9)},
        "Quasi-Newton with a dense n × n inverse Hessian, with a Wolfe line search", "Nocedal & Wright 2006, p. 136",
    ),
    _method(
        "l-bfgs-b", "L-BFGS-B",
        {"gtol": _GTOL, "ftol": number(0.0), "maxcor": Hyperparameter(default=10, low_bound=1, high_bound=1000)},
        "Quasi-Newton of limited memory, with a Wolfe line search", "Byrd, Lu, Nocedal & Zhu 1995",
        fixed={"maxfun": _UNBOUNDED},
    ),
    _method(
        "newton-cg", "Newton-CG", {"xtol": _GTOL, "c1": _C1, "c2": _c2(0.9)},
        "Newton's step by conjugate gradients, with products Hv from differences of gradients", "Nocedal & Wright 2006, p. 168",
    ),
)  # fmt: skip
METHODS = {method.name: method for method in _ALL}

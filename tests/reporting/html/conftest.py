"""Tables of a small real sweep, in the shape in which a sweep hands them to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nagbench
from nagbench.problems.curvature import step_size_unit

PROBLEMS = ("bowl", "rosenbrock", "rosenbrock-10", "ill-conditioned-1e2", "ill-conditioned-1e4", "ill-conditioned-1e6")
BUDGET = 20_000
# By hand, near what tuning finds: enough for a report in which some win, some lose and some fail.
TUNED = {
    "gradient-descent": [{"step_size": 0.5}, {"step_size": 1.9}],
    "momentum": [{"step_size": 1.0, "momentum": 0.9}, {"step_size": 1.0, "momentum": 0.98}],
    "nesterov": [{"step_size": 0.9, "momentum": 0.9}, {"step_size": 0.9, "momentum": 0.98}],
    "rmsprop": [{"step_size": 0.01, "decay": 0.99}, {"step_size": 0.001, "decay": 0.9}],
    "adam": [{"step_size": 0.05, "beta1": 0.9}, {"step_size": 0.01, "beta1": 0.5}],
}


def settings(problem: nagbench.Problem) -> Iterator[tuple[str, int, nagbench.Optimizer]]:
    """(mode, trial, optimizer); step sizes of the first three methods are in units of 1/L."""
    for name, trials in TUNED.items():
        found = nagbench.optimizer(name)
        for trial, values in enumerate(trials):
            unit = step_size_unit(problem) if found.method.hyperparameters["step_size"].unit == "1/L" else 1.0
            yield "tuned", trial, nagbench.optimizer(name, **{**values, "step_size": values["step_size"] * unit})
        if found.method.theory and problem.strong_convexity and problem.smoothness:
            theory = found.method.theory(problem.smoothness, problem.strong_convexity)
            yield "theory", 0, nagbench.optimizer(name, **theory)


def row_of(problem: nagbench.Problem, run: nagbench.Run, mode: str, trial: int) -> dict[str, Any]:
    """One row of the table of runs."""
    cell, method = run.cell, nagbench.optimizer(run.cell.optimizer).method
    names = ("status", "iterations", "gradient_evaluations", "value", "gradient_norm", "residual", "rises", "overshoot",
             "rate", "predicted_iterations", "error")  # fmt: skip
    return {
        "cell": cell.key, "problem": problem.name, "family": problem.family, "dimension": problem.dimension,
        "oracle": cell.oracle, "variant": cell.optimizer, "optimizer": cell.optimizer, "library": method.library,
        "engine": cell.engine,
        **dict(cell.hyperparameters), "mode": mode, "trial": trial, "selected": False, "start": cell.start,
        "seed": cell.seed, "dtype": cell.dtype, "budget": cell.budget, "measure": cell.measure,
        "tested_at": method.tested_at, "relative": cell.relative, "tolerance": cell.tolerances[-1],
        **{name: getattr(run, name) for name in names},
    }  # fmt: skip


def sweep(problems: tuple[str, ...] = PROBLEMS) -> dict[str, Any]:
    """The arguments of `render` for these problems."""
    rows, curves = [], []
    for name in problems:
        problem = nagbench.problem(name)
        for mode, trial, optimizer in settings(problem):
            run = nagbench.run(problem, optimizer, budget=BUDGET)
            rows.append(row_of(problem, run, mode, trial))
            curves.append(pd.DataFrame(run.curve).assign(cell=run.cell.key))
    runs = pd.DataFrame(rows)
    score = runs["iterations"].where(runs["status"] == "converged", 10**9)
    runs["selected"] = (
        score.groupby([runs["problem"], runs["mode"], runs["optimizer"]]).transform("idxmin") == runs.index
    )
    runs["predicted_iterations"] = runs["predicted_iterations"].astype("Int64")
    chosen = runs[runs["selected"]]
    return {
        "runs": runs,
        "timings": timings_of(chosen),
        "curves": pd.concat(curves, ignore_index=True).loc[lambda table: table["cell"].isin(chosen["cell"])],
        "manifest": MANIFEST,
    }


def timings_of(chosen: pd.DataFrame) -> pd.DataFrame:
    """A plain model of the times (the same on every machine): so much an iteration and coordinate."""
    wall = chosen["iterations"] * (30e-9 + 4e-9 * chosen["dimension"])
    return pd.DataFrame(
        {
            "cell": chosen["cell"], "machine": MANIFEST["machine"]["id"], "iterations": chosen["iterations"], "repeats": 5,
            "wall_time": wall, "wall_time_min": 0.97 * wall, "wall_time_iqr": 0.05 * wall, "cpu_time": wall,
            "oracle_time": 0.4 * wall, "error": "",
        }
    )  # fmt: skip


MANIFEST: dict[str, Any] = {
    "name": "default",
    "spec": {
        "name": "default", "problems": list(PROBLEMS), "optimizers": list(TUNED), "modes": None, "trials": 2,
        "starts": 1, "seeds": 1,
        "oracles": ["exact"], "measure": "gradient", "relative": False, "tolerances": [1e-6], "budget": BUDGET,
    },
    "versions": {"python": "3.12.1", "nagbench": "0.1.0", "numpy": "2.4.0", "numba": "0.63.0"},
    "machine": {"id": "1f2e3d4c", "processor": "A processor", "cores": 2, "system": "Linux 6.1"},
    "git": "0123456789ab",
    "command": "nagbench sweep --trials 2 --tolerance 1e-6 --budget 20000",
    "created": "2026-01-02T03:04:05+00:00",
    "fingerprint": "00ff00ff00ff00ff",
}  # fmt: skip


@pytest.fixture(scope="session")
def tables() -> dict[str, Any]:
    return sweep(("bowl", "rosenbrock", "ill-conditioned-1e4"))


@pytest.fixture(scope="module")
def browser(needs_chromium: str) -> Iterator[Any]:
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        # Containers have little /dev/shm.
        settings = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=needs_chromium, args=settings)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page, offline; at the end nothing may have been requested, logged or raised."""
    contexts, faults = [], []

    def go(target: Path | str = file, *, folded: bool = False, **options: Any) -> Any:
        context = browser.new_context(offline=True, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else faults.append(request.url),
        )
        page.goto(target.as_uri() if isinstance(target, Path) else target)
        if not folded:
            page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []

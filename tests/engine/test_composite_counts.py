"""Counts on composite problems against independent loops in NumPy, and the smooth form where h = 0, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import nagbench
from nagbench.core.asking import no_penalty, no_prox
from nagbench.engine.single_run import run
from nagbench.experiments.scan import scan
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Floats, Problem

Vector = Floats


def _lasso_in_numpy(
    l1: float,
) -> tuple[Callable[[Vector], Vector], Callable[[Vector, float], Vector], Callable[[Vector], float]]:
    """Return gradient, prox and objective from scikit-learn's data, without any code of the package."""
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_diabetes(return_X_y=True)
    y = y - y.mean()
    n = len(y)
    return (
        lambda w: x.T @ (x @ w - y) / n,
        lambda w, step: np.sign(w) * np.maximum(np.abs(w) - step * l1, 0.0),
        lambda w: float(((x @ w - y) ** 2).sum()) / (2 * n) + l1 * float(np.abs(w).sum()),
    )


def _iterates(
    name: str, gradient: Callable[[Vector], Vector], prox: Callable[[Vector, float], Vector], step: float, most: int
):  # type: ignore[no-untyped-def]
    w = y = np.zeros(10)
    t = 1.0
    for _ in range(most):
        yield w
        before, w = w, prox(y - step * gradient(y), step)
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        y = w + (t - 1.0) / following * (w - before) if name == "fista" else w
        t = following


def test_fifty_counts_of_the_lasso_equal_a_numpy_loop() -> None:
    random = np.random.default_rng(7)
    differing = []
    for case in range(50):
        name, l1 = ("ista", "fista")[case % 2], float(10.0 ** random.uniform(-2, 0.3))
        problem = nagbench.problem("lasso-diabetes", l1=l1)
        assert problem.smoothness is not None
        step, tolerance = float(random.uniform(0.3, 1.2)) / problem.smoothness, float(10.0 ** random.uniform(-5, -1))
        done = run(problem, nagbench.optimizer(name, step_size=step), tolerance=tolerance, budget=3000)
        gradient, prox, _ = _lasso_in_numpy(l1)
        unit, count = 1.0 / problem.smoothness, 3000
        for k, w in enumerate(_iterates(name, gradient, prox, step, 3000)):
            if np.linalg.norm(w - prox(w - unit * gradient(w), unit)) / unit <= tolerance:
                count = k
                break
        if done.iterations != count:
            differing.append((name, l1, step, tolerance, done.iterations, count))
    assert not differing


def test_fista_stays_below_its_bound_and_comes_near_it() -> None:
    problem = nagbench.problem("lasso-diabetes")
    assert problem.minimizers is not None
    assert problem.smoothness is not None
    assert problem.minimum is not None
    done = run(problem, nagbench.optimizer("fista", step_size=1.0 / problem.smoothness), tolerance=1e-9, budget=400)
    square = float(((problem.start - problem.minimizers[0]) ** 2).sum())
    curve = done.curve[1:]
    bound = 2.0 * problem.smoothness * square / (curve["iteration"] + 1.0) ** 2
    share = (curve["value"] - problem.minimum) / bound
    assert share.max() <= 1.0
    assert share.max() >= 0.1


def _smooth_as_composite(name: str) -> tuple[Problem, Problem]:
    smooth = nagbench.problem(name)
    return smooth, replace(smooth, penalty_kernel=no_penalty, prox_kernel=no_prox)


@pytest.mark.parametrize("engine", ["python", "numba"])
@pytest.mark.parametrize("name", ["ista", "fista"])
def test_without_a_nonsmooth_part_the_bits_are_those_of_the_smooth_form(name: str, engine: str) -> None:
    smooth, composite = _smooth_as_composite("quadratic:eigenvalues=[1,7,100],rotation=3")
    chosen = nagbench.optimizer(name, step_size=0.009)
    settings = {"budget": 60, "tolerance": 1e-300, "measure": "value", "path": True, "engine": engine}
    paths = [run(problem, chosen, **settings).path for problem in (smooth, composite)]
    assert paths[0] is not None
    assert paths[1] is not None
    assert paths[0].tobytes() == paths[1].tobytes()


@pytest.mark.parametrize("name", ["fista-gradient-restart", "fista-function-restart", "forward-backward"])
def test_both_engines_make_the_same_composite_path(name: str) -> None:
    problem = nagbench.problem("tv-1d-deblurring", dimension=24)
    chosen = nagbench.optimizer(name, step_size=1.0)
    paths = [
        run(problem, chosen, budget=40, tolerance=1e-300, path=True, engine=engine).path
        for engine in ("python", "numba")
    ]
    assert paths[0] is not None
    np.testing.assert_allclose(paths[1], paths[0], rtol=0, atol=1e-13)


def test_measures_are_those_of_the_definition() -> None:
    problem = nagbench.problem("nnls")
    chosen = nagbench.optimizer("fista", step_size=problem.mapping_step)
    for measure in ("gradient-mapping", "gap", "value", "distance"):
        done = run(problem, chosen, measure=measure, tolerance=1e-4, engine="python")
        x, s = done.iterate, problem.mapping_step
        mapping = float(np.linalg.norm(x - np.maximum(x - s * problem.gradient(x), 0.0)) / s)
        expected = {
            "gradient-mapping": mapping, "gap": problem.gap(x), "value": problem.value(x) - problem.minimum,
            "distance": float(np.linalg.norm(x - problem.minimizers[0])),
        }[measure]  # fmt: skip
        assert done.status == "converged"
        assert done.residual == pytest.approx(expected, rel=1e-9)
        assert done.gradient_norm == pytest.approx(mapping, rel=1e-9)
    default = run(problem, chosen, tolerance=1e-4, engine="python")
    assert default.cell.measure == "gradient-mapping"
    # Every iterate before the last is above the tolerance, and the gap is followed along the curve.
    assert (default.curve["gradient_norm"][:-1] > 1e-4).all()
    assert (default.metrics["gap"] >= 0.0).all()


def test_evaluations_are_those_that_the_algorithm_asked_for() -> None:
    problem = nagbench.problem("nnls")
    done = run(
        problem,
        nagbench.optimizer("fista-function-restart", step_size=1.0),
        budget=25,
        tolerance=1e-300,
        engine="python",
    )
    assert (done.gradient_evaluations, done.value_evaluations) == (25.0, 25.0)


def test_a_mini_batch_takes_proximal_steps_too() -> None:
    problem = nagbench.problem("lasso-diabetes")
    done = run(
        problem,
        nagbench.optimizer("ista", step_size=10.0),
        oracle="minibatch:32",
        budget=28,
        tolerance=1e-9,
        engine="python",
    )
    assert done.gradient_evaluations == pytest.approx(2.0)
    assert done.value < problem.value(problem.start)


@pytest.mark.parametrize(
    ("problem", "optimizer", "settings", "message"),
    [
        ("nnls", "nesterov", {}, "nnls has a nonsmooth part, and nesterov takes no proximal step"),
        ("nnls", "fista", {"measure": "gradient"}, "so measure 'gradient' does not apply; use 'gradient-mapping'"),
        ("bowl", "fista", {"measure": "gap"}, "bowl has no duality gap"),
        ("nnls", "fista", {"start": [-1.0] * 20}, ""),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(problem: str, optimizer: str, settings: dict, message: str) -> None:  # type: ignore[type-arg]
    if message:
        with pytest.raises(nagbench.UsageError, match=message) as caught:
            nagbench.run(problem, optimizer, **settings)
        assert "\n" not in str(caught.value)
    else:
        done = nagbench.run(problem, optimizer, **settings, engine="python")
        assert done.status == "error"
        assert "not finite at the start (f = inf)" in done.error


def test_a_scan_and_a_smooth_problem_take_the_default_measure() -> None:
    table = scan(nagbench.problem("box-quadratic"), find_algorithm("ista"), {"step_size": np.array([0.01])})
    assert table["measure"].tolist() == ["gradient-mapping"]
    mapped = nagbench.run("bowl", "nesterov:step_size=0.1", measure="gradient-mapping")
    assert mapped.iterations == nagbench.run("bowl", "nesterov:step_size=0.1").iterations

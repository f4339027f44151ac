"""Silver steps, OGM-G, ITEM and POGM, and `certify`: against published sequences, other methods and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli.main import cli
from nagbench.engine.single_run import run
from nagbench.optimizers.algorithms.long_steps import gradient_thetas, silver_factor
from nagbench.problems.suites import read_suite
from nagbench.validation.certify import certify, linear_script
from nagbench.validation.worst_functions import write_suite

QUADRATIC = "quadratic:eigenvalues=[0.3,1,10],rotation=3"


def test_silver_steps_are_the_published_sequence() -> None:
    root = math.sqrt(2.0)
    published = [root, 2.0, root, 2.0 + root, root, 2.0, root]
    assert [silver_factor(k) for k in range(7)] == pytest.approx(published, rel=1e-15)
    # The sum over n = 2^j − 1 steps is ρ^j − 1, from the paper.
    assert sum(silver_factor(k) for k in range(63)) == pytest.approx((1.0 + root) ** 6 - 1.0, rel=1e-13)


def test_thetas_of_ogm_g_obey_their_recursion_backwards() -> None:
    thetas = [gradient_thetas(5 - k, 5)[0] for k in range(5)] + [1.0]
    for k in range(5):
        factor = 8.0 if k == 0 else 4.0
        assert thetas[k] == pytest.approx(0.5 * (1.0 + math.sqrt(1.0 + factor * thetas[k + 1] ** 2)), rel=1e-15)
        assert gradient_thetas(5 - k, 5)[1] == thetas[k + 1]


@pytest.mark.parametrize("horizon", [0, 12])
def test_pogm_is_ogm_where_h_is_zero(horizon: int) -> None:
    step = 0.1
    settings: dict[str, Any] = {"budget": 30, "tolerance": 1e-300, "path": True, "engine": "python"}
    proximal = run(QUADRATIC, f"pogm:step_size={step},horizon={horizon}", **settings).path
    # The point of OGM at which the gradient is taken, rebuilt from its definition.
    problem = nagbench.problem(QUADRATIC)
    x = y = problem.start
    theta, path = 1.0, [y]
    for k in range(30):
        last = horizon > 0 and (k + 1) % horizon == 0
        following = 0.5 * (1.0 + math.sqrt(1.0 + (8.0 if last else 4.0) * theta * theta))
        moved = y - step * problem.gradient(y)
        x, y = moved, moved + (theta - 1.0) / following * (moved - x) + theta / following * (moved - y)
        theta = following
        path.append(y)
        if last:
            theta, x = 1.0, y
    np.testing.assert_allclose(proximal, path, rtol=1e-12, atol=1e-12)


def test_item_contracts_by_its_bound_and_ends_as_triple_momentum_does() -> None:
    problem = nagbench.problem("quadratic:eigenvalues=[1,10]", start=[1.0, 1.0])
    done = run(problem, "item:step_size=0.1,q=0.1", budget=3000, tolerance=1e-300, path=True, engine="python")
    weight, q = 0.0, 0.1
    squares = (done.path**2).sum(axis=1)
    for k in range(1, 60):
        weight = ((1 + q) * weight + 2 * (1 + math.sqrt((1 + weight) * (1 + q * weight)))) / (1 - q) ** 2
        assert squares[k] <= 2.0 / (1.0 + q * weight) * (1.0 + 1e-9)
    # Hundreds of iterations later A would be beyond the largest number, and nothing overflows.
    assert done.iterations > 700
    assert done.status not in ("diverged", "error")
    assert np.isfinite(done.path).all()


class TestCertify:
    """Worst cases by PEPit, from the coefficients of an update."""

    @pytest.fixture(autouse=True)
    def _needs_pepit(self) -> None:
        pytest.importorskip("PEPit")

    @pytest.mark.parametrize(
        ("text", "n", "settings", "exact"),
        [
            ("gradient-descent", 3, {"L": 3.0}, 3.0 / 14.0),
            # Where a bound is tight, certified and published agree; these are nobody's code but the papers'.
            ("ogm-g", 3, {"measure": "gradient", "start": "height"}, 2.0 / gradient_thetas(3, 3)[0] ** 2),
            ("item", 2, {"measure": "distance"}, None), ("triple-momentum", 2, {}, None), ("ogm", 2, {}, None),
            ("silver-steps", 3, {}, 1.0 / (4.0 * (1.0 + math.sqrt(2.0)) ** 2 - 2.0)),
        ],
    )  # fmt: skip
    def test_worst_cases_are_the_papers(self, text: str, n: int, settings: dict[str, Any], exact: float | None) -> None:
        found = certify(text, n, **settings)
        assert found.certified == pytest.approx(found.published if exact is None else exact, abs=1e-5)
        # The extracted function attains it.
        assert found.measured == pytest.approx(found.certified, abs=1e-5)

    def test_the_composite_class_has_pepits_proximal_gradient(self) -> None:
        from PEPit.examples.composite_convex_minimization import wc_accelerated_proximal_gradient

        theirs, _ = wc_accelerated_proximal_gradient(mu=0, L=1, n=2, verbose=-1)
        assert certify("fista", 2, "composite").certified == pytest.approx(theirs, abs=1e-5)

    def test_the_worst_function_is_stored_and_runs(self, tmp_path: Path) -> None:
        found, file = certify("gradient-descent", 4), tmp_path / "worst.toml"
        assert found.worst is not None
        name = write_suite(file, found.worst)
        problem = read_suite(file)[name].problem()
        ends = run(problem, "gradient-descent:step_size=1", budget=4, tolerance=1e-300, engine="python")
        assert problem.minimum is not None
        assert ends.value - problem.minimum == pytest.approx(1.0 / 18.0, abs=1e-5)
        assert float(problem.start @ problem.start) == pytest.approx(1.0, abs=1e-5)

    @pytest.mark.slow
    def test_the_command_stores_it_and_refuses_the_composite_class(self, tmp_path: Path) -> None:
        file = str(tmp_path / "worst.toml")
        done = CliRunner().invoke(cli, ["certify", "gradient-descent", "-N", "4", "--out", file, "--format", "json"])
        assert done.exit_code == 0, done.output
        row = json.loads(done.stdout)
        assert row["published"] == pytest.approx(1.0 / 18.0)
        assert row["measured"] == pytest.approx(1.0 / 18.0, abs=1e-5)
        refused = CliRunner().invoke(
            cli, ["certify", "ista", "-N", "1", "--class", "composite", "--out", file], standalone_mode=False
        )
        assert "gives no worst function" in str(refused.exception)

    def test_a_proximal_method_is_certified_on_the_smooth_class_too(self) -> None:
        assert certify("pogm", 2).certified == pytest.approx(certify("ogm", 2).certified, abs=1e-5)

    def test_a_users_update_is_certified(self) -> None:
        @nagbench.method("theirs", hyperparameters={"step_size": nagbench.Hyperparameter(default=1.0)})
        def theirs(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
            iterate[:] = iterate - hyper[0] * gradient

        script = linear_script(nagbench.Optimizer(theirs.__method__), 2, False)  # type: ignore[attr-defined]
        assert [kind for kind, _, _ in script] == ["gradient", "gradient", "end"]
        np.testing.assert_array_equal(script[-1][2][:4], [1.0, -1.0, -1.0, 0.0])

    @pytest.mark.parametrize(
        "name", ["adam", "polyak-step", "fista-function-restart", "barzilai-borwein", "malitsky-mishchenko"]
    )
    def test_what_is_not_linear_is_refused_in_one_line(self, name: str) -> None:
        with pytest.raises(nagbench.UsageError, match="is not linear in past points and gradients") as caught:
            certify(name, 3)
        assert "\n" not in str(caught.value)

    def test_a_class_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(nagbench.UsageError, match=r"unknown class 'smooth' \(known: smooth-convex"):
            certify("fista", 3, "smooth")
        with pytest.raises(nagbench.UsageError, match="nesterov takes no proximal step"):
            certify("nesterov", 3, "composite")

    def test_a_class_of_one_curvature_is_refused(self) -> None:
        with pytest.raises(nagbench.UsageError, match="a strong convexity μ below L = 1, not 1"):
            certify("nesterov", 3, "smooth-strongly-convex", L=1.0, mu=1.0)

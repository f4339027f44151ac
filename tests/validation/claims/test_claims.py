"""What the claims' experiments find, against the closed forms that they are set beside."""

import numpy as np
import pytest

from nagbench.core.errors import UsageError
from nagbench.validation.claims import claims, duality, find_claim, quadratics, ripples, step_sizes
from nagbench.validation.claims.stochastic import Candidate, Plan, stochastic


def test_counts_are_exact_at_more_than_a_thousand_random_settings():
    table = quadratics.counts(conditions=20, settings=20).table
    assert table["settings"].tolist() == [400, 400, 400]
    assert table["equal"].tolist() == [400, 400, 400]
    assert (table["converged"] > 100).all()
    assert (table["largest_difference"] == 0).all()


def test_the_measured_boundary_of_a_map_of_100_by_100_is_the_closed_form():
    table = quadratics.boundary().table.set_index("method")
    assert table.loc[["momentum", "nesterov"], "cells"].tolist() == [10_000, 10_000]
    assert (table["beyond_1_percent"] == 0).all()
    assert (table["stable"] > 0).all()
    assert (table["stable"] < table["cells"]).all()


def test_rates_are_those_of_the_table():
    table = quadratics.rates((10.0, 100.0)).table
    assert len(table) == 10
    assert (table["measured"] >= table["published"] - quadratics.ROUNDING).all()
    assert (table["measured"] <= table["double_root"] + quadratics.ROUNDING).all()


def test_the_ripples_have_period_pi_root_kappa():
    table = ripples.ripple((1e2, 1e3)).table
    np.testing.assert_allclose(table["measured"], np.pi * np.sqrt(table["kappa"]), rtol=2e-3)


def test_look_ahead_is_a_weaker_momentum_along_each_eigenvector():
    table = ripples.look_ahead(6).table
    assert (table["largest_difference"] < 1e-12).all()
    assert table["counts_differ"].sum() == 0
    oscillating = table[table["momentum"] > 0.5]
    assert (oscillating["nesterov"] < oscillating["heavy_ball"]).all()


def test_nesterovs_method_overshoots_less_on_a_quadratic():
    table = ripples.overshoot(points=12, problems=("ill-conditioned-1e2",)).table
    assert table["pairs"].iloc[0] > 30
    assert table["more"].iloc[0] == 0.0
    assert table["less"].iloc[0] > 0.5


def test_a_better_rate_is_seen_where_there_is_one():
    """With the exact gradient, acceleration is a theorem."""
    small = Plan(trials=24, horizons=(100, 200, 400), accelerated=())
    table = stochastic([("ill-conditioned-1e4", "exact")], small).table
    assert table["rate"].tolist() == ["better"]
    assert table["ratio_last"].iloc[0] < 0.5


def test_where_noise_decides_there_is_no_better_rate():
    """Additive noise on the bowl, κ = 1: there is nothing to accelerate, only noise to average, whatever the momentum."""
    small = Plan(trials=16, tuning_seeds=2, scoring_seeds=6, horizons=(100, 300, 1000), accelerated=())
    table = stochastic([("bowl", "noise:1.0")], small).table
    assert table["rate"].iloc[0] != "better"
    assert table["slope_low"].iloc[0] < table["slope_high"].iloc[0]


def test_a_method_that_improves_on_gradient_descent_is_found_and_named():
    """On a strongly convex mean over rows, variance reduction is linear, and SGD is not; so it is in the theory."""
    small = Plan(trials=6, tuning_seeds=1, scoring_seeds=3, horizons=(200, 1000, 4000),
                 accelerated=(Candidate("accelerated-svrg"),))  # fmt: skip
    result = stochastic([("iris-logistic", "minibatch:16")], small)
    row = result.table.iloc[0]
    assert row["best"] == "accelerated-svrg"
    assert row["best_high"] < 0.5
    assert "accelerated-svrg on iris-logistic (minibatch:16) by a factor of" in result.verdict


def test_every_claim_has_a_statement_and_a_source():
    for name, claim in claims().items():
        assert claim.name == name
        assert claim.statement.endswith(".")
        assert claim.source


def test_an_unknown_claim_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'ripple'"):
        find_claim("ripples")


def test_silver_steps_have_the_worst_case_of_a_huber_function_and_stay_below_their_bound():
    table = step_sizes.silver(4).table
    # Where no step leaves the linear part: 1/(4ρʲ − 2), with the sum ρʲ − 1 of the steps.
    np.testing.assert_allclose(table["measured"], 1.0 / (4.0 * (1.0 + 2.0**0.5) ** np.arange(2, 5) - 2.0), rtol=1e-9)
    assert (table["measured"] <= table["published"]).all()


def test_ogm_g_reaches_its_bound_nearly_and_barzilai_borwein_is_superlinear():
    table = step_sizes.gradient_bound((5, 10)).table
    assert (table["ogm_g"] <= table["published"]).all()
    assert (table["ogm_g"] >= 0.75 * table["published"]).all()
    assert (table["ogm_g"] < table["ogm"]).all()
    fast = step_sizes.barzilai_borwein((10.0,)).table.iloc[0]
    assert fast["to_1e-24"] - fast["to_1e-12"] < fast["to_1e-12"]
    assert fast["gradient_descent"] == np.ceil(fast["published"])


def test_h_dual_pairs_have_reflected_steps_and_stay_below_their_common_bound():
    table = duality.h_duality((3,), certified=False).table
    assert table["step_difference"].max() < 1e-12
    assert (table[["value", "gradient"]].max(axis=1) <= table["published"] * (1 + 1e-9)).all()
    # Huber functions are the worst for f of gradient descent and OGM: the published factor is met.
    met = table.set_index("value_method").loc[["gradient-descent", "ogm"]]
    assert (met["value"] >= 0.99 * met["published"]).all()

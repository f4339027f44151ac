"""Sampled gradients: what is drawn, who sees it, and what theory says of it."""

import numpy as np
import pytest

import nagbench
from nagbench.engine.oracles import chunk_length, draw_chunk, parse_oracle
from nagbench.engine.single_run import make_cell

STEPS, BURN_IN, COPIES, SIGMA = 20_000, 2_000, 100, 0.1


def stationary(method, s, m, eigenvalue):
    """Var(x) in the long run under gradient noise of variance σ², s = step size × λ (linear recursions of second order)."""
    step = s / eigenvalue
    if method == "gradient-descent":
        return step * SIGMA**2 / (eigenvalue * (2 - s))
    if method == "momentum":
        return step * SIGMA**2 * (1 + m) / (eigenvalue * (1 - m) * (2 * (1 + m) - s))
    q = m * (1 - s)
    return step * SIGMA**2 * (1 + q) / (eigenvalue * (1 - q) * (2 + 2 * m - (2 * m + 1) * s))


@pytest.mark.parametrize(
    ("method", "m"),
    [("gradient-descent", 0.0), ("momentum", 0.5), ("momentum", 0.9), ("nesterov", 0.5), ("nesterov", 0.9)],
)
@pytest.mark.parametrize("s", [0.05, 0.8])
def test_the_stationary_variance_is_that_of_the_closed_form(method, m, s):
    """Within four standard errors: 100 independent coordinates, 18 000 iterations each after the burn-in."""
    eigenvalue = 3.0
    problem = nagbench.problem("quadratic", eigenvalues=[eigenvalue] * COPIES, start=[1e-9] * COPIES)
    pinned = {"step_size": s / eigenvalue, **({} if method == "gradient-descent" else {"momentum": m})}
    optimizer = nagbench.optimizer(method, **pinned)
    path = nagbench.run(
        problem, optimizer, oracle=f"noise:{SIGMA}", budget=STEPS, tolerance=1e-300, measure_every=1, path=True
    ).path
    by_coordinate = (path[BURN_IN:] ** 2).mean(axis=0)
    error = by_coordinate.std(ddof=1) / np.sqrt(COPIES)
    assert abs(by_coordinate.mean() - stationary(method, s, m, eigenvalue)) < 4 * error
    assert error < 0.05 * by_coordinate.mean()


def epoch(problem, oracle, seed=0, chunk=0, optimizer="nesterov"):
    cell = make_cell(problem, nagbench.optimizer(optimizer), oracle=oracle, seed=seed, every=1)
    return draw_chunk(parse_oracle(oracle), problem, cell, chunk)


@pytest.fixture(scope="module")
def rows():
    return nagbench.problem("iris-logistic")


@pytest.mark.parametrize("oracle", ["minibatch:32", "minibatch:150", "stochastic", "minibatch:7"])
def test_an_epoch_visits_every_row_once(rows, oracle):
    drawn = epoch(rows, oracle)
    n = rows.row_count
    per_epoch = -(-n // parse_oracle(oracle).batch)
    assert chunk_length(parse_oracle(oracle), rows) % per_epoch == 0
    for first in range(0, drawn.offsets.size - 1, per_epoch):
        seen = drawn.rows[drawn.offsets[first] : drawn.offsets[first + per_epoch]]
        assert sorted(seen) == list(range(n))
    sizes = np.diff(drawn.offsets)
    assert sizes.max() == parse_oracle(oracle).batch
    assert sizes[:per_epoch].sum() == n


@pytest.mark.parametrize("oracle", ["minibatch:32", "stochastic"])
def test_the_gradients_of_an_epoch_average_to_the_full_one(rows, oracle):
    drawn, x = epoch(rows, oracle), np.linspace(-1, 1, rows.dimension)
    per_epoch = -(-rows.row_count // parse_oracle(oracle).batch)
    total = np.zeros(rows.dimension)
    for j in range(per_epoch):
        batch = drawn.rows[drawn.offsets[j] : drawn.offsets[j + 1]]
        total += rows.evaluate(x, rows=batch)[1][0] * len(batch) / rows.row_count
    np.testing.assert_allclose(total, rows.gradient(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("oracle", ["minibatch:32", "noise:0.5"])
def test_all_methods_see_the_same_draws_and_seeds_differ(rows, oracle):
    def content(**changed):
        drawn = epoch(rows, oracle, **changed)
        return drawn.rows.tobytes() + drawn.noise.tobytes()

    assert content(optimizer="adam") == content(optimizer="nesterov")
    assert content(seed=1) != content(seed=0)
    assert content(chunk=1) != content(chunk=0)


def test_work_counts_a_mini_batch_by_its_share(rows):
    run = nagbench.run(rows, "nesterov", oracle="minibatch:32", budget=7, tolerance=1e-300)
    # Five batches an epoch of 150 rows, the last of 22.
    assert run.gradient_evaluations == pytest.approx(1 + 2 * 32 / 150)


def test_engines_agree_on_sampled_gradients(rows):
    for oracle in ("minibatch:32", "noise:0.01"):
        a, b = (
            nagbench.run(rows, "momentum", oracle=oracle, budget=60, tolerance=1e-300, engine=e)
            for e in ("numba", "python")
        )
        np.testing.assert_allclose(a.iterate, b.iterate, rtol=1e-11)
        assert a.gradient_evaluations == b.gradient_evaluations


def test_a_sweep_crosses_oracles_and_replays_them_exactly(tmp_path):
    done = nagbench.sweep(
        problems=["iris-logistic"], optimizers=["nesterov", "gradient-descent"], modes=["default"], seeds=2,
        oracles=["exact", "minibatch:32", "noise:0.01"], budget=300, measure_every=50, out=tmp_path, repeats=1,
    )  # fmt: skip
    counts = done.runs.drop_duplicates("cell").groupby("oracle").size()
    assert counts.to_dict() == {"exact": 2, "minibatch:32": 4, "noise:0.01": 4}
    assert (done.timings["error"] == "").all()
    assert set(done.timings["cell"]) == set(done.runs["cell"])


@pytest.mark.parametrize(
    "text", ["minibatch:0", "minibatch:-3", "minibatch:x", "noise:0", "noise:nan", "noise:inf", "exactly", ""]
)
def test_oracles_that_are_not(text):
    with pytest.raises(nagbench.UsageError, match="unknown oracle"):
        parse_oracle(text)


def test_more_rows_than_there_are(rows):
    with pytest.raises(nagbench.UsageError, match="150 rows"):
        nagbench.run(rows, "nesterov", oracle="minibatch:151")

"""Optimizers in every style of writing are counted as in their author's own plain loop."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nagbench
from nagbench.core.errors import UsageError
from nagbench.engine.single_run import run
from nagbench.optimizers.adapters.user import make_algorithm
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.adapters._jax import double_precision

EIGENVALUES, START, TOLERANCE = [1.0, 3.0, 10.0], [1.0, -2.0, 3.0], 1e-3
KEPT = (None, "reference", "copy")


def problem():
    return nagbench.problem("quadratic", eigenvalues=EIGENVALUES, start=START)


def counted(thing, **values):
    """Return the number of iterations that nagbench counts, and the last point."""
    optimizer = Optimizer(make_algorithm("styles:made", thing), values)
    done = run(problem(), optimizer, tolerance=TOLERANCE, budget=400, engine="python")
    assert done.error == ""
    return done.iterations, done.iterate


def author(points):
    """Return the first point of an author's loop with a small gradient, by number."""
    copies = (np.array(x) for x in itertools.islice(points, 401))
    return next((k, x) for k, x in enumerate(copies) if np.linalg.norm(np.array(EIGENVALUES) * x) <= TOLERANCE)


def kept(how, value):
    return value.copy() if how == "copy" else value


def step_function(keep_x, keep_g, moves, rate, momentum):
    """Make a step function that remembers x and the gradient by reference or as copies, and moves in one of four ways."""

    def step(x, gradient, state):
        before = state.get("x", x) if keep_x else x
        change = gradient - state["g"] if keep_g and "g" in state else 0.0
        state["x"], state["g"] = kept(keep_x, x), kept(keep_g, gradient)
        moved = x - rate * gradient - 0.1 * rate * change + momentum * (x - before)
        if moves == "new":
            return moved
        if moves == "view":
            buffer = state.setdefault("buffer", np.zeros(2 * x.size))
            buffer[: x.size] = moved
            return buffer[: x.size]
        x[:] = moved
        return x if moves == "input" else None

    return step


def numpy_loop(step):
    x, state = np.array(START), {}
    while True:
        yield x
        moved = step(x, np.array(EIGENVALUES) * x, state)
        x = x if moved is None else moved


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KEPT), st.sampled_from(KEPT), st.sampled_from(("in place", "new", "view", "input")),
    st.floats(0.02, 0.08), st.floats(0.0, 0.8),
)  # fmt: skip
def test_a_step_function_is_counted_as_in_its_authors_loop(keep_x, keep_g, moves, rate, momentum):
    step = step_function(keep_x, keep_g, moves, rate, momentum)
    count, x = counted(step)
    expected, last = author(numpy_loop(step))
    assert count == expected
    np.testing.assert_allclose(x, last, rtol=1e-12, atol=0)


def torch_class(keep_g, grads, moves, momentum):
    """Make a class that keeps gradients, rebinds or changes them, and assigns to data or moves in place."""

    class Styled(torch.optim.Optimizer):
        def __init__(self, params, lr=0.05):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if grads == "rebind":
                        p.grad = p.grad.clamp(-2.0, 2.0)
                    elif grads == "in place":
                        p.grad.clamp_(-2.0, 2.0)
                    elif grads == "none":
                        self.zero_grad(set_to_none=False) if momentum == 0.0 else None
                    state = self.state[p]
                    before = state.get("g", p.grad)
                    state["g"] = p.grad.clone() if keep_g == "copy" else p.grad
                    change = -group["lr"] * (p.grad + momentum * (before if keep_g else 0.0 * before))
                    if moves == "data":
                        p.data = p.data + change
                    elif moves == "copy":
                        p.copy_(p + change)
                    else:
                        p.add_(change)

    return Styled


def torch_loop(kind):
    x, scales = (
        torch.nn.Parameter(torch.tensor(START, dtype=torch.float64)),
        torch.tensor(EIGENVALUES, dtype=torch.float64),
    )
    optimizer = kind([x])
    while True:
        yield x.detach().numpy()
        optimizer.zero_grad()
        (0.5 * (scales * x * x).sum()).backward()
        optimizer.step()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KEPT), st.sampled_from(("as it is", "rebind", "in place")), st.sampled_from(("data", "copy", "in place")),
    st.floats(0.0, 0.8),
)  # fmt: skip
def test_a_torch_class_is_counted_as_in_its_authors_loop(keep_g, grads, moves, momentum):
    kind = torch_class(keep_g, grads, moves, momentum)
    count, x = counted(kind)
    expected, last = author(torch_loop(kind))
    assert count == expected
    np.testing.assert_allclose(x, last, rtol=1e-9, atol=0)


def transformation(keep, momentum, wants_value):
    """Make a transformation whose state holds x or the gradient as it came."""

    def init(params):
        return (params, params * 0.0)

    def update(updates, state, params=None, **extra):
        before, velocity = state
        rate = 0.05 / (1.0 + 1e-3 * extra["value"]) if wants_value else 0.05
        pushed = momentum * (params - before if keep == "x" else velocity) - rate * updates
        return pushed, (params, pushed)

    return optax.GradientTransformationExtraArgs(init, update)


def optax_loop(made, wants_value):
    x, scales = jnp.array(START), jnp.array(EIGENVALUES)
    state = made.init(x)
    while True:
        yield x
        extra = {"value": 0.5 * (scales * x * x).sum()} if wants_value else {}
        updates, state = made.update(scales * x, state, x, **extra)
        x = optax.apply_updates(x, updates)


@pytest.mark.parametrize("keep", ["x", "velocity"])
@pytest.mark.parametrize("wants_value", [False, True])
def test_a_transformation_is_counted_as_in_its_authors_loop(keep, wants_value):
    made = transformation(keep, 0.6, wants_value)
    count, x = counted(made)
    with double_precision():
        expected, last = author(optax_loop(made, wants_value))
    assert count == expected
    np.testing.assert_allclose(x, last, rtol=1e-9, atol=0)


def test_a_new_value_of_a_hyperparameter_is_not_compiled_again():
    traced = []

    def made(learning_rate=0.1, nesterov=False):
        traced.append(learning_rate)
        return optax.sgd(learning_rate, momentum=0.5, nesterov=nesterov)

    method = make_algorithm("styles:traced", made)
    for rate in (0.01, 0.02, 0.03):
        run(problem(), Optimizer(method, {"step_size": rate}), budget=3, engine="python")
    compilations = sum(isinstance(value, jax.core.Tracer) for value in traced)
    run(problem(), Optimizer(method, {"step_size": 0.04}), budget=3, engine="python")
    assert sum(isinstance(value, jax.core.Tracer) for value in traced) == compilations


def test_switches_words_and_numbers_reach_the_library_as_what_they_are():
    seen = {}

    def step(x, gradient, state, lr=0.1, period=3, nesterov=False, betas=(0.9, 0.95, 0.99)):
        seen.update(period=period, nesterov=nesterov, betas=betas, lr=lr)
        return x - lr * gradient

    method = make_algorithm("styles:typed", step)
    assert list(method.hyperparameters) == ["step_size", "period", "nesterov", "beta1", "beta2", "beta3"]
    run(problem(), Optimizer(method, {"lr": 0.05, "nesterov": True, "beta3": 0.5}), budget=1, engine="python")
    assert seen == {"period": 3, "nesterov": True, "betas": (0.9, 0.95, 0.5), "lr": 0.05}
    assert (type(seen["period"]), type(seen["nesterov"])) == (int, bool)
    with pytest.raises(UsageError, match=r"nesterov='maybe' is not valid; allowed: false, true"):
        Optimizer(method, {"nesterov": "maybe"})
    with pytest.raises(UsageError, match="step_size is given twice"):
        Optimizer(method, {"lr": 0.1, "step_size": 0.2})


@pytest.mark.parametrize(
    ("returned", "said"),
    [(lambda x: x + 1j, "values of type complex128"), (lambda x: x > 0, "values of type bool"),
     (lambda x: x[None], r"x of shape \(1, 3\), expected \(3,\)"), (lambda x: "x", "returned str")],
)  # fmt: skip
def test_what_is_no_point_is_an_error(returned, said):
    def step(x, gradient, state):
        return returned(x)

    done = run(problem(), Optimizer(make_algorithm("styles:wrong", step)), budget=2, engine="python")
    assert done.status == "error"
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(done.error)


def test_integers_are_points():
    def step(x, gradient, state):
        return np.zeros(3, int)

    assert counted(step)[0] == 1


class TestLibraries:
    def test_switches_of_pytorch_and_its_own_names(self):
        settings = {"tolerance": 1e-6, "budget": 500}
        theirs = nagbench.run("bowl", "torch.optim:SGD:momentum=0.9,nesterov=true,lr=0.1", **settings)
        assert (
            theirs.iterations
            == nagbench.run("bowl", "torch/sgd-nesterov:step_size=0.1,momentum=0.9", **settings).iterations
        )
        assert str(nagbench.optimizer("torch.optim:SGD:lr=0.1,nesterov=false")).endswith("nesterov=false")

    def test_a_number_that_optax_leaves_out_by_default(self):
        plain = nagbench.run("bowl", "optax:sgd:learning_rate=0.1")
        assert plain.iterations == nagbench.run("bowl", "gradient-descent:step_size=0.1").iterations
        ball = nagbench.run("bowl", "optax:sgd:step_size=0.1,momentum=0.9")
        assert ball.iterations == nagbench.run("bowl", "momentum:step_size=0.1,momentum=0.9").iterations

    def test_closures_and_line_searches_are_counted_by_what_they_evaluate(self):
        for name in ("torch.optim:LBFGS", "optax:lbfgs"):
            done = nagbench.run("bowl", name, budget=200)
            assert done.status == "converged", (name, done.error)
            assert done.value_evaluations >= done.iterations

    def test_polyaks_step_size_is_given_f(self):
        done = nagbench.run("bowl", "optax:polyak_sgd")
        assert (done.status, done.value_evaluations) == ("converged", done.iterations)

    def test_schedule_free_is_tested_at_its_average(self):
        values = {"step_size": 0.1, "budget": 30, "tolerance": 1e-300, "path": True}
        step, settings = values.pop("step_size"), values
        ours = nagbench.run("bowl", f"schedule-free-sgd:step_size={step},momentum=0.9", **settings)
        optaxs = nagbench.run("bowl", f"optax.contrib:schedule_free_sgd:learning_rate={step}", **settings)
        np.testing.assert_allclose(optaxs.path, ours.path, rtol=0, atol=1e-6)

    def test_an_optimizer_of_matrices_needs_a_problem_with_matrices(self):
        with pytest.raises(UsageError, match="moves matrices, and x of bowl is one vector"):
            nagbench.run("bowl", "torch.optim:Muon")
        assert nagbench.run("factorisation:rows=4,columns=3,rank=2", "torch.optim:Muon", budget=3).error == ""

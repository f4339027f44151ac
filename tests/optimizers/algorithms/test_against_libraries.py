"""Sixty steps on Rosenbrock, beside the same methods as PyTorch and Optax ship them."""

import numpy as np
import pytest
from trajectories import ROSENBROCK_START, first_difference, rosenbrock, walk

import nagbench
from nagbench.optimizers.adapters._jax import double_precision

STEPS = 60


def parameters(_optimizer, p):
    return p.detach()


def average(optimizer, p):
    return optimizer.state[p]["ax"]


def torch_path(make, seen=parameters, scalars="float64"):
    """What is ``seen`` after each step of a PyTorch optimizer, the start first; the gradient is written out by hand.

    ``scalars`` is PyTorch's default dtype, in which some optimizers keep numbers of their own whatever that of p is.
    """
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, scalars))
    try:
        p = torch.tensor(ROSENBROCK_START, dtype=torch.float64, requires_grad=True)
        optimizer = make(torch.optim, [p])
        points = [ROSENBROCK_START]
        for _ in range(STEPS):
            p.grad = torch.tensor(rosenbrock(p.detach().numpy()), dtype=torch.float64)
            optimizer.step()
            points.append(seen(optimizer, p).numpy().copy())
    finally:
        torch.set_default_dtype(before)
    return np.array(points)


def optax_path(make):
    """The parameters after each step of an Optax transformation, the start first."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with double_precision():
        transformation = make(optax)
        p = jax.numpy.asarray(ROSENBROCK_START)
        state, points = transformation.init(p), [ROSENBROCK_START]
        for _ in range(STEPS):
            updates, state = transformation.update(jax.numpy.asarray(rosenbrock(np.asarray(p))), state, p)
            p = optax.apply_updates(p, updates)
            points.append(np.asarray(p))
    return np.array(points)


def same(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def run(name, engine, **hyperparameters):
    optimizer = nagbench.optimizer(name, **hyperparameters)
    return nagbench.run("rosenbrock", optimizer, budget=STEPS, tolerance=1e-300, path=True, engine=engine).path


ADAM = {"step_size": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
TORCH_ADAM = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8}

# Name in the test, our method and its hyperparameters, the library's.
TORCH = {
    "adagrad": ("adagrad", {"step_size": 0.1}, lambda o, p: o.Adagrad(p, lr=0.1, eps=1e-10)),
    "amsgrad": ("amsgrad", ADAM, lambda o, p: o.Adam(p, **TORCH_ADAM, amsgrad=True)),
    "adamw": (
        "adamw", {**ADAM, "weight_decay": 0.1}, lambda o, p: o.AdamW(p, **TORCH_ADAM, weight_decay=0.1),
    ),
    "nadam": (
        "nadam", {**ADAM, "momentum_decay": 4e-3}, lambda o, p: o.NAdam(p, **TORCH_ADAM, momentum_decay=4e-3),
    ),
    "rmsprop with momentum": (
        "rmsprop-momentum", {"step_size": 1e-3, "decay": 0.9, "momentum": 0.5, "epsilon": 1e-8},
        lambda o, p: o.RMSprop(p, lr=1e-3, alpha=0.9, momentum=0.5, eps=1e-8),
    ),
    "nesterov, through qhm": (
        "qhm", {"step_size": 1e-4 / (1 - 0.9), "momentum": 0.9, "nu": 0.9},
        lambda o, p: o.SGD(p, lr=1e-4, momentum=0.9, nesterov=True),
    ),
    "momentum, through qhm": (
        "qhm", {"step_size": 1e-4 / (1 - 0.9), "momentum": 0.9, "nu": 1.0},
        lambda o, p: o.SGD(p, lr=1e-4, momentum=0.9),
    ),
}  # fmt: skip
AVERAGED = (
    "averaged-gradient-descent", {"step_size": 1e-3, "burn_in": 1},
    lambda o, p: o.ASGD(p, lr=1e-3, lambd=0.0, alpha=0.0, t0=0.0),
)  # fmt: skip
OPTAX = {
    "lion": (
        "lion", {"step_size": 3e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1},
        lambda o: o.lion(3e-3, b1=0.9, b2=0.99, weight_decay=0.1),
    ),
    "rmsprop": (
        "rmsprop-epsilon-inside", {"step_size": 1e-3, "decay": 0.9, "epsilon": 1e-7},
        lambda o: o.rmsprop(1e-3, decay=0.9, eps=1e-7, eps_in_sqrt=True),
    ),
    "rmsprop with momentum": (
        "rmsprop-momentum", {"step_size": 1e-3, "decay": 0.9, "momentum": 0.5, "epsilon": 1e-8},
        lambda o: o.rmsprop(1e-3, decay=0.9, eps=1e-8, momentum=0.5, eps_in_sqrt=False),
    ),
    "adamw": (
        "adamw", {**ADAM, "weight_decay": 0.1}, lambda o: o.adamw(1e-2, b1=0.9, b2=0.99, eps=1e-8, weight_decay=0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["numba", "python"])
class TestSame:
    @pytest.mark.parametrize("case", TORCH)
    def test_torch(self, case, engine):
        name, values, make = TORCH[case]
        same(run(name, engine, **values), torch_path(make))

    @pytest.mark.parametrize("case", OPTAX)
    def test_optax(self, case, engine):
        name, values, make = OPTAX[case]
        same(run(name, engine, **values), optax_path(make))

    def test_the_average_of_torchs_averaged_sgd_leaves_out_its_first_iterate(self, engine):
        name, values, make = AVERAGED
        theirs = torch_path(make, average)
        same(run(name, engine, **values), theirs)
        assert first_difference(run(name, engine, **{**values, "burn_in": 0}), theirs) == 2


@pytest.mark.parametrize(
    ("case", "seen", "most"), [(TORCH["nadam"], parameters, 1e-8), (AVERAGED, average, 1e-7)], ids=["nadam", "averaged"]
)
def test_where_torch_rounds_scalars_to_single_precision(case, seen, most):
    """The product of NAdam's momenta, and ASGD's step size and weight, unless the default dtype is float64."""
    name, values, make = case
    apart = np.abs(run(name, "numba", **values) - torch_path(make, seen, scalars="float32")).max()
    assert 1e-12 < apart < most


class TestSamePoint:
    def test_torchs_nesterov_is_at_the_query_point(self):
        theirs = torch_path(lambda o, p: o.SGD(p, lr=1e-4, momentum=0.9, nesterov=True))
        for name in ("nesterov", "nesterov-two-sequence", "nesterov-quadratic-optimal"):
            _, queries = walk(name, rosenbrock, ROSENBROCK_START, STEPS, step_size=1e-4, momentum=0.9)
            same(queries, theirs)
            last = nagbench.run(
                "rosenbrock", nagbench.optimizer(name, step_size=1e-4, momentum=0.9), budget=STEPS, tolerance=1e-300
            )
            same(last.query, theirs[-1])


class TestParting:
    """Methods that go by one name and are two: at which step they part."""

    def test_the_two_places_of_epsilon(self):
        values = {"step_size": 1e-3, "decay": 0.9, "epsilon": 1e-3}
        inside = run("rmsprop-epsilon-inside", "numba", **values)
        outside = torch_path(lambda o, p: o.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-3))
        same(run("rmsprop", "numba", **values), outside)
        assert first_difference(inside, outside) == 1

    def test_torch_does_not_dampen_its_first_buffer(self):
        averaged = run("qhm", "numba", step_size=1e-3, momentum=0.9, nu=1.0)
        theirs = torch_path(lambda o, p: o.SGD(p, lr=1e-3, momentum=0.9, dampening=0.9))
        assert first_difference(averaged, theirs) == 1

    def test_optax_takes_amsgrads_maximum_after_the_correction_of_bias(self):
        """The second gradient is smaller than the first, so its corrected moment is, though the moment itself grew."""
        theirs = optax_path(lambda o: o.amsgrad(1e-2, b1=0.9, b2=0.99, eps=1e-8))
        ours = run("amsgrad", "numba", **ADAM)
        slopes = np.abs([rosenbrock(x) for x in ours[:2]])
        assert (slopes[1] < slopes[0]).all()
        assert first_difference(ours, theirs) == 2

    def test_optaxs_nadam_has_no_schedule(self):
        """Dozat's schedule starts from β₁/2, so the two part in the first step; in the limit of long decay they agree."""
        theirs = optax_path(lambda o: o.nadam(1e-2, b1=0.9, b2=0.99, eps=1e-8))
        assert first_difference(run("nadam", "numba", **ADAM), theirs) == 1
        same(run("nadam", "numba", **ADAM, momentum_decay=1e6), theirs)

    def test_amsgrad_leaves_adam_where_the_second_moment_first_falls(self):
        adam, amsgrad = (run(name, "numba", **ADAM) for name in ("adam", "amsgrad"))
        moment, falls = np.zeros(2), []
        for x in adam[:-1]:
            following = 0.99 * moment + 0.01 * rosenbrock(x) ** 2
            falls.append((following < moment).any())
            moment = following
        assert first_difference(adam, amsgrad, 0.0) == falls.index(True) + 1

    def test_without_their_addition_they_are_the_plain_method(self):
        adam = run("adam", "numba", **ADAM)
        same(run("adamw", "numba", **ADAM, weight_decay=0.0), adam)
        assert first_difference(run("adamw", "numba", **ADAM, weight_decay=0.01), adam) == 1
        plain = run("rmsprop", "numba", step_size=1e-3)
        same(run("rmsprop-momentum", "numba", step_size=1e-3, momentum=0.0), plain)

"""PyTorch's optimizers beside our methods of the same formula, and what a run must do with their memory."""

import numpy as np
import pytest
import torch
from paths import assert_replays, look_ahead, path

import nagbench
from nagbench.core.errors import UsageError
from nagbench.optimizers.algorithm import make_update
from nagbench.optimizers.registry import find_algorithm, library_algorithms

TORCH = [name for name, method in library_algorithms().items() if method.library == "torch"]
ADAM = {"step_size": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}


OURS = {
    "sgd": ({"step_size": 1e-3}, "gradient-descent", {"step_size": 1e-3}),
    "sgd with momentum": ({"step_size": 1e-3, "momentum": 0.9}, "momentum", {"step_size": 1e-3, "momentum": 0.9}),
    "adam": (ADAM, "adam", ADAM),
    "adamw": ({**ADAM, "weight_decay": 0.1}, "adamw", {**ADAM, "weight_decay": 0.1}),
    "rmsprop": ({"step_size": 1e-3, "decay": 0.9}, "rmsprop", {"step_size": 1e-3, "decay": 0.9}),
    "rmsprop with momentum": (
        {"step_size": 1e-3, "decay": 0.9, "momentum": 0.5}, "rmsprop-momentum",
        {"step_size": 1e-3, "decay": 0.9, "momentum": 0.5},
    ),
    "adagrad": ({"step_size": 0.1}, "adagrad", {"step_size": 0.1}),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["", "-foreach", "-fused"])
@pytest.mark.parametrize("case", OURS)
def test_the_parameters_are_our_iterates(case, suffix):
    given, ours, values = OURS[case]
    name = f"torch/{case.split()[0]}{suffix}"
    if name not in TORCH:
        pytest.skip("PyTorch has no such implementation for processors")
    np.testing.assert_allclose(path(name, **given), path(ours, **values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("suffix", ["", "-foreach", "-fused"])
def test_the_parameters_of_nesterov_are_the_look_ahead_points(suffix):
    values = {"step_size": 1e-3, "momentum": 0.9}
    ours = path("nesterov", **values)
    theirs = path(f"torch/sgd-nesterov{suffix}", **values)
    np.testing.assert_allclose(theirs, look_ahead(ours, 0.9), rtol=0, atol=1e-12)
    assert np.abs(theirs - ours).max() > 1e-2
    assert "look-ahead" in find_algorithm("torch/sgd-nesterov").tested_at


def test_nadam_keeps_a_product_in_single_precision():
    values = {**ADAM, "momentum_decay": 4e-3}
    apart = np.abs(path("torch/nadam", **values) - path("nadam", **values)).max()
    assert 1e-13 < apart < 1e-6


def test_the_first_buffer_is_not_dampened():
    """Two steps on f = x²/2 from 1: b₁ = 1, b₂ = m + (1 − d)(1 − s)."""
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    found = path("torch/sgd", 2, problem, step_size=0.1, momentum=0.9, dampening=0.5)[:, 0]
    np.testing.assert_allclose(found, [1.0, 0.9, 0.9 - 0.1 * (0.9 + 0.5 * 0.9)], rtol=1e-15)


def test_a_step_size_dropped_in_mid_run_reaches_the_library():
    """PyTorch's buffer does not hold the step size: x₂ = x₁ − s₂·(m·g₀ + g₁) on f = x²/2."""
    method, x, slots = find_algorithm("torch/sgd"), np.array([1.0]), np.zeros((0, 1))
    update, step_sizes, points = make_update(method), [0.1, 0.01], [1.0]
    for k, step_size in enumerate(step_sizes):
        hyper = nagbench.optimizer("torch/sgd", step_size=step_size, momentum=0.9).hyper
        update(k, x.copy(), x, x, slots, hyper)
        points.append(float(x[0]))
    np.testing.assert_allclose(points, [1.0, 0.9, 0.9 - 0.01 * (0.9 * 1.0 + 0.9)], rtol=1e-15)


@pytest.mark.parametrize("name", TORCH)
def test_the_bare_replay_ends_where_the_count_ended_bit_for_bit(name):
    assert_replays(name, 77)


@pytest.mark.parametrize("problem", ["rosenbrock-10", "huber-10", "ill-conditioned-1e2", "diabetes-ridge"])
def test_engine_mixed_is_plain_python_bit_for_bit(problem):
    ends = [path("torch/sgd", 20, problem, engine, step_size=1e-3, momentum=0.9) for engine in ("mixed", "python")]
    assert ends[0].tobytes() == ends[1].tobytes()


def test_two_runs_at_a_time_do_not_share_memory():
    method, steps = find_algorithm("torch/sgd"), 5
    hyper = nagbench.optimizer("torch/sgd", step_size=0.1, momentum=0.9).hyper

    def walk(updates, points):
        for k in range(steps):
            for update, x in zip(updates, points, strict=True):
                update(k, x.copy(), x, x, np.zeros((0, 1)), hyper)
        return points

    alone = [walk([make_update(method)], [np.array([start])])[0] for start in (1.0, -3.0)]
    together = walk([make_update(method), make_update(method)], [np.array([1.0]), np.array([-3.0])])
    assert np.array_equal(alone, together)


def test_what_pytorch_refuses_is_said_in_one_line():
    with pytest.raises(UsageError, match=r"torch/sgd-nesterov: torch refuses .*momentum=0.*Nesterov momentum requires"):
        nagbench.optimizer("torch/sgd-nesterov", momentum=0.0)
    with pytest.raises(UsageError, match="unknown hyperparameter of torch/sgd 'warmth'"):
        nagbench.optimizer("torch/sgd", warmth=0.1)
    with pytest.raises(UsageError, match="did you mean 'torch/adam'"):
        nagbench.optimizer("torch/adan")
    with pytest.raises(UsageError, match="engine 'numba' cannot run"):
        nagbench.run("bowl", "torch/sgd", engine="numba")


def test_defaults_are_the_librarys_own():
    ours_of = {"lr": "step_size", "alpha": "decay", "eps": "epsilon"}
    for name in TORCH:
        method = find_algorithm(name)
        class_name = method.source.split()[0].rpartition(".")[2]
        defaults = getattr(torch.optim, class_name)([torch.nn.Parameter(torch.zeros(1))]).defaults
        given = {ours_of.get(key, key): value for key, value in defaults.items()}
        if class_name == "ASGD":
            given.pop("decay")
            given["alpha"] = defaults["alpha"]
        if "betas" in given:
            given["beta1"], given["beta2"] = given["betas"]
        shipped = {key: hyper.default for key, hyper in method.hyperparameters.items()}
        assert {key: given[key] for key in shipped} == {**shipped, **({"momentum": 0} if "nesterov" in name else {})}

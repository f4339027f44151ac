"""Keras's and Optax's optimizers beside our methods of the same formula, and where the libraries part."""

import os
import subprocess
import sys

import numpy as np
import pytest
from paths import assert_replays, look_ahead, path, scheduled

from nagbench.core.errors import UsageError
from nagbench.optimizers.registry import find_algorithm, library_algorithms

NAMES = [name for name, method in library_algorithms().items() if method.library in ("keras", "optax")]
ADAM = {"step_size": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
EXACT = {**ADAM, "epsilon": 0.0}
LION = {"step_size": 3e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1}
# Keras 3 takes ε as it is ("epsilon hat"), so its Adam is ours at ε = 0 only.
SAME = [
    ("keras/sgd", {"step_size": 1e-3}, "gradient-descent", {"step_size": 1e-3}),
    ("keras/sgd", {"step_size": 1e-3, "momentum": 0.9}, "momentum", {"step_size": 1e-3, "momentum": 0.9}),
    ("keras/adam", EXACT, "adam", EXACT),
    ("keras/adamw", {**EXACT, "weight_decay": 0.0}, "adam", EXACT),
    ("keras/nadam", ADAM, "nadam", {**ADAM, "momentum_decay": 1.0}),
    ("keras/rmsprop", {"step_size": 1e-3, "decay": 0.8}, "rmsprop-epsilon-inside", {"step_size": 1e-3, "decay": 0.8}),
    ("keras/adagrad", {"step_size": 0.1, "initial_accumulator_value": 0.0, "epsilon": 0.0}, "adagrad",
     {"step_size": 0.1, "epsilon": 0.0}),
    ("keras/lion", {**LION, "weight_decay": 0.0}, "lion", {**LION, "weight_decay": 0.0}),
    ("optax/sgd", {"step_size": 1e-3}, "gradient-descent", {"step_size": 1e-3}),
    ("optax/sgd", {"step_size": 1e-3, "momentum": 0.9}, "momentum", {"step_size": 1e-3, "momentum": 0.9}),
    ("optax/adam", ADAM, "adam", ADAM),
    ("optax/adamw", {**ADAM, "weight_decay": 0.1}, "adamw", {**ADAM, "weight_decay": 0.1}),
    ("optax/nadam", ADAM, "nadam", {**ADAM, "momentum_decay": 1e9}),
    ("optax/rmsprop", {"step_size": 1e-3, "epsilon": 1e-7}, "rmsprop-epsilon-inside", {"step_size": 1e-3}),
    ("optax/adagrad", {"step_size": 0.1, "initial_accumulator_value": 0.0, "epsilon": 0.0}, "adagrad",
     {"step_size": 0.1, "epsilon": 0.0}),
    ("optax/lion", LION, "lion", LION),
]  # fmt: skip


@pytest.mark.parametrize(("theirs", "given", "ours", "values"), SAME, ids=[f"{row[0]} {row[2]}" for row in SAME])
def test_the_parameters_are_our_iterates(theirs, given, ours, values):
    np.testing.assert_allclose(path(theirs, **given), path(ours, **values), rtol=0, atol=1e-12)


NESTEROV = ["keras/sgd-nesterov", "optax/sgd-nesterov", "optax/sgd-nesterov-chain"]


@pytest.mark.parametrize("name", NESTEROV)
def test_the_parameters_of_nesterov_are_the_look_ahead_points(name):
    values = {"step_size": 1e-3, "momentum": 0.9}
    ours = path("nesterov", **values)
    np.testing.assert_allclose(path(name, **values), look_ahead(ours, 0.9), rtol=0, atol=1e-12)
    assert "look-ahead" in find_algorithm(name).tested_at


def test_they_part_where_the_step_size_changes():
    """Velocities that hold the step size go on with the old one; the others scale what they remember."""
    drop = [0.05] * 5 + [0.005] * 5
    paths = {
        name: scheduled(name, lambda p: p * np.array([1.0, 10.0]), [1.0, 1.0], drop, 0.8)
        for name in ["nesterov", "torch/sgd-nesterov", *NESTEROV]
    }
    for group in (["nesterov", "keras/sgd-nesterov", "optax/sgd-nesterov-chain"], ["torch/sgd-nesterov", NESTEROV[1]]):
        for name in group[1:]:
            np.testing.assert_allclose(paths[name], paths[group[0]], rtol=0, atol=1e-14)
    apart = np.abs(paths["torch/sgd-nesterov"] - paths["keras/sgd-nesterov"]).max(axis=1)
    assert apart[:6].max() < 1e-14
    assert apart[6] > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_bare_replay_ends_where_the_count_ended_bit_for_bit(name):
    assert_replays(name, 33)


@pytest.mark.parametrize("name", ["keras/sgd", "optax/sgd"])
def test_momentum_that_begins_at_0_stays_there(name):
    gradient = np.ones_like
    with pytest.raises(UsageError, match="begins with"):
        scheduled(name, gradient, [1.0], [0.1, 0.1], momentum=[0.0, 0.9])


UNTOUCHED = """
import nagbench
for name in ("keras/sgd", "optax/sgd"):
    nagbench.run("rosenbrock", f"{name}:step_size=1e-3", budget=3)
import jax, keras
assert jax.numpy.ones(1).dtype == "float32"
assert keras.config.floatx() == "float32"
"""


def test_precision_and_float_type_of_the_process_stay_as_they_were():
    """In a process of its own, whose settings no other test has changed."""
    done = subprocess.run([sys.executable, "-c", UNTOUCHED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SCRIPT = """
import numpy as np, nagbench
def path(name, **values):
    optimizer = nagbench.optimizer(name, **values)
    return nagbench.run("rosenbrock", optimizer, budget=40, tolerance=1e-300, path=True).path
values = {"step_size": 1e-3, "momentum": 0.9}
assert np.abs(path("keras/sgd", **values) - path("momentum", **values)).max() < 1e-12
ours, theirs = path("nesterov", **values), path("keras/sgd-nesterov", **values)
assert np.abs(theirs - ours - 0.9 * np.diff(ours, axis=0, prepend=ours[:1])).max() < 1e-12
adam = {"step_size": 1e-2, "epsilon": 0.0}
assert np.abs(path("keras/adam", **adam) - path("adam", **adam)).max() < 1e-12
import keras
print(keras.config.backend())
"""


@pytest.mark.slow
def test_keras_on_pytorch_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["torch"]

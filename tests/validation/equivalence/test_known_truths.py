"""The certificate against what is known about the libraries, and against PyTorch driven by hand."""

import functools
import json

import numpy as np
import pytest
import torch
from command_line import nag

import nagbench
from nagbench.validation.equivalence.lockstep import target_of

# The first iteration with new values, and the first point that they make.
CHANGED, AFTER = 30, 31
STEPS = 60


@pytest.fixture(scope="module")
def certificate():
    return nagbench.verify()


@functools.cache
def certificate_of(group):
    """The part of the certificate that is about one group."""
    return nagbench.verify(group)


class Pairs:
    """(group, scenario, a, b) → the row, either way round. Only groups that are asked for are verified."""

    def __getitem__(self, key):
        group, scenario, *names = key
        table = certificate_of(group).pairs
        both = table["a"].isin(names) & table["b"].isin(names)
        [row] = table[both & (table["scenario"] == scenario) & (table["a"] != table["b"])].to_dict("records")
        return row


@pytest.fixture(scope="module")
def pairs():
    return Pairs()


def decides(row):
    mapped = isinstance(row["mapped_verdict"], str)
    return (row["mapped_verdict"], row["mapped_parts_at"]) if mapped else (row["verdict"], row["parts_at"])


def equal(row):
    return decides(row)[0] in ("identical", "rounding")


NAG = ("torch/sgd-nesterov", "keras/sgd-nesterov", "optax/sgd-nesterov", "optax/sgd-nesterov-chain")
AT_P = (*NAG, "qhm", "formula/cs231n", "formula/bengio")
AT_X = ("nesterov", "nesterov-two-sequence")


class TestNesterov:
    @pytest.mark.parametrize("scenario", ["constant", "float32"])
    @pytest.mark.parametrize("a", AT_P)
    def test_all_libraries_are_one_at_constant_hyperparameters(self, pairs, scenario, a):
        for b in AT_P:
            if a != b:
                row = pairs["nesterov", scenario, a, b]
                assert row["verdict"] in ("identical", "rounding")
                assert row["explanation"] == ""

    @pytest.mark.parametrize("a", AT_X)
    @pytest.mark.parametrize("b", AT_P)
    def test_the_textbook_is_another_point_of_the_same_trajectory(self, pairs, a, b):
        row = pairs["nesterov", "constant", a, b]
        assert (row["verdict"], row["parts_at"]) == ("different", 1)
        assert row["mapped_verdict"] in ("identical", "rounding")
        assert row["explanation"] == "equal after x_k = p_k + m·s·b_k"

    def test_a_drop_of_the_step_size_makes_two_camps(self, pairs):
        velocity = (
            "nesterov",
            "nesterov-two-sequence",
            "keras/sgd-nesterov",
            "optax/sgd-nesterov-chain",
            "formula/bengio",
        )
        buffer = ("torch/sgd-nesterov", "optax/sgd-nesterov", "qhm")
        for camp in (velocity, buffer):
            assert all(equal(pairs["nesterov", "step-drop", a, b]) for a in camp for b in camp if a != b)
        for a in velocity:
            for b in buffer:
                row = pairs["nesterov", "step-drop", a, b]
                assert decides(row) == ("different", AFTER)
                assert "m·s_k/s_{k−1}" in row["explanation"]

    def test_a_scheduled_momentum(self, pairs):
        assert all(equal(pairs["nesterov", "momentum", a, b]) for a in NAG for b in NAG if a != b)
        for library in NAG:
            for ours in AT_X:
                row = pairs["nesterov", "momentum", ours, library]
                assert decides(row)[0] == "different"
                assert "m_{k+1}" in row["explanation"]

    def test_pytorch_refuses_momentum_0_and_keras_does_not(self):
        trial = next(t for t in certificate_of("nesterov").trials if t.scenario.name == "zero-momentum")
        assert "Nesterov momentum requires a momentum" in trial.refused["torch/sgd-nesterov"]
        assert "keras/sgd-nesterov" in {implementation.name for implementation in trial.implementations}


class TestHeavyBall:
    def test_with_dampening_pytorchs_first_buffer_is_the_undamped_gradient(self, pairs):
        row = pairs["momentum", "dampening", "momentum", "torch/sgd"]
        assert decides(row) == ("different", 1)
        assert "b₁ = g₀" in row["explanation"]

    def test_a_drop_of_the_step_size_makes_two_camps(self, pairs):
        assert equal(pairs["momentum", "step-drop", "momentum", "keras/sgd"])
        assert equal(pairs["momentum", "step-drop", "torch/sgd", "optax/sgd"])
        assert decides(pairs["momentum", "step-drop", "keras/sgd", "torch/sgd"]) == ("different", AFTER)


@pytest.mark.parametrize("group", ["adam", "adamw"])
@pytest.mark.parametrize("scenario", ["constant", "step-drop", "momentum", "zero-momentum"])
def test_keras_is_the_epsilon_hat_form_of_adam(pairs, group, scenario):
    assert equal(pairs[group, scenario, group, f"torch/{group}"])
    assert equal(pairs[group, scenario, f"torch/{group}", f"optax/{group}"])
    row = pairs[group, scenario, f"torch/{group}", f"keras/{group}"]
    assert decides(row) == ("different", 1)
    assert "ε hat" in row["explanation"]


@pytest.mark.parametrize(("group", "ours"), [("rmsprop", "rmsprop-epsilon-inside"), ("adagrad", None)])
def test_epsilon_stands_inside_the_root_in_keras_and_optax(pairs, group, ours):
    assert equal(pairs[group, "constant", group, f"torch/{group}"])
    assert equal(pairs[group, "constant", f"keras/{group}", f"optax/{group}"])
    row = pairs[group, "constant", f"torch/{group}", f"keras/{group}"]
    assert decides(row) == ("different", 1)
    assert "ε inside the root" in row["explanation"]
    assert ours is None or equal(pairs[group, "constant", ours, f"keras/{group}"])


class TestNAdam:
    def test_pytorch_keeps_its_product_in_single_precision(self, pairs):
        row = pairs["nadam", "constant", "nadam", "torch/nadam"]
        assert row["verdict"] == "different"
        assert 1e-12 < row["distance"] < 1e-8
        assert "single precision" in row["explanation"]

    def test_optax_has_no_schedule(self, pairs):
        row = pairs["nadam", "constant", "nadam", "optax/nadam"]
        assert decides(row) == ("different", 1)
        assert "no schedule" in row["explanation"]

    def test_keras_is_ours(self, pairs):
        assert equal(pairs["nadam", "constant", "nadam", "keras/nadam"])


class TestAveraging:
    def test_pytorch_keeps_the_step_size_in_single_precision(self, pairs):
        row = pairs["averaging", "constant", "gradient-descent", "torch/asgd"]
        assert decides(row) == ("different", 1)
        assert row["distance"] < 1e-6
        assert row["explanation"] == "the step size is kept in single precision"

    def test_pytorch_changes_it_one_iteration_late(self, pairs):
        row = pairs["averaging", "step-drop", "gradient-descent", "torch/asgd"]
        assert row["distance"] > 1e-4
        assert "at the end of the previous iteration" in row["explanation"]

    def test_the_average_is_of_the_iterates_of_gradient_descent(self, pairs):
        row = pairs["averaging", "constant", "averaged-gradient-descent", "gradient-descent"]
        assert (row["verdict"], row["mapped_verdict"]) == ("different", "identical")


@pytest.mark.parametrize("scenario", ["constant", "step-drop", "momentum", "zero-momentum", "float32"])
def test_lion_is_one(pairs, scenario):
    assert equal(pairs["lion", scenario, "lion", "optax/lion"])


def test_every_parting_is_explained(certificate):
    unexplained = certificate.pairs
    parted = [decides(row)[0] == "different" for row in unexplained.to_dict("records")]
    assert any(parted)
    assert not unexplained[parted].query("explanation == ''")[["group", "scenario", "a", "b"]].to_numpy().tolist()


def test_rounding_never_hides_anything_in_the_full_certificate(certificate):
    assert (certificate.pairs["told_until"] == STEPS).all()
    double = certificate.pairs[certificate.pairs["scenario"] != "float32"]
    assert (double["resolution"] < 1e-12).all()


def test_the_point_map_holds_for_pytorchs_own_buffer():
    """x_k = p_k + m·s·b_k, with PyTorch driven by hand and the textbook's form written out."""
    problem, s, m = nagbench.problem("rosenbrock-10"), 1e-4, 0.9
    gradient = target_of(problem).gradient
    p = torch.nn.Parameter(torch.tensor(problem.start))
    optimizer = torch.optim.SGD([p], lr=s, momentum=m, nesterov=True)
    x, v = problem.start.copy(), np.zeros(10)
    for _ in range(STEPS):
        p.grad = torch.tensor(gradient(p.detach().numpy().copy()))
        optimizer.step()
        v = m * v - s * gradient(x + m * v)
        x = x + v
        buffer = optimizer.state[p]["momentum_buffer"].numpy()
        np.testing.assert_allclose(x, p.detach().numpy() + m * s * buffer, rtol=0, atol=1e-13)


def test_pytorch_after_a_drop_is_kerass_form_with_a_rescaled_velocity():
    """The sentence of the certificate, with PyTorch driven by hand: the velocity decays with m·s_k/s_{k−1}."""
    problem, m = nagbench.problem("rosenbrock-10"), 0.9
    gradient, steps = target_of(problem).gradient, [1e-4] * CHANGED + [1e-5] * (STEPS - CHANGED)
    p = torch.nn.Parameter(torch.tensor(problem.start))
    optimizer = torch.optim.SGD([p], lr=1e-4, momentum=m, nesterov=True)
    w, v, before = problem.start.copy(), np.zeros(10), 1e-4
    for s in steps:
        optimizer.param_groups[0]["lr"] = s
        p.grad = torch.tensor(gradient(p.detach().numpy().copy()))
        optimizer.step()
        g = gradient(w)
        v = m * (s / before) * v - s * g
        w, before = w + m * v - s * g, s
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=0, atol=1e-13)


def test_a_scaled_heavy_ball_is_recognized():
    found = nagbench.verify("momentum", "planted:scaled", scenarios=["constant"])
    (trial,) = found.trials
    assert trial.implementations[1].forms == ("ball scaled",)
    assert "(1 − m)·s" in trial.pairs[0].explanation
    # The same with that step size is the heavy ball.
    same = nagbench.verify("planted:scaled:step_size=1e-3", "momentum", scenarios=["constant"])
    assert set(same.pairs["verdict"]) == {"rounding"}


def test_diverging_pairs_are_not_called_equal_without_saying_so():
    words = ("verify", "momentum", "torch/sgd", "--scenario", "constant", "--set", "step_size=1")
    found = json.loads(nag(*words, "--format", "json").stdout)
    (trial,) = found["trials"]
    assert all(one["diverged_at"] > 0 for one in trial["implementations"])
    assert "diverged from step" in nag(*words).stdout
    calm = nagbench.verify("momentum", "torch/sgd", scenarios=["constant"])
    assert {one.diverged_at for trial in calm.trials for one in trial.implementations} == {None}

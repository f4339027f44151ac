"""The methods of today against their authors' code, other libraries, and evaluations in fifty digits."""

import importlib.metadata
import json

import jax.numpy as jnp
import mpmath
import numpy as np
import optax
import pytest
import torch
from authors_code import CASES, EIGENVALUES, START, STEPS, STORED, first_iterates

import nagbench
from nagbench.problems.adapters._jax import double_precision

ON = {"eigenvalues": EIGENVALUES, "start": START}


def ours(name, steps=STEPS, problem=None, **values):
    """Return the iterates of an algorithm on the quadratic."""
    objective = nagbench.problem("quadratic", **ON) if problem is None else problem
    run = nagbench.run(
        objective, nagbench.optimizer(name, **values), tolerance=1e-300, budget=steps, path=True, engine="python"
    )
    return run.path


@pytest.mark.parametrize("name", CASES)
def test_the_first_iterates_are_those_of_the_authors_code(name):
    stored = json.loads(STORED.read_text())[name]
    np.testing.assert_allclose(ours(name, **CASES[name][3]), stored["iterates"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_the_stored_iterates_are_those_of_the_installed_package(name):
    package = CASES[name][0]
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed; python -m pip install {package}")
    np.testing.assert_allclose(
        first_iterates(name), json.loads(STORED.read_text())[name]["iterates"], rtol=0, atol=1e-12
    )


TORCH = [
    ("radam", torch.optim.RAdam, {"lr": 0.1, "betas": (0.9, 0.9)}, {"step_size": 0.1, "beta2": 0.9}),
    (
        "nadamw", torch.optim.NAdam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"step_size": 0.1, "weight_decay": 0.1},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "arguments", "values"), TORCH)
def test_pytorch_makes_the_same_iterates(name, kind, arguments, values):
    x, scales = (
        torch.nn.Parameter(torch.tensor(START, dtype=torch.float64)),
        torch.tensor(EIGENVALUES, dtype=torch.float64),
    )
    optimizer, points = kind([x], **arguments), [START]
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * (scales * x * x).sum()).backward()
        optimizer.step()
        points.append(x.detach().numpy().copy())
    # PyTorch keeps the product of NAdam's momenta in single precision.
    np.testing.assert_allclose(ours(name, **values), points, rtol=0, atol=1e-6 if name == "nadamw" else 1e-12)


OPTAX = [
    ("dowg", lambda: optax.contrib.dowg(learning_rate=1.0, init_estim_sq_dist=1e-4, eps=0.0), {"initial_distance": 1e-2}),
    (
        "ademamix", lambda: optax.contrib.ademamix(0.1, b2=0.99, b3=0.999, alpha=3.0),
        {"step_size": 0.1, "beta2": 0.99, "beta3": 0.999, "alpha": 3.0},
    ),
    ("radam", lambda: optax.radam(0.1, b2=0.9, eps=0.0), {"step_size": 0.1, "beta2": 0.9, "epsilon": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "values"), OPTAX)
def test_optax_makes_the_same_iterates(name, make, values):
    with double_precision():
        x, transformation, points = jnp.array(START), make(), [START]
        state = transformation.init(x)
        for _ in range(STEPS):
            updates, state = transformation.update(jnp.array(EIGENVALUES) * x, state, x)
            x = optax.apply_updates(x, updates)
            points.append(np.asarray(x))
    np.testing.assert_allclose(ours(name, **values), points, rtol=0, atol=1e-11)


def test_adan_is_the_authors_formula_in_fifty_digits():
    with mpmath.workdps(50):
        s, b1, b2, b3, eps = (mpmath.mpf(text) for text in ("0.1", "0.98", "0.92", "0.99", "1e-8"))
        x, points = [mpmath.mpf(value) for value in START], [START]
        m, v, n, before = ([mpmath.mpf(0)] * 3 for _ in range(4))
        for k in range(1, STEPS + 1):
            g = [a * b for a, b in zip(EIGENVALUES, x, strict=True)]
            change = [mpmath.mpf(0)] * 3 if k == 1 else [a - b for a, b in zip(g, before, strict=True)]
            m = [b1 * a + (1 - b1) * b for a, b in zip(m, g, strict=True)]
            v = [b2 * a + (1 - b2) * b for a, b in zip(v, change, strict=True)]
            n = [b3 * a + (1 - b3) * (b + b2 * c) ** 2 for a, b, c in zip(n, g, change, strict=True)]
            x = [
                a - s * (b / (1 - b1**k) + b2 * c / (1 - b2**k)) / (mpmath.sqrt(d / (1 - b3**k)) + eps)
                for a, b, c, d in zip(x, m, v, n, strict=True)
            ]
            before = g
            points.append([float(value) for value in x])
    np.testing.assert_allclose(ours("adan", step_size=0.1), points, rtol=0, atol=1e-13)


def test_optax_adan_is_not_the_authors_formula():
    with double_precision():
        x, transformation, points = jnp.array(START), optax.adan(0.1), [START]
        state = transformation.init(x)
        for _ in range(3):
            updates, state = transformation.update(jnp.array(EIGENVALUES) * x, state, x)
            x = optax.apply_updates(x, updates)
            points.append(np.asarray(x))
    apart = np.abs(ours("adan", steps=3, step_size=0.1) - points).max(axis=1)
    assert apart[1] < 1e-7
    if apart[2] < 1e-7:
        pytest.skip("this version of optax has the authors' formula")
    assert apart[2] > 1e-3


def test_cautious_adamw_is_its_formula_in_fifty_digits():
    with mpmath.workdps(50):
        s, b1, b2, eps, w = (mpmath.mpf(text) for text in ("0.1", "0.9", "0.99", "1e-8", "0.01"))
        x, points = [mpmath.mpf(value) for value in START], [START]
        m, v = ([mpmath.mpf(0)] * 3 for _ in range(2))
        for k in range(1, STEPS + 1):
            g = [a * b for a, b in zip(EIGENVALUES, x, strict=True)]
            m = [b1 * a + (1 - b1) * b for a, b in zip(m, g, strict=True)]
            v = [b2 * a + (1 - b2) * b * b for a, b in zip(v, g, strict=True)]
            mask = [int(a * b > 0) for a, b in zip(m, g, strict=True)]
            share = max(mpmath.mpf(sum(mask)) / 3, mpmath.mpf("1e-3"))
            size = s * mpmath.sqrt(1 - b2**k) / (1 - b1**k) / share
            x = [a - size * b * c / (mpmath.sqrt(d) + eps) for a, b, c, d in zip(x, mask, m, v, strict=True)]
            x = [(1 - s * w) * value for value in x]
            points.append([float(value) for value in x])
    found = ours("cautious-adamw", step_size=0.1, beta2=0.99, weight_decay=0.01)
    np.testing.assert_allclose(found, points, rtol=0, atol=1e-12)


def test_cautious_lion_is_its_formula():
    x, points, a = np.array(START), [START], np.zeros(3)
    for _ in range(STEPS):
        g = np.array(EIGENVALUES) * x
        u = np.sign(0.9 * a + 0.1 * g)
        mask = (u * g > 0).astype(float)
        x = x * (1 - 0.1 * 0.01) - 0.1 * u * mask / max(mask.mean(), 1e-3)
        a = 0.99 * a + 0.01 * g
        points.append(x)
    np.testing.assert_allclose(ours("cautious-lion", step_size=0.1, weight_decay=0.01), points, rtol=0, atol=1e-13)


def test_ema_nesterov_is_nesterov_with_a_shorter_step():
    other = ours("torch/sgd-nesterov", step_size=0.1 * 0.2, momentum=0.8)
    np.testing.assert_allclose(ours("ema-nesterov", step_size=0.1, momentum=0.8), other, rtol=0, atol=1e-14)


def test_outer_nesterov_is_pytorchs_nesterov_on_the_way_of_the_inner_steps():
    inner, scales = 3, torch.tensor(EIGENVALUES, dtype=torch.float64)
    outer = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    outside = torch.optim.SGD([outer], lr=0.7, momentum=0.9, nesterov=True)
    for _ in range(5):
        x = outer.detach().clone()
        for _ in range(inner):
            x -= 0.05 * scales * x
        outer.grad = outer.detach() - x
        outside.step()
    found = ours("outer-nesterov", steps=5 * inner, step_size=0.05, inner_steps=inner)
    np.testing.assert_allclose(found[-1], outer.detach().numpy(), rtol=0, atol=1e-14)


@pytest.mark.slow
def test_muon_moves_matrices_as_optax_orthogonalises_them():
    from optax.contrib._muon import orthogonalize_via_newton_schulz

    problem = nagbench.problem("factorisation", rows=5, columns=3, rank=2)
    assert problem.blocks == ((5, 2), (3, 2))
    x, points, averages = problem.start.copy(), [problem.start], [np.zeros(shape) for shape in problem.blocks]
    for _ in range(6):
        gradient, at, moved = problem.gradient(x), 0, []
        for number, (rows, columns) in enumerate(problem.blocks):
            g = gradient[at : at + rows * columns].reshape(rows, columns)
            averages[number] = 0.9 * averages[number] + 0.1 * g
            with double_precision():
                ahead = jnp.array(0.1 * g + 0.9 * averages[number])
                direction = orthogonalize_via_newton_schulz(ahead, jnp.array([3.4445, -4.775, 2.0315]), eps=0.0)
            moved.append(0.1 * max(1.0, rows / columns) ** 0.5 * np.asarray(direction).ravel())
            at += rows * columns
        x = x - np.concatenate(moved)
        points.append(x)
    found = ours("muon", steps=6, problem=problem, step_size=0.1, momentum=0.9, epsilon=0.0)
    np.testing.assert_allclose(found, points, rtol=0, atol=1e-11)


@pytest.mark.slow
def test_muon_is_pytorchs_up_to_its_half_precision():
    problem = nagbench.problem("factorisation", rows=4, columns=4, rank=2)
    found = nagbench.run(problem, "torch.optim:Muon:lr=0.01,weight_decay=0", budget=5, tolerance=1e-300, path=True).path
    # PyTorch orthogonalises in bfloat16, which has eight bits, and multiplies the step by √max(1, rows/columns) too.
    np.testing.assert_allclose(ours("muon", steps=5, problem=problem, step_size=0.01), found, rtol=0, atol=2e-3)


def test_the_parameters_of_compiled_muon_are_blocks_too():
    problem = nagbench.problem("factorisation", rows=5, columns=3, rank=2)
    compiled = nagbench.run(problem, "muon:step_size=0.1", budget=6, tolerance=1e-300, path=True).path
    np.testing.assert_allclose(compiled, ours("muon", steps=6, problem=problem, step_size=0.1), rtol=0, atol=1e-10)


def test_dog_and_dowg_do_not_move_at_a_stationary_point():
    for name in ("dog", "dowg", "d-adaptation-sgd", "prodigy", "momo"):
        problem = nagbench.problem("quadratic", eigenvalues=[1.0, 2.0], start=[0.0, 0.0])
        path = ours(name, steps=2, problem=problem)
        assert (path == 0.0).all()

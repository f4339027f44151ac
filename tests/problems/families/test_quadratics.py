"""Quadratics by name: published minima, closed spectra, and the theory that they are for."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from family_contract import Published, PublishedContract

import nagbench


def booth(x):
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def matyas(x):
    return 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1]


def quadratic_diagonal(x):
    return 0.5 * (torch.arange(1, len(x) + 1) * (x - 1) ** 2).sum()


def trid(x):
    return ((x - 1) ** 2).sum() - (x[1:] * x[:-1]).sum()


def hilbert(x):
    i = torch.arange(len(x), dtype=x.dtype)
    return 0.5 * x @ (1 / (i[:, None] + i + 1)) @ x


def nesterov_worst(x):
    return 0.25 * (0.5 * (x[0] ** 2 + ((x[:-1] - x[1:]) ** 2).sum() + x[-1] ** 2) - x[0])


def dixon3dq(x):
    return (x[0] - 1) ** 2 + ((x[1:-1] - x[2:]) ** 2).sum() + (x[-1] - 1) ** 2


def deepobs_hessian():
    """DeepOBS's draw, each rotation as a product of a Householder reflection and the rotation before it."""
    random = np.random.RandomState(42)
    eigenvalues = np.concatenate([random.uniform(0.0, 1.0, 90), random.uniform(30.0, 60.0, 10)])
    t = 2 * np.pi * random.uniform()
    rotation = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
    for d in range(2, 100):
        v = random.normal(size=(d + 1, 1))
        v = v / np.sqrt(v.T @ v)
        e = np.eye(d + 1)[:, :1]
        x = (e - v) / np.sqrt((e - v).T @ (e - v))
        rotation = (np.eye(d + 1) - 2 * x @ x.T) @ np.block(
            [[np.ones((1, 1)), np.zeros((1, d))], [np.zeros((d, 1)), rotation]]
        )
    return (-rotation).T @ np.diag(eigenvalues) @ (-rotation)


DEEP_HESSIAN = torch.tensor(deepobs_hessian())
# DeepOBS draws its points in single precision.
DEEP_POINTS = torch.tensor(np.float64(np.float32(np.random.RandomState(42).normal(0.0, 0.6, (1000, 100)))))


def quadratic_deep(x):
    return (0.5 * ((x - DEEP_POINTS) @ DEEP_HESSIAN * (x - DEEP_POINTS)).sum(dim=1)).mean()


ORIGIN = [[0.0, 0.0]]
CASES = [
    Published(
        name="diag-k100", formula=lambda x: 0.5 * (x[0] ** 2 + 100 * x[1] ** 2), arithmetic=True,
        start_value=50.5, start_slope=100.005, minimum=0, minimizers=ORIGIN, curvature=(1, 100), tight=True,
    ),
    Published(
        name="diag-k1e4", formula=lambda x: 0.5 * (x[0] ** 2 + 1e4 * x[1] ** 2), arithmetic=True,
        start_value=5000.5, start_slope=10000.00005, minimum=0, minimizers=ORIGIN, curvature=(1, 1e4), tight=True,
    ),
    Published(
        name="boyd-quadratic", formula=lambda x: 0.5 * (x[0] ** 2 + 10 * x[1] ** 2), arithmetic=True,
        start_value=55, start_slope=14.142136, minimum=0, minimizers=ORIGIN, curvature=(1, 10), tight=True,
    ),
    Published(
        name="quadratic-diagonal-100", formula=quadratic_diagonal, arithmetic=True,
        start_value=2525, start_slope=581.67861, minimum=0, minimizers=[[1.0] * 100], curvature=(1, 100), tight=True,
    ),
    Published(
        name="booth", formula=booth, arithmetic=True,
        start_value=74, start_slope=50.990195, minimum=0, minimizers=[[1, 3]], curvature=(2, 18), tight=True,
    ),
    Published(
        name="matyas", formula=matyas, arithmetic=True,
        start_value=16.04, start_slope=5.6571371, minimum=0, minimizers=ORIGIN, curvature=(0.04, 1), tight=True,
    ),
    Published(
        name="trid-6", formula=trid, arithmetic=True, start_value=6, start_slope=4.8989795, minimum=-50,
        minimizers=[[6, 10, 12, 12, 10, 6]], curvature=(0.198062, 3.80194), tight=True,
    ),
    Published(
        name="trid-10", formula=trid, arithmetic=True, start_value=10, start_slope=6.3245553, minimum=-210,
        minimizers=[[10, 18, 24, 28, 30, 30, 28, 24, 18, 10]], curvature=(0.0810141, 3.91899), tight=True,
    ),
    Published(
        name="hilbert-4", formula=hilbert, arithmetic=True, start_value=22.84285714, start_slope=8.1975233, minimum=0,
        minimizers=[[0.0] * 4], curvature=(9.67023e-05, 1.50021), tight=True,
    ),
    Published(
        name="hilbert-10", formula=hilbert, arithmetic=True, start_value=60.18942629, start_slope=14.129517, minimum=0,
        minimizers=[[0.0] * 10], curvature=(0, 1.75192), tight=True, reach=1e-2,
    ),
    Published(
        name="nesterov-worst", formula=nesterov_worst, arithmetic=True, start_value=0, start_slope=0.25,
        minimum=-0.12202380952381, minimizers=[[1 - i / 42 for i in range(1, 42)]], curvature=(0.0013981, 0.998602),
        tight=True,
    ),
    Published(
        name="dixon3dq-10", formula=dixon3dq, arithmetic=True, start_value=8, start_slope=5.6568542, minimum=0,
        minimizers=[[1.0] * 10], curvature=(8 * np.sin(np.pi / 38) ** 2, 8 * np.sin(17 * np.pi / 38) ** 2), tight=True,
    ),
    Published(
        name="quadratic-deep", formula=quadratic_deep, arithmetic=True, start_value=353.706445,
        start_slope=float(torch.linalg.norm(DEEP_HESSIAN @ (1 - DEEP_POINTS.mean(dim=0)))),
        minimum=float(0.5 * torch.trace(DEEP_HESSIAN @ torch.cov(DEEP_POINTS.T, correction=0))),
        minimizers=[DEEP_POINTS.mean(dim=0).tolist()], curvature=(0.0055221171, 53.1290154), tight=True, reach=1e-4,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestQuadratics(PublishedContract):
    def test_spectrum_and_eigenvectors_are_the_hessians(self, case):
        problem = case.problem()
        hessian = case.hessian(problem.start)
        vectors = np.eye(problem.dimension) if problem.eigenvectors is None else problem.eigenvectors
        atol = 1e-13 * problem.smoothness
        np.testing.assert_allclose(vectors * problem.spectrum @ vectors.T, hessian, atol=atol)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(problem.dimension), atol=1e-9)
        np.testing.assert_allclose(np.sort(problem.spectrum), np.linalg.eigvalsh(hessian), atol=atol)
        assert (problem.smoothness, problem.strong_convexity) == (problem.spectrum.max(), problem.spectrum.min())
        assert problem.kind == "quadratic"

    @pytest.mark.parametrize("method", ["gradient-descent", "momentum", "nesterov"])
    def test_theory_predicts_the_count(self, case, method):
        problem = case.problem()
        momentum = {} if method == "gradient-descent" else {"momentum": 0.9}
        optimizer = nagbench.optimizer(method, step_size=1.0 / problem.smoothness, **momentum)
        run = nagbench.run(problem, optimizer, relative=True, tolerance=1e-3, budget=50_000)
        assert run.status == "converged"
        assert run.predicted_iterations == run.iterations


@pytest.mark.parametrize("n", [2, 3, 6, 17])
def test_closed_spectra(n):
    j = np.arange(1, n + 1)
    np.testing.assert_allclose(
        nagbench.problem("trid", dimension=n).spectrum, 4 * np.sin(j * np.pi / (2 * (n + 1))) ** 2, rtol=1e-13
    )
    worst, m = nagbench.problem("nesterov-worst", k=n, L=8.0), 2 * n + 1
    j = np.arange(1, m + 1)
    np.testing.assert_allclose(worst.spectrum, 8 * np.sin(j * np.pi / (2 * (m + 1))) ** 2, rtol=1e-11)
    chain = 8 * np.sin((2 * np.arange(1, n) - 1) * np.pi / (2 * (2 * n - 1))) ** 2
    np.testing.assert_allclose(nagbench.problem("dixon3dq", dimension=n).spectrum, np.sort([2.0, *chain]), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 4, 10, 12])
def test_hilbert_spectrum_to_seven_digits(n):
    with mpmath.workdps(60):
        exact = mpmath.eigsy(mpmath.hilbert(n), eigvals_only=True)
        exact = np.array([float(value) for value in exact])
    np.testing.assert_allclose(nagbench.problem("hilbert", dimension=n).spectrum, np.sort(exact), rtol=1e-7)


def test_exact_line_search_on_boyds_quadratic():
    """Its iterates are γ((γ − 1)/(γ + 1))ᵏ and (−(γ − 1)/(γ + 1))ᵏ (Boyd & Vandenberghe 2004, eq. 9.19)."""
    problem = nagbench.problem("boyd-quadratic")
    x = problem.start
    for k in range(1, 20):
        g = problem.gradient(x)
        x = x - g @ g / (g @ problem.gradient(g)) * g
        np.testing.assert_allclose(x, [10 * (9 / 11) ** k, (-9 / 11) ** k], rtol=1e-12)


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("optimizer", ["gradient-descent:step_size=0.5", "nesterov:step_size=0.25,momentum=0.8"])
def test_no_method_beats_nesterovs_lower_bound(k, optimizer):
    problem = nagbench.problem("nesterov-worst", k=k, L=4.0)
    run = nagbench.run(problem, optimizer, tolerance=1e-300, budget=k)
    away = np.linalg.norm(problem.start - problem.minimizers[0])
    assert run.iterations == k
    assert run.value - problem.minimum >= 3 * 4.0 * away**2 / (32 * (k + 1) ** 2)
    assert (run.iterate[k:] == 0.0).all()


def test_deep_spectrum_and_held_out_loss():
    problem = nagbench.problem("quadratic-deep")
    assert ((problem.spectrum > 0) & (problem.spectrum < 1)).sum() == 90
    assert ((problem.spectrum > 30) & (problem.spectrum < 60)).sum() == 10
    assert problem.minimum == pytest.approx(84.7696532756, abs=5e-11)
    assert problem.metrics["test_loss"](problem.start) == pytest.approx(353.925974, rel=1e-8)


@pytest.mark.parametrize("engine", ["numba", "python"])
def test_deep_mini_batches_are_means_over_their_rows(engine):
    problem = replace(nagbench.problem("quadratic-deep"), engine=engine)
    x = np.random.default_rng(0).normal(size=100)
    rows = np.random.default_rng(1).permutation(1000)
    batches = np.split(rows, [1, 33, 500])
    values, gradients = zip(*(problem.evaluate(x, rows=batch) for batch in batches), strict=True)
    weights = [len(batch) / 1000 for batch in batches]
    np.testing.assert_allclose(np.dot(weights, np.ravel(values)), problem.value(x), rtol=1e-13)
    np.testing.assert_allclose(weights @ np.squeeze(gradients), problem.gradient(x), atol=1e-12)
    one = torch.tensor(x) - DEEP_POINTS[int(rows[0])]
    assert values[0][0] == pytest.approx(float(0.5 * one @ DEEP_HESSIAN @ one), rel=1e-12)
    np.testing.assert_allclose(gradients[0][0], (DEEP_HESSIAN @ one).numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "trid:dimension=1", "trid:dimension=2.5", "trid:dimension=-3", "hilbert:dimension=13", "nesterov-worst:k=0",
        "nesterov-worst:L=-1", "nesterov-worst:L=inf", "quadratic-diagonal:dimension=many", "dixon3dq:dimension=inf",
    ],
)  # fmt: skip
def test_bad_parameters_are_named(text):
    name, value = text.split(":")[1].split("=")
    with pytest.raises(nagbench.UsageError, match=rf"{name}=.?{value}.* is not valid; allowed: ") as caught:
        nagbench.problem(text)
    assert text.split(":")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hessian": [[1.0, 2.0], [0.0, 1.0]]}, "symmetric"),
        ({"hessian": [[1.0, 2.0]]}, "symmetric"),
        ({"hessian": [[1.0, 2.0], [2.0, 1.0]]}, "eigenvalue"),
        ({"hessian": [[1.0]], "minimizer": [0.0, 0.0]}, "1 numbers"),
        ({"hessian": [[np.inf]]}, "finite"),
    ],
)
def test_bad_hessians_are_named(parameters, message):
    with pytest.raises(nagbench.UsageError, match=message):
        nagbench.problem("quadratic-form", **parameters)

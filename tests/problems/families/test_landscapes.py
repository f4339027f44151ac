"""Nonconvex landscapes: published minima, all listed minima, saddles that descent leaves, plateaus that it crosses."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from family_contract import Formula, FormulaContract, Published, PublishedContract

import nagbench

PI = np.pi
cos, sin, exp, sqrt = torch.cos, torch.sin, torch.exp, torch.sqrt


def rosenbrock_chain(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def beale(x):
    return sum((y - x[0] * (1 - x[1] ** i)) ** 2 for i, y in enumerate((1.5, 2.25, 2.625), start=1))


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def three_hump(x):
    return 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2


def six_hump(x):
    return (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + (4 * x[1] ** 2 - 4) * x[1] ** 2


def goldstein_price(x):
    a, b = x
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    return first * (30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2))


def styblinski_tang(x):
    return 0.5 * (x**4 - 16 * x**2 + 5 * x).sum()


def dixon_price(x):
    return (x[0] - 1) ** 2 + (torch.arange(2, len(x) + 1) * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum()


def cube(x):
    return 100 * (x[1] - x[0] ** 3) ** 2 + (x[0] - 1) ** 2


def rastrigin(x):
    return 10 * len(x) + (x**2 - 10 * cos(2 * PI * x)).sum()


def ackley(x):
    return 20 + np.e - 20 * exp(-0.2 * sqrt((x**2).mean())) - exp(cos(2 * PI * x).mean())


def griewank(x):
    return 1 + (x**2).sum() / 4000 - cos(x / sqrt(torch.arange(1.0, len(x) + 1, dtype=x.dtype))).prod()


def levy(x):
    w = 1 + (x - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * sin(PI * w[:-1] + 1) ** 2)).sum()
    return sin(PI * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + sin(2 * PI * w[-1]) ** 2)


def michalewicz(x):
    return -(sin(x) * sin(torch.arange(1, len(x) + 1) * x**2 / PI) ** 20).sum()


def easom(x):
    return -cos(x[0]) * cos(x[1]) * exp(-((x[0] - PI) ** 2) - (x[1] - PI) ** 2)


def mccormick(x):
    return sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def branin(x):
    bend = x[1] - 5.1 / (4 * PI**2) * x[0] ** 2 + 5 / PI * x[0] - 6
    return bend**2 + 10 * (1 - 1 / (8 * PI)) * cos(x[0]) + 10


def saddle_quartic(x):
    return x[0] ** 4 / 4 - x[0] ** 2 / 2 + x[1] ** 2 / 2


def monkey_saddle(x):
    return x[0] ** 3 - 3 * x[0] * x[1] ** 2 + (x[0] ** 2 + x[1] ** 2) ** 2


def scalar_factorization(x):
    return 0.5 * (x[0] * x[1] - 1) ** 2 + 0.05 * (x[0] ** 2 + x[1] ** 2)


def tanh_plateau(x):
    return (torch.tanh(x) ** 2).sum()


CASES = [
    Published(
        name="rosenbrock-chain-5", formula=rosenbrock_chain, arithmetic=True, start_value=848.22,
        start_slope=2246.1073, minimum=0, minimizers=[[1.0] * 5], curvature=(0.497316, 1649.18),
    ),
    Published(
        name="beale", formula=beale, arithmetic=True, start_value=14.203125, start_slope=27.75,
        minimum=0, minimizers=[[3, 0.5]], curvature=(0.301464, 48.9798),
    ),
    Published(
        name="himmelblau", formula=himmelblau, arithmetic=True, start_value=26, start_slope=45.694639, minimum=0,
        minimizers=[
            [3, 2], [-2.805118086952745, 3.131312518250573], [-3.779310253377747, -3.283185991286170],
            [3.584428340330492, -1.848126526964404],
        ],
        curvature=(25.7157, 82.2843),
    ),
    Published(
        name="three-hump-camel", formula=three_hump, arithmetic=True, start_value=0.5828125, start_slope=1.6584184,
        minimum=0, minimizers=[[0, 0]], curvature=(1.58579, 4.41421),
    ),
    Published(
        name="six-hump-camel", formula=six_hump, arithmetic=True, start_value=-0.1260416667, start_slope=3.5443838,
        minimum=-1.03162845348988, curvature=(7.68225, 16.4932),
        minimizers=[[0.0898420131003, -0.712656403021], [-0.0898420131003, 0.712656403021]],
    ),
    Published(
        name="goldstein-price", formula=goldstein_price, arithmetic=True, start_value=23.80977664,
        start_slope=291.33239, minimum=3, minimizers=[[0, -1]], curvature=(402.831, 965.169),
    ),
    Published(
        name="styblinski-tang", formula=styblinski_tang, arithmetic=True, start_value=-20, start_slope=23.334524,
        minimum=-78.3323314075428, minimizers=[[-2.90353402777] * 2], curvature=(34.5831, 34.5831),
    ),
    Published(
        name="dixon-price-4", formula=dixon_price, arithmetic=True, start_value=9, start_slope=37.363083, minimum=0,
        minimizers=[
            [1, 0.707106781187, 0.594603557501, sign * 0.545253866333] for sign in (1, -1)
        ],
        curvature=(1.71733, 63.0501),
    ),
    Published(
        name="cube", formula=cube, arithmetic=True, start_value=749.0384, start_slope=2423.603,
        minimum=0, minimizers=[[1, 1]], curvature=(0.19982, 2001.8),
    ),
    Published(
        name="rastrigin", formula=rastrigin, start_value=36.25, start_slope=8.0622577,
        minimum=0, minimizers=[[0, 0]], curvature=(396.784, 396.784), tight=True,
    ),
    Published(
        name="ackley", formula=ackley, start_value=9.10803009, start_slope=1.8727543, minimum=0, minimizers=[[0, 0]],
    ),
    Published(
        name="griewank", formula=griewank, start_value=0.7855494848, start_slope=0.53615989,
        minimum=0, minimizers=[[0, 0]], curvature=(0.5005, 1.0005), tight=True,
    ),
    Published(
        name="levy", formula=levy, start_value=6.682399013, start_slope=5.014251,
        minimum=0, minimizers=[[1, 1]], curvature=(0.125, 2.24379),
    ),
    Published(
        name="michalewicz", formula=michalewicz, start_value=-1.193246289, start_slope=5.2055638,
        minimum=-1.80130341009855, minimizers=[[2.20290552017, PI / 2]], curvature=(32.5056, 81),
    ),
    Published(
        name="easom", formula=easom, start_value=-0.05880394361, start_slope=0.27085716,
        minimum=-1, minimizers=[[PI, PI]], curvature=(3, 3),
    ),
    Published(
        name="mccormick", formula=mccormick, start_value=1, start_slope=3.5355339, minimum=-1.91322295498104,
        minimizers=[[-0.547197551197, -1.5471975512]], curvature=(1.73205, 4), tight=True,
    ),
    Published(
        name="branin", formula=branin, start_value=6.448147949, start_slope=7.419429, minimum=0.397887357729738,
        minimizers=[[-PI, 12.275], [PI, 2.275], [9.424777960769379, 2.475]], curvature=(1.73226, 11.0862),
    ),
    Published(
        name="saddle-quartic", formula=saddle_quartic, arithmetic=True, start_value=0.5, start_slope=1,
        minimum=-0.25, minimizers=[[1, 0], [-1, 0]], curvature=(1, 2),
    ),
    Published(
        name="monkey-saddle", formula=monkey_saddle, arithmetic=True, start_value=-1.075e-05, start_slope=0.001456022,
        minimum=-0.10546875, curvature=(2.25, 6.75),
        minimizers=[[-0.75, 0], [0.375, 0.649519052838], [0.375, -0.649519052838]],
    ),
    Published(
        name="scalar-factorization", formula=scalar_factorization, arithmetic=True, start_value=2.079055,
        start_slope=np.hypot(1.99 * 0.99 + 0.1, -1.99 - 0.099), minimum=0.095, curvature=(0.2, 1.8),
        minimizers=[[0.948683298051] * 2, [-0.948683298051] * 2],
    ),
    Published(
        name="tanh-plateau", formula=tanh_plateau, start_value=1.997318099, start_slope=0.0037902375,
        minimum=0, minimizers=[[0, 0]], curvature=(2, 2), tight=True,
    ),
]  # fmt: skip
IN_OTHER_DIMENSIONS = [
    Formula(name=f"{name}:dimension={n}", formula=formula, arithmetic=arithmetic)
    for name, formula, arithmetic in [
        ("styblinski-tang", styblinski_tang, True),
        ("dixon-price", dixon_price, True),
        ("rastrigin", rastrigin, False),
        ("griewank", griewank, False),
        ("levy", levy, False),
        ("michalewicz", michalewicz, False),
        ("tanh-plateau", tanh_plateau, False),
    ]
    for n in (3, 17)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestLandscapes(PublishedContract):
    pass


@pytest.mark.parametrize("case", IN_OTHER_DIMENSIONS, ids=lambda case: case.name)
class TestOtherDimensions(FormulaContract):
    pass


@pytest.mark.parametrize("name", ["rastrigin", "levy", "griewank", "ackley", "tanh-plateau", "styblinski-tang"])
def test_one_dimension(name):
    problem = nagbench.problem(name, dimension=1)
    formula = {f.name: f.formula for f in CASES}[name]
    case = Formula(name=f"{name}:dimension=1", formula=formula)
    for x in np.linspace(0.3, 4.1, 7):
        value, gradient = case.value_and_gradient([x])
        assert problem.value([x]) == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(problem.gradient([x]), gradient, rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "dimension", "minimum"),
    [("styblinski-tang", 5, -39.16617 * 5), ("michalewicz", 5, -4.687658), ("michalewicz", 10, -9.66015)],
)
def test_published_minima_in_other_dimensions(name, dimension, minimum):
    assert nagbench.problem(name, dimension=dimension).minimum == pytest.approx(minimum, abs=1e-5 * dimension)


def test_michalewicz_is_on_the_highest_ridge_of_each_coordinate():
    best = nagbench.problem("michalewicz", dimension=40).minimizers[0]
    t = np.linspace(0, PI, 20_001)
    for i, x in enumerate(best, start=1):
        assert np.sin(x) * np.sin(i * x**2 / PI) ** 20 >= (np.sin(t) * np.sin(i * t**2 / PI) ** 20).max()


@pytest.mark.parametrize(
    ("name", "count", "heights"),
    [
        ("three-hump-camel", 2, [0.298638442236861]),
        ("six-hump-camel", 4, [-0.2154638, 2.1042503]),
        ("goldstein-price", 3, [30, 84, 840]),
        ("styblinski-tang", 3, [-64.1956, -50.0589]),
        ("rastrigin", 120, [0.99495906, 12.93443167]),
        ("ackley", 48, [2.57992756, 3.57445188, 5.38186419]),
        ("griewank", 4, [0.00739604]),
    ],
)
def test_listed_local_minima(name, count, heights):
    """They are distinct, they are minima by torch's Hessian, and those of known heights are among them."""
    problem = nagbench.problem(name)
    case = next(case for case in CASES if case.name == name)
    points = problem.stationary_points
    assert len(np.unique(points.round(6), axis=0)) == len(points) == count
    for point in points:
        assert np.linalg.eigvalsh(case.hessian(point))[0] > 0
    values = problem.values(points)
    for height in heights:
        assert np.abs(values - height).min() <= 1e-5 * max(1, abs(height))


@pytest.mark.parametrize("engine", ["numba", "python"])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_ackley_has_a_kink_at_its_minimum(dimension, engine):
    problem = replace(nagbench.problem("ackley", dimension=dimension), engine=engine)
    assert problem.value(np.zeros(dimension)) == 0.0
    assert not problem.gradient(np.zeros(dimension)).any()
    for size in (1e-150, 1e-100, 1e-12):
        near = np.full(dimension, size)
        assert np.linalg.norm(problem.gradient(near)) == pytest.approx(4 / np.sqrt(dimension), rel=1e-6)
    assert problem.value(np.full(dimension, 1e-12)) == pytest.approx(4e-12, rel=1e-9)


def test_minima_outside_the_published_boxes():
    """McCormick falls by π with every shift by (−π, −π); Branin has minimisers at all odd multiples of π."""
    x = np.array([0.3, -0.8])
    mccormick = nagbench.problem("mccormick")
    assert mccormick.value(x - PI) == pytest.approx(mccormick.value(x) - PI, rel=1e-13)
    branin = nagbench.problem("branin")
    far = [5 * PI, 5.1 / 4 * 25 - 25 + 6]
    assert branin.value(far) == pytest.approx(branin.minimum, abs=1e-12)
    assert np.linalg.norm(branin.gradient(far)) <= 1e-12


@pytest.mark.parametrize(
    ("name", "on_the_ridge", "eigenvalues"),
    [
        ("saddle-quartic", [0.0, 1.0], [-1, 1]),
        ("scalar-factorization", [1.0, -1.0], [-0.9, 1.1]),
        ("monkey-saddle", [0.0, 0.0], [0, 0]),
    ],
)
def test_descent_enters_the_saddle_from_its_ridge_alone(name, on_the_ridge, eigenvalues):
    problem = nagbench.problem(name)
    case = next(case for case in CASES if case.name == name)
    np.testing.assert_allclose(np.linalg.eigvalsh(case.hessian([0.0, 0.0])), eigenvalues, atol=1e-14)
    descent = nagbench.optimizer("gradient-descent", step_size=0.1)
    stuck = nagbench.run(problem, descent, start=on_the_ridge, tolerance=1e-10)
    np.testing.assert_allclose(stuck.iterate, 0, atol=1e-9)
    escaped = nagbench.run(problem, descent, tolerance=1e-10)
    assert escaped.status == "converged"
    assert escaped.value == pytest.approx(problem.minimum, rel=1e-12)


def test_time_to_escape_grows_with_the_logarithm_of_the_distance():
    """Next to the strict saddle x grows by 1 + s an iteration: a start 10⁶ times nearer takes ln 10⁶/ln(1 + s) more."""
    problem = nagbench.problem("saddle-quartic")
    descent = nagbench.optimizer("gradient-descent", step_size=0.01)
    near, nearer = (
        nagbench.run(problem, descent, start=[x, 0.0], measure="distance", tolerance=0.5).iterations
        for x in (1e-3, 1e-9)
    )
    assert nearer - near == pytest.approx(np.log(1e6) / np.log(1.01), abs=1)


def test_scalar_factorization_for_any_decay():
    for decay in (0.01, 0.5, 0.9):
        problem = nagbench.problem("scalar-factorization", decay=decay)
        lattice = np.array(list(itertools.product(np.linspace(-2, 2, 41), repeat=2)))
        assert problem.values(lattice).min() >= problem.minimum
        values, gradients = problem.evaluate(problem.minimizers)
        np.testing.assert_allclose(values, problem.minimum, rtol=1e-14)
        np.testing.assert_allclose(gradients, 0, atol=1e-15)


def test_plateau_keeps_its_slope_far_out():
    """4e^(−2x)·(1 + O(e^(−2x))) · 2, where 1 − tanh² would have lost every digit."""
    problem = nagbench.problem("tanh-plateau", dimension=1)
    for x in (10.0, 30.0, 300.0):
        assert problem.gradient([x])[0] == pytest.approx(8 * np.exp(-2 * x), rel=1e-7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("styblinski-tang:dimension=0", "dimension=0"), ("dixon-price:dimension=1", "dimension=1"),
        ("michalewicz:dimension=101", "at most 100"), ("scalar-factorization:decay=1", "decay=1"),
        ("scalar-factorization:decay=0", "decay=0"), ("ackley:dimension=2.5", "dimension=2.5"),
    ],
)  # fmt: skip
def test_bad_parameters_are_named(text, message):
    with pytest.raises(nagbench.UsageError, match=f"{text.split(':')[0]}: .*{message}"):
        nagbench.problem(text)

"""NIST's curve fits against the certified values, the models written a second time, SciPy's minimisers, and S2MPJ."""

import warnings

import numpy as np
import pytest
from nist_formulas import CURVES
from residual_contract import (
    ResidualContract,
    Residuals,
    is_near,
    minimize_bfgs,
    minimize_marquardt,
    points_near_start,
)

import nagbench
from nagbench.core.errors import UsageError
from nagbench.problems.families.nist import datasets

# Set: observations, certified residual sum of squares.
CERTIFIED = {
    "bennett5": (154, 5.2404744073e-04), "boxbod": (6, 1.1680088766e03), "chwirut1": (214, 2.3844771393e03),
    "chwirut2": (54, 5.1304802941e02), "danwood": (6, 4.3173084083e-03), "enso": (168, 7.8853978668e02),
    "eckerle4": (35, 1.4635887487e-03), "gauss1": (250, 1.3158222432e03), "gauss2": (250, 1.2475282092e03),
    "gauss3": (250, 1.2444846360e03), "hahn1": (236, 1.5324382854e00), "kirby2": (151, 3.9050739624e00),
    "lanczos1": (24, 1.4307867721e-25), "lanczos2": (24, 2.2299428125e-11), "lanczos3": (24, 1.6117193594e-08),
    "mgh09": (11, 3.0750560385e-04), "mgh10": (16, 8.7945855171e01), "mgh17": (33, 5.4648946975e-05),
    "misra1a": (14, 1.2455138894e-01), "misra1b": (14, 7.5464681533e-02), "misra1c": (14, 4.0966836971e-02),
    "misra1d": (14, 5.6419295283e-02), "nelson": (128, 3.7976833176e00), "rat42": (9, 8.0565229338e00),
    "rat43": (15, 8.7864049080e03), "roszman1": (25, 4.9484847331e-04), "thurber": (37, 5.6427082397e03),
}  # fmt: skip
ARITHMETIC = {"misra1b", "misra1c", "misra1d", "hahn1", "thurber", "kirby2", "mgh09"}

# Where a method does not end at the minimiser from a start, and why.
NOT_BY_MARQUARDT = {("boxbod", 1): "its first step leads to the plateau where the exponential has vanished"}
NOT_BY_BFGS = {("bennett5", 2): "the line search leaves the domain of the power"}

# S2MPJ 7 II 2026 takes (b₁x)^b₂ for b₁x^b₂ in DANWOODLS, and another branch of arctan in ROSZMAN1LS.
NOT_IN_S2MPJ = {"danwood", "roszman1"}


def residuals_of(dataset):
    found = datasets()[dataset]
    responses = np.log(found["y"]) if dataset == "nelson" else np.array(found["y"])
    predictors = [np.array(column) for column in found["x"]]
    curve = CURVES[dataset]
    return Residuals(
        name=f"nist-{dataset}", formula=lambda b: responses - curve(b, *predictors), arithmetic=dataset in ARITHMETIC
    )


@pytest.mark.parametrize("case", [residuals_of(dataset) for dataset in CERTIFIED], ids=lambda case: case.name)
class TestContract(ResidualContract):
    pass


def test_suite_is_the_collection():
    from nagbench.problems.suites import suites

    assert datasets().keys() == CERTIFIED.keys()
    names = {name for name, entry in suites().items() if entry.suite == "nist"}
    assert names == {f"nist-{dataset}" for dataset in CERTIFIED}


@pytest.mark.parametrize("dataset", CERTIFIED)
def test_value_at_the_certified_parameters_is_the_certified_one(dataset):
    found, (observations, certified) = datasets()[dataset], CERTIFIED[dataset]
    assert len(found["y"]) == observations
    if dataset == "lanczos1":
        # Eleven digits of b leave residuals of 1e-11; the certified ones are 1e-13.
        assert nagbench.problem("nist-lanczos1").value(found["certified"]) < 1e-20
    else:
        assert nagbench.problem(f"nist-{dataset}").value(found["certified"]) == pytest.approx(certified, rel=2e-10)


@pytest.mark.parametrize("dataset", CERTIFIED)
def test_refined_minimum_rounds_to_the_certified_one(dataset):
    problem = nagbench.problem(f"nist-{dataset}")
    assert f"{problem.minimum:.10e}" == f"{CERTIFIED[dataset][1]:.10e}"
    np.testing.assert_allclose(problem.minimizers[0], datasets()[dataset]["certified"], rtol=5e-11)


def problem_and_case(dataset, start_point):
    name = f"nist-{dataset}:start_point={start_point}"
    return nagbench.problem(name), Residuals(name=name, formula=residuals_of(dataset).formula)


@pytest.mark.parametrize("start_point", [1, 2])
@pytest.mark.parametrize("dataset", CERTIFIED)
def test_marquardt_ends_at_a_minimizer(dataset, start_point):
    problem, case = problem_and_case(dataset, start_point)
    end = minimize_marquardt(case)
    assert is_near(end, problem.minimizers, 1e-5) == ((dataset, start_point) not in NOT_BY_MARQUARDT)


@pytest.mark.parametrize("dataset", CERTIFIED)
def test_bfgs_ends_at_a_minimizer_from_the_near_start(dataset):
    problem, _ = problem_and_case(dataset, 2)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        end = minimize_bfgs(problem)
    assert is_near(end, problem.minimizers, 1e-5) == ((dataset, 2) not in NOT_BY_BFGS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dataset", [dataset for dataset in CERTIFIED if dataset not in NOT_IN_S2MPJ])
def test_value_and_gradient_are_those_of_s2mpj(dataset, s2mpj_load):
    problem, other = nagbench.problem(f"nist-{dataset}"), s2mpj_load(f"{dataset.upper()}LS")
    np.testing.assert_array_equal(problem.start, other.x0)
    for point in points_near_start(problem, 5):
        gradient = problem.gradient(point)
        assert problem.value(point) == pytest.approx(other.fun(point), rel=1e-12)
        assert np.linalg.norm(gradient - other.grad(point)) <= 1e-9 * np.linalg.norm(gradient)


@pytest.mark.parametrize(
    ("dataset", "count"), [("eckerle4", 2), ("mgh17", 2), ("lanczos2", 6), ("gauss1", 8), ("enso", 8), ("misra1a", 1)]
)
def test_symmetric_minimizers_are_all_different(dataset, count):
    assert len(np.unique(nagbench.problem(f"nist-{dataset}").minimizers, axis=0)) == count


@pytest.mark.parametrize("dataset", ["rat42", "rat43"])
def test_gradient_on_the_plateau_is_zero_where_the_exponential_overflows(dataset):
    """Where e^(b₂ − b₃x) overflows the curve is 0: f = Σ y², and nothing moves it."""
    problem = nagbench.problem(f"nist-{dataset}")
    point = problem.start.copy()
    point[1] = 1e4
    assert problem.value(point) == pytest.approx(np.sum(np.square(datasets()[dataset]["y"])))
    np.testing.assert_array_equal(problem.gradient(point), 0.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"dataset": "misra"}, "did you mean 'misra1"), ({"dataset": "gauss1", "start_point": 3}, "start_point=3 is not")],
)
def test_unknown_sets_and_starts_are_refused(parameters, message):
    with pytest.raises(UsageError, match=message):
        nagbench.problem("nist", **parameters)

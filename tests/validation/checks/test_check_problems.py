"""Every check of a problem catches a problem that is broken in the way that it is there for, and passes a sound one."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import nagbench
from nagbench import Problem, jitable
from nagbench.problems.lookup import problem as make_problem
from nagbench.validation.checks import check_problem


@jitable
def value(x, data, shape, rows):
    return 0.5 * (data[0] * x[0] * x[0] + data[1] * x[1] * x[1])


def gradient(x, data, shape, rows, out):
    out[0] = data[0] * x[0]
    out[1] = data[1] * x[1]


def sound(**changes):
    """½(x² + 4y²), right in every fact; plain Python unless told otherwise, so that nothing need be compiled."""
    facts = {
        "name": "sound", "family": "quadratic", "parameters": {"eigenvalues": [1.0, 4.0]}, "value_kernel": value,
        "gradient_kernel": gradient, "data": np.array([1.0, 4.0]), "start": np.ones(2), "minimum": 0.0,
        "minimizers": np.zeros((1, 2)), "smoothness": 4.0, "strong_convexity": 1.0, "spectrum": np.array([1.0, 4.0]),
        "domain": np.array([[-2.0, 2.0], [-1.0, 3.0]]), "kind": "quadratic", "engine": "python",
    }  # fmt: skip
    return Problem(**{**facts, **changes})


def findings(problem, **settings):
    return {check.check: check for check in check_problem(problem, **settings)}


def test_a_sound_problem_passes_all_on_both_engines():
    for engine in ("python", "numba"):
        found = findings(sound(engine=engine))
        assert {check.status for check in found.values()} <= {"passed", "skipped"}, found
        assert found["engines"].status == ("skipped" if engine == "python" else "passed")


def slope_of_a_neighbour(x, data, shape, rows, out):
    out[0] = data[0] * x[0]
    out[1] = 4.0 * (1.0 + 1e-7) * x[1]


def writes_x(x, data, shape, rows, out):
    gradient(x, data, shape, rows, out)
    x[0] = x[0] + 1e-9


def writes_data(x, data, shape, rows):
    result = value(x, data, shape, rows)
    data[0] += 1e-12
    return result


def writes_rows(x, data, shape, rows, out):
    rows_value_slope(x, data, shape, rows, out)
    if rows.size > 0:
        rows[0] = 0


def forgets_one(x, data, shape, rows, out):
    out[0] = data[0] * x[0]


def adds_to_out(x, data, shape, rows, out):
    out[0] += data[0] * x[0]
    out[1] += data[1] * x[1]


_COUNT = itertools.count()
_SEEN = {}


def drifts(x, data, shape, rows):
    return value(x, data, shape, rows) + 1e-12 * next(_COUNT)


def draws(x, data, shape, rows, out):
    gradient(x, data, shape, rows, out)
    out[1] *= 1.0 + 1e-12 * np.random.default_rng().standard_normal()


def forgetful(x, data, shape, rows):
    """A cache of one entry with too coarse a key: twice in a row gives the same, in another order not."""
    key = (round(x[0]), round(x[1]))
    if key not in _SEEN:
        _SEEN.clear()
        _SEEN[key] = value(x, data, shape, rows)
    return _SEEN[key]


def halves_in_python_only(x, data, shape, rows):
    """A whole number to the power −1: ½ in Python, a whole number again when compiled."""
    return value(x, data, shape, rows) * 2 ** (x.size - 3)


def does_not_compile(x, data, shape, rows):
    return value(x, data, shape, rows) + len(str({"a": object()})) * 0.0


def rows_value(x, data, shape, rows):
    count = rows.size if rows.size > 0 else shape[0]
    total = 0.0
    for i in range(count):
        apart = x[0] - data[rows[i] if rows.size > 0 else i]
        total += 0.5 * apart * apart
    return total / count


def rows_value_slope(x, data, shape, rows, out):
    count = rows.size if rows.size > 0 else shape[0]
    out[0] = 0.0
    for i in range(count):
        out[0] += (x[0] - data[rows[i] if rows.size > 0 else i]) / count


def sums_instead(x, data, shape, rows, out):
    rows_value_slope(x, data, shape, rows, out)
    if rows.size > 0:
        out[0] *= rows.size


def drops_the_tail(x, data, shape, rows, out):
    """As a loop unrolled by two that leaves out an odd last row."""
    count = rows.size if rows.size > 0 else shape[0]
    out[0] = 0.0
    for i in range(count - count % 2 if rows.size > 0 else count):
        out[0] += (x[0] - data[rows[i] if rows.size > 0 else i]) / count


def mean_of_rows(slope=rows_value_slope):
    data = np.linspace(0.0, 1.0, 40)
    return Problem(
        name="mean", family="mean", value_kernel=rows_value, gradient_kernel=slope, data=data, shape=np.array([40]),
        row_count=40, start=np.ones(1), engine="python",
    )  # fmt: skip


def quartic(x, data, shape, rows):
    return x[0] * x[0] * x[0] * x[0] + 2.0 * x[1] * x[1]


def quartic_slope(x, data, shape, rows, out):
    out[0] = 4.0 * x[0] * x[0] * x[0]
    out[1] = 4.0 * x[1]


def saddle_slope(x, data, shape, rows, out):
    out[0] = -x[0]
    out[1] = x[1]


def saddle(x, data, shape, rows):
    return 0.5 * (x[1] * x[1] - x[0] * x[0])


def undefined(x, data, shape, rows):
    return x[0] * np.nan


def undefined_slope(x, data, shape, rows, out):
    out[0], out[1] = x[0], np.inf


TURN = np.array([[0.6, -0.8], [0.8, 0.6]])
QUARTIC = {"value_kernel": quartic, "gradient_kernel": quartic_slope, "spectrum": None}
BROKEN = [
    ("start", sound(start=np.array([1.0, np.nan])), "not a list of finite numbers"),
    ("start", sound(value_kernel=undefined), "the value at the start is nan"),
    ("start", sound(gradient_kernel=undefined_slope), "coordinate 1 of the gradient at the start is inf"),
    ("gradient", sound(gradient_kernel=slope_of_a_neighbour), "from dual numbers"),
    ("gradient", mean_of_rows(sums_instead), "on 8 of 40 rows"),
    ("rebuild", sound(parameters={"eigenvalues": [1.0, 4.5]}), "rebuilt"),
    ("rebuild", sound(parameters={"eigenvalue": [1.0]}), "did you mean 'eigenvalues'"),
    ("rebuild", sound(start=np.array([1.0, 2.0])), "it has a different start"),
    ("inputs", sound(gradient_kernel=writes_x), "a kernel writes to x"),
    ("inputs", sound(value_kernel=writes_data), "a kernel writes to data"),
    ("inputs", mean_of_rows(writes_rows), "a kernel writes to rows"),
    ("output", sound(gradient_kernel=forgets_one), "coordinate 1 of the gradient depends on the previous contents of `out`"),
    ("output", sound(gradient_kernel=adds_to_out), "coordinate 0 of the gradient depends on the previous contents of `out`"),
    ("determinism", sound(value_kernel=drifts), "the same point twice in a row: the value differs by 1e-12"),
    ("determinism", sound(gradient_kernel=draws), "the same point twice in a row: the gradient differs"),
    ("order", sound(value_kernel=forgetful), "the points in reverse order: the value differs"),
    ("rows", mean_of_rows(sums_instead), "mean over mini-batches from the whole"),
    ("rows", mean_of_rows(drops_the_tail), "mean over mini-batches from the whole"),
    ("engines", sound(value_kernel=halves_in_python_only, engine="numba"), "relative deviation of the engines"),
    ("engines", sound(value_kernel=does_not_compile, engine="numba"), "does not compile"),
    ("shapes", sound(eigenvectors=np.eye(3)), "eigenvectors has shape (3, 3), expected (2, 2)"),
    ("shapes", sound(minimizers=np.array([[0.0, np.inf]])), "minimizers is not finite"),
    ("shapes", sound(spectrum=np.ones(3)), "spectrum has shape (3,), expected (2,)"),
    ("shapes", sound(domain=np.array([[1.0, -1.0], [0.0, 1.0]])), "low ≥ high"),
    ("shapes", sound(kind="bent"), "kind 'bent'"),
    ("minimum", sound(minimum=1e-9), "|f(x*) − f*|: 1e-09"),
    ("minimum", sound(minimizers=np.array([[0.0, 0.0], [1e-6, 0.0]])), "|f(x*) − f*|: 5e-13"),
    ("stationary", sound(minimizers=np.array([[1e-6, 0.0]])), "‖∇f‖: 1e-06"),
    ("stationary", sound(stationary_points=np.array([[1.0, 0.0]])), "‖∇f‖: 1"),
    ("bound", sound(minimum=1e-9), "below the minimum: 1e-09"),
    ("bound", sound(value_kernel=saddle, gradient_kernel=saddle_slope), "below the minimum"),
    ("smoothness", sound(smoothness=3.99), "L‖x − y‖ with L = 3.99"),
    ("strong convexity", sound(strong_convexity=1.01), "μ‖x − y‖² with μ = 1.01"),
    ("convexity", sound(value_kernel=saddle, gradient_kernel=saddle_slope, kind="convex"), "from 0"),
    ("convexity", sound(**QUARTIC), "from its chord"),
    ("spectrum", sound(spectrum=np.array([1.0, 4.0 + 1e-6])), "|Hv − λv| with the coordinate axes as v: 1e-06"),
    ("spectrum", sound(spectrum=np.array([4.0, 1.0])), "|Hv − λv|"),
    ("spectrum", sound(eigenvectors=TURN), "|Hv − λv| with the eigenvectors as v"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "problem", "said"), BROKEN, ids=[f"{c}-{i}" for i, (c, _, _) in enumerate(BROKEN)])
def test_a_broken_problem_is_caught(check, problem, said):
    _SEEN.clear()
    found = findings(problem, speed=False)[check]
    assert found.status == "failed"
    assert said in found.detail
    assert "\n" not in found.detail


def test_there_is_a_broken_problem_for_every_check_but_the_one_that_only_tells():
    assert {check for check, _, _ in BROKEN} == set(findings(sound())) - {"speed"}


def test_what_failed_comes_with_its_size_and_its_point():
    found = findings(sound(smoothness=3.0))["smoothness"]
    assert found.deviation > found.allowed > 0.0
    assert len(found.point) == 2
    assert f"at x = [{found.point[0]:.3g}"[:10] in found.detail


def test_a_gradient_is_wrong_at_one_part_in_ten_million_and_right_at_rounding():
    found = findings(sound(gradient_kernel=slope_of_a_neighbour))["gradient"]
    assert found.deviation == pytest.approx(4e-7 * abs(found.point[1]), rel=1e-3)
    assert findings(sound())["gradient"].deviation <= 1e-15


def test_another_seed_tries_other_points():
    points = {findings(sound(smoothness=3.0), seed=seed)["gradient"].allowed for seed in (0, 1, 2)}
    assert len(points) == 3
    assert findings(sound(smoothness=3.0), seed=1) == findings(sound(smoothness=3.0), seed=1)


def test_speed_tells_how_many_times():
    detail = findings(make_problem("rosenbrock-10"))["speed"].detail
    assert float(detail.split()[1]) > 1.0
    assert "times as fast as plain Python" in detail


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mccormick", {"minimum": -1.9}),
        ("branin", {"minimum": 0.5}),
        ("ill-conditioned-1e4", {"smoothness": 9.9e3}),
        ("ill-conditioned-1e4", {"strong_convexity": 1.01}),
        ("quadratic-diagonal-100", {"smoothness": 99.0}),
        ("log-sum-exp", {"smoothness": 0.1}),
        ("breast-cancer-logistic", {"strong_convexity": 0.02}),
        ("rosenbrock", {"kind": "convex"}),
        ("zakharov-2", {"kind": "quadratic"}),
    ],
)
def test_a_wrong_fact_of_a_known_problem_is_caught(name, wrong):
    problem = replace(make_problem(name), **wrong)
    failed = {check.check for check in check_problem(problem, speed=False) if check.status == "failed"}
    check = {"minimum": "bound", "kind": "convexity", "strong_convexity": "strong convexity"}.get(*wrong, *wrong)
    assert check in failed


def test_random_data_without_a_seed_are_caught(folder):
    (folder / "unseeded.py").write_text(
        "import numpy as np\nfrom nagbench import Problem\nfrom nagbench.problems.families import quadratic as q\n"
        "def drawn():\n    data = np.random.default_rng().uniform(1.0, 2.0, 2)\n"
        "    return Problem(name='drawn', family='drawn', value_kernel=q.diagonal_value,\n"
        "                   gradient_kernel=q.diagonal_gradient, data=data, start=np.ones(2))\n",
        encoding="utf-8",
    )
    found = findings(nagbench.problem("unseeded:drawn"))["rebuild"]
    assert found.status == "failed"
    assert "rebuilt, its value differs" in found.detail


def test_a_function_that_fails_is_said_in_every_check_that_calls_it():
    problem = nagbench.problem(lambda x: 1 / 0, gradient=lambda x: x, start=[1.0])
    found = findings(problem)
    assert found["start"].status == "failed"
    assert "ZeroDivisionError" in found["start"].detail
    assert found["rebuild"].status == "skipped"

"""Components of the gradient that are zero by symmetry or structure are computed as zero, as 50-digit differences find."""

import decimal

import mpmath
import numpy as np
import pytest

import nagbench
from nagbench.core.errors import UsageError
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.registry import families
from nagbench.problems.suites import all_entries

# Python evaluates the kernels as they are: of the data sets of images, one gradient takes seconds.
MOST_NUMBERS = 5_000
NO_ROWS = np.zeros(0, np.int64)


def collection():
    """Every problem of the suites, and every family with the parameters that it has by default."""
    for name in sorted({*all_entries(), *families()}):
        try:
            problem = make_problem(name)
        except (UsageError, TypeError):  # a family whose parameters have no defaults
            continue
        if problem.dimension * max(1, problem.row_count) <= MOST_NUMBERS:
            yield problem


def exact_component(problem, i):
    """Return the i-th component of the gradient at the start, by central differences with 50 digits."""
    with mpmath.workdps(75):
        data = np.array([mpmath.mpf(v) for v in problem.data], dtype=object)

        def value(step):
            x = np.array([mpmath.mpf(v) for v in problem.start], dtype=object)
            x[i] += step
            return problem.value_kernel(x, data, problem.shape, NO_ROWS)

        h = mpmath.mpf("1e-25")
        return float((value(h) - value(-h)) / (2 * h))


def test_no_component_is_the_rounding_of_a_zero(monkeypatch):
    for name in ("exp", "log", "sin", "cos", "sqrt", "tanh", "cosh", "log1p"):
        monkeypatch.setattr(mpmath.mpf, name, lambda x, name=name: getattr(mpmath, name)(x), raising=False)
    small = []
    for problem in collection():
        gradient = np.empty(problem.dimension)
        with np.errstate(all="ignore"):
            problem.gradient_kernel(problem.start, problem.data, problem.shape, NO_ROWS, gradient)
        size = np.abs(gradient).max()
        for i in np.flatnonzero((gradient != 0.0) & (np.abs(gradient) < 1e-9 * size)):
            assert exact_component(problem, i) == pytest.approx(gradient[i], rel=1e-3), (problem.name, i)
            small.append(problem.name)
    # There are some, so the differences have been compared with what is not zero.
    assert "brown-badly-scaled" in small


@pytest.mark.parametrize("engine", ["numba", "python"])
def test_gaussian_stays_on_its_axis_of_symmetry(engine):
    problem = nagbench.problem("gaussian")
    run = nagbench.run(problem, "nesterov:step_size=0.1,momentum=0.9", budget=50, tolerance=1e-12, engine=engine)
    assert run.iterate[2] == 0.0
    # Moved off the axis, the third component is that of 50 digits.
    moved = nagbench.problem("gaussian", start=[0.4, 1.0, 0.125])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mpmath.mpf, "exp", mpmath.exp, raising=False)
        assert moved.gradient(moved.start)[2] == pytest.approx(exact_component(moved, 2), rel=1e-12)


def test_adam_on_nesterovs_worst_function_counts_as_with_forty_digits():
    """Adam scales a component that is only rounding like any other: with such components it needs 136 iterations."""
    problem, step = nagbench.problem("nesterov-worst"), 0.1
    assert np.flatnonzero(problem.gradient(problem.start)).tolist() == [0]
    run = nagbench.run(problem, f"adam:step_size={step}", tolerance=1e-3)
    with decimal.localcontext(prec=40):
        number = decimal.Decimal
        s, b1, b2, epsilon = number(step), number(0.9), number(0.999), number(1e-8)
        n = problem.dimension
        x, first, second = ([number(0)] * n for _ in range(3))
        for k in range(1, 1000):
            padded = [number(1), *x, number(0)]
            g = [(2 * padded[i + 1] - padded[i] - padded[i + 2]) / 4 for i in range(n)]
            if sum(v * v for v in g) <= number("1e-6"):
                break
            first = [b1 * a + (1 - b1) * v for a, v in zip(first, g, strict=True)]
            second = [b2 * b + (1 - b2) * v * v for b, v in zip(second, g, strict=True)]
            unbias1, unbias2 = 1 - b1**k, 1 - b2**k
            for i in range(n):
                x[i] -= s * (first[i] / unbias1) / ((second[i] / unbias2).sqrt() + epsilon)
    assert (run.status, run.iterations) == ("converged", k - 1) == ("converged", 604)

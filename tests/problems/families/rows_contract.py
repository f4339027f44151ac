"""What holds for every mean over rows: mini-batches of an epoch put together give the whole, value and gradient."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

import nagbench
from nagbench.engine.oracles import draw_chunk, parse_oracle
from nagbench.engine.single_run import make_cell

torch.set_num_threads(1)

problem_of = functools.cache(nagbench.problem)


def first_epoch(problem, oracle):
    """The mini-batches of the first epoch, as the loop draws them."""
    cell = make_cell(problem, nagbench.optimizer("gradient-descent", step_size=1.0), oracle=oracle, seed=3)
    drawn = draw_chunk(parse_oracle(oracle), problem, cell, 0)
    ends = drawn.offsets[1:]
    last = int(np.flatnonzero(ends == problem.row_count)[0]) + 1
    return np.split(drawn.rows[: problem.row_count], drawn.offsets[1:last])


def point_near_start(problem, seed=0):
    return problem.start + 0.1 * np.random.default_rng(seed).standard_normal(problem.dimension)


def differentiate(loss, x):
    """Value and gradient by torch of a function of a flat tensor."""
    point = torch.tensor(x, requires_grad=True)
    value = loss(point)
    return value.item(), torch.autograd.grad(value, point)[0].numpy()


class RowsContract:
    """Inherited by test classes that parametrise `name`, a problem's name or text form."""

    @pytest.mark.parametrize("oracle", ["minibatch:32", "stochastic"])
    def test_mini_batches_of_an_epoch_average_to_the_whole(self, name, oracle):
        problem = problem_of(name)
        point = point_near_start(problem)
        whole_value, whole_gradient = problem.evaluate(point)
        batches = first_epoch(problem, oracle)
        assert sorted(np.concatenate(batches)) == list(range(problem.row_count))
        parts = [problem.evaluate(point, rows=rows) for rows in batches]
        weights = np.array([rows.size for rows in batches]) / problem.row_count
        value = sum(weight * part[0] for weight, part in zip(weights, parts, strict=True))
        gradient = sum(weight * part[1] for weight, part in zip(weights, parts, strict=True))
        assert value == pytest.approx(whole_value, rel=1e-12)
        assert np.linalg.norm(gradient - whole_gradient) <= 1e-12 * np.linalg.norm(whole_gradient)

    def test_all_rows_by_name_are_all_rows(self, name):
        problem = problem_of(name)
        point = point_near_start(problem, 1)
        everything = problem.evaluate(point)
        named = problem.evaluate(point, rows=np.arange(problem.row_count))
        for all_of_them, listed in zip(everything, named, strict=True):
            np.testing.assert_allclose(listed, all_of_them, rtol=1e-11, atol=1e-13 * np.abs(all_of_them).max())

    @pytest.mark.parametrize("count", [1, 4, 7])
    def test_engines_agree_on_mini_batches(self, name, count):
        problem = problem_of(name)
        rows = np.random.default_rng(count).permutation(problem.row_count)[:count]
        points = [problem.start, point_near_start(problem)]
        compiled = problem.evaluate(points, rows=rows)
        plain = replace(problem, engine="python").evaluate(points, rows=rows)
        for fast, slow in zip(compiled, plain, strict=True):
            np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-13 * np.abs(slow).max())

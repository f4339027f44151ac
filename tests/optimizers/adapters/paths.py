"""Paths of library methods and of ours, to compare."""

import numpy as np

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.optimizers.algorithm import make_update
from nagbench.optimizers.registry import find_algorithm

STEPS = 60


def path(name, steps=STEPS, problem="rosenbrock", engine=None, **values):
    """The iterates of a run, the start first."""
    optimizer = nagbench.optimizer(name, **values)
    return nagbench.run(problem, optimizer, budget=steps, tolerance=1e-300, path=True, engine=engine).path


def look_ahead(points, momentum):
    """The points x_k + m·(x_k − x_{k−1}) of the tutorial's form, the start first."""
    return points + momentum * np.diff(points, axis=0, prepend=points[:1])


def scheduled(name, gradient, start, step_sizes, momentum):
    """The parameters of a method whose step sizes (and momenta, if a list) change with the iteration, the start first."""
    method, x = find_algorithm(name), np.array(start)
    update, points = make_update(method), [x.copy()]
    slots, query = np.zeros((method.slots, x.size)), x.copy() if method.look_ahead else x
    for k, step_size in enumerate(step_sizes):
        friction = momentum[k] if np.ndim(momentum) else momentum
        hyper = nagbench.optimizer(name, step_size=step_size, momentum=friction).hyper
        update(k, gradient(query), x, query, slots, hyper)
        points.append(query.copy())
    return np.array(points)


def assert_replays(name, budget):
    """On Rosenbrock's function a timed replay ends where the count ended, bit for bit, every time."""
    problem, optimizer = nagbench.problem("rosenbrock"), nagbench.optimizer(name, step_size=1e-3)
    batch = LoadedBatch(
        problem, optimizer.method, [make_cell(problem, optimizer, budget=budget, tolerances=(1e-300,))] * 2
    )
    counts, job = count(batch), BatchRun(batch)
    assert point_digest(counts.points[0, -1]) == point_digest(counts.points[1, -1])
    list(replay(job, 0, budget))
    list(replay(job, 0, budget))
    assert point_digest(job.work.iterate) == point_digest(counts.points[0, -1])

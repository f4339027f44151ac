"""Learning curves of a network: the table, the numbers, the picture."""

import numpy as np
import pytest

import nagbench
from nagbench.reporting.figures.learning import epochs_of, plot_learning_curves

NAMES = {"training_loss", "validation_loss", "training_accuracy", "validation_accuracy"}


@pytest.fixture(scope="module")
def digits():
    problem = nagbench.problem("digits-relu")
    run = nagbench.run(problem, "nesterov:step_size=0.05,momentum=0.9", oracle="minibatch:32", budget=500)
    return problem, run


def test_metrics_are_taken_once_an_epoch_at_the_iterates_of_the_run(digits):
    problem, run = digits
    assert set(run.metrics) == NAMES
    per_epoch = -(-problem.row_count // 32)
    assert run.curve["iteration"].tolist() == [*range(0, 500, per_epoch), 500]
    assert epochs_of(problem, run)[:3].tolist() == [0.0, 1.0, 2.0]
    for name, values in run.metrics.items():
        assert len(values) == len(run.curve)
        assert values[-1] == problem.metrics[name](run.iterate)
    np.testing.assert_allclose(run.metrics["training_loss"], run.curve["value"], rtol=1e-9)


def test_the_network_learns(digits):
    _, run = digits
    assert run.metrics["training_accuracy"][-1] > 0.97
    assert run.metrics["validation_accuracy"][-1] > 0.93
    assert run.metrics["training_accuracy"][0] < 0.3


def test_the_picture_has_a_line_for_each(digits):
    problem, run = digits
    figure = plot_learning_curves(problem, run)
    loss, accuracy = figure.axes
    assert [len(axes.lines) for axes in (loss, accuracy)] == [2, 2]
    assert loss.get_yscale() == "log"
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), run.metrics["validation_accuracy"])


def test_a_sweeps_curves_hold_them(tmp_path):
    done = nagbench.sweep(
        problems=["iris-logistic", "digits-relu"], optimizers=["nesterov"], modes=["default"], oracles=["minibatch:32"],
        budget=90, timing=False, out=tmp_path,
    )  # fmt: skip
    assert set(done.curves.columns) >= NAMES
    assert "tolerance" not in done.curves.columns

"""The picture of a method's rates, against the closed forms for gradient descent and the heavy ball."""

import math

import numpy as np
import pytest

import nagbench
from nagbench.reporting.figures.rates import plot_rates
from nagbench.reporting.figures.style import save_figure


def curve(figure):
    """The thick line of the last panel, as a function of s·λ."""
    line = max(figure.axes[-1 if len(figure.axes) == 1 else 1].get_lines(), key=lambda line: line.get_linewidth())
    x, y = line.get_data()
    return lambda product: y[np.argmin(np.abs(x - product))], x


def test_gradient_descent_multiplies_by_one_minus_the_product():
    figure = plot_rates(nagbench.optimizer("gradient-descent"))
    at, products = curve(figure)
    for product in (products[40], products[200], 1.9):
        nearest = products[np.argmin(np.abs(products - product))]
        assert at(product) == pytest.approx(-1.0 / math.log10(abs(1.0 - nearest)), rel=1e-9)
    assert math.isnan(at(2.5))


def test_the_heavy_ball_takes_the_root_of_its_momentum_wherever_it_oscillates():
    """Polyak 1964: complex eigenvalues between (1 − √m)² and (1 + √m)², all of modulus √m."""
    figure = plot_rates(nagbench.optimizer("momentum", momentum=0.9))
    at, _ = curve(figure)
    for product in (0.01, 0.3, 3.0, 3.7):
        assert at(product) == pytest.approx(-1.0 / math.log10(math.sqrt(0.9)), rel=1e-6)
    assert math.isnan(at(3.9))


def test_a_library_that_refuses_momentum_zero_is_drawn_without_it(tmp_path):
    figure = plot_rates(nagbench.optimizer("torch/sgd-nesterov"))
    ours = plot_rates(nagbench.optimizer("nesterov"))
    product = 0.05
    assert curve(figure)[0](product) == pytest.approx(curve(ours)[0](product), rel=1e-6)
    save_figure(figure, tmp_path / "t.png")


@pytest.mark.parametrize("text", ["adam", "fista", "lion"])
def test_methods_that_are_not_linear_or_change_have_none(text):
    assert plot_rates(nagbench.optimizer(text)) is None


def test_a_schedule_has_none():
    assert plot_rates(nagbench.optimizer("nesterov", schedule="cosine")) is None

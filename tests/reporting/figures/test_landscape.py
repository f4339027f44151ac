from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import rosen

import nagbench
from nagbench import Problem, UsageError
from nagbench.reporting.figures import landscape
from nagbench.reporting.figures.landscape_data import (
    contour_levels,
    evaluate_grid,
    evaluate_slice,
    gradient_points,
    plot_box,
    spans_decades,
)
from nagbench.reporting.figures.style import save_figure

BOWL, VALLEY = nagbench.problem("bowl"), nagbench.problem("rosenbrock")


def drawn(figure) -> bytes:  # type: ignore[no-untyped-def]
    stream = io.BytesIO()
    save_figure(figure, stream, "png", dpi=60)
    return stream.getvalue()


def texts(figure) -> str:  # type: ignore[no-untyped-def]
    return "\n".join(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title))


def marked(figure, marker: str) -> list[list[float]]:  # type: ignore[no-untyped-def]
    return [xy.tolist() for line in figure.axes[0].lines if line.get_marker() == marker for xy in line.get_xydata()]


def test_heights_are_the_function() -> None:
    ground = evaluate_grid(VALLEY, plot_box(VALLEY), grid=9)
    np.testing.assert_allclose(ground.above, [[rosen([x, y]) for x in ground.x] for y in ground.y])


def test_there_are_fifty_levels_even_or_in_even_ratios() -> None:
    even, ratios = evaluate_grid(BOWL, plot_box(BOWL)), evaluate_grid(VALLEY, plot_box(VALLEY))
    assert (even.logarithmic, ratios.logarithmic) == (False, True)
    np.testing.assert_allclose(np.diff(even.levels), 2.0 / 50)
    np.testing.assert_allclose(np.diff(np.log(ratios.levels)), np.log(ratios.levels[1] / ratios.levels[0]))
    assert len(even.levels) == len(ratios.levels) == 51


def test_a_coarse_picture_tells_the_time_and_one_call_takes_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    values = Problem.values
    monkeypatch.setattr(Problem, "values", lambda self, points: calls.append(len(points)) or values(self, points))
    landscape.plot_contours(BOWL)
    assert calls == [1, 25 * 25, 301 * 301]


def test_a_slow_function_is_taken_at_fewer_points_and_the_label_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """x₁x₂, of which each call takes a second of a clock that only it moves; it is bilinear, as what is between the points."""
    calls: list[None] = []

    def value(x, data, shape, rows):  # type: ignore[no-untyped-def]
        calls.append(None)
        return x[0] * x[1]

    monkeypatch.setattr("nagbench.problems.landscape.time.perf_counter", lambda: float(len(calls)))
    slow = replace(BOWL, name="slow", value_kernel=value, engine="python", minimum=-1.0)
    ground = evaluate_grid(slow, np.array([[-1.0, 1.0], [0.0, 1.0]]), grid=97)
    assert len(calls) == 1 + 25 * 25
    assert ground.label == "f − f*, from 25 × 25 points"
    assert ground.above.shape == (97, 97)
    np.testing.assert_allclose(ground.above, 1.0 + np.outer(ground.y, ground.x), atol=1e-12)


def test_start_and_minimisers_are_marked() -> None:
    figure = landscape.plot_contours(BOWL)
    assert marked(figure, "*") == [[0.0, 0.0]]
    assert marked(figure, "o") == [BOWL.start.tolist()]
    assert drawn(figure).startswith(b"\x89PNG")


def test_contours_draw_on_given_axes() -> None:
    own = landscape.new_figure()
    axes = own.add_subplot()
    assert landscape.plot_contours(BOWL, axes) is own
    assert axes.collections


@pytest.mark.parametrize("draw", [landscape.plot_surface, landscape.plot_contours, landscape.plot_problem])
@pytest.mark.parametrize("problem", [BOWL, VALLEY], ids=lambda problem: problem.name)
def test_two_dimensions_have_surface_and_contours(draw, problem: Problem) -> None:  # type: ignore[no-untyped-def]
    assert drawn(draw(problem)).startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [landscape.plot_surface, landscape.plot_contours, landscape.plot_paths])
def test_other_dimensions_are_refused(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="has dimension 10"):
        draw(nagbench.problem("rosenbrock-10"))


def test_gaps_plateaus_and_unknown_facts(half_plane: Problem, plateau: Problem) -> None:
    ground = evaluate_grid(half_plane, plot_box(half_plane))
    left = ground.x <= 0.0
    assert np.isnan(ground.above[:, left]).all()
    assert np.nanmin(ground.above) == 0.0
    for problem in (half_plane, plateau):
        assert drawn(landscape.plot_problem(problem)).startswith(b"\x89PNG")


def test_a_function_that_is_finite_nowhere_is_a_usage_error(nowhere: Problem) -> None:
    with pytest.raises(UsageError, match="not finite"):
        landscape.plot_contours(nowhere)


def test_the_spectrum_is_shown_where_it_is_known() -> None:
    problem = nagbench.problem("quadratic", eigenvalues=[1.0, 10.0, 100.0, 0.0])
    axes = landscape.plot_problem(problem).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [100.0, 10.0, 1.0]
    assert "1 of 4 eigenvalues are 0" in axes._left_title.get_text()


def test_a_slice_goes_from_the_start_to_the_minimiser() -> None:
    problem = nagbench.problem("rosenbrock-10")
    along = evaluate_slice(problem)
    expected = [rosen(problem.start + t * (np.ones(10) - problem.start)) for t in along.t]
    np.testing.assert_allclose(along.values, expected, rtol=1e-10, atol=1e-10)
    assert drawn(landscape.plot_problem(problem)).startswith(b"\x89PNG")


def test_without_a_minimiser_a_slice_goes_down_the_gradient() -> None:
    known = nagbench.problem("quadratic", eigenvalues=[4.0, 4.0, 4.0])
    along = evaluate_slice(replace(known, minimizers=None))
    assert along.goal is None
    assert along.t[np.argmin(along.values)] == pytest.approx(1.0, abs=1e-2)


def test_a_slice_from_a_minimiser_or_a_plateau(plateau: Problem) -> None:
    resting = nagbench.problem("quadratic", eigenvalues=[1.0, 2.0, 3.0], start=[0.0, 0.0, 0.0])
    assert np.isfinite(evaluate_slice(resting).values).all()
    assert np.isfinite(evaluate_slice(plateau).values).all()


def test_a_slice_of_a_parabola_keeps_an_even_axis() -> None:
    parabola = replace(nagbench.problem("quadratic", eigenvalues=[1.0, 2.0, 3.0]), spectrum=None)
    assert landscape.plot_problem(parabola).axes[0].get_yscale() == "linear"
    assert spans_decades(np.geomspace(1e-8, 1.0, 100), 0.2)
    assert not spans_decades(np.linspace(-1.0, 1.0, 101) ** 2, 0.2)


def test_one_dimension_is_a_slice() -> None:
    line = replace(nagbench.problem("quadratic", eigenvalues=[3.0]), spectrum=None)
    assert drawn(landscape.plot_problem(line)).startswith(b"\x89PNG")


def test_levels_of_no_height() -> None:
    chosen, logarithmic = contour_levels(np.zeros((3, 3)))
    assert (np.diff(chosen) > 0).all()
    assert not logarithmic


def test_the_box_holds_a_path_that_leaves_a_little() -> None:
    box = plot_box(BOWL, np.array([[0.0, 0.0], [1.3, -1.2]]))
    assert box[0, 0] == -1.0
    assert box[0, 1] == pytest.approx(1.38)
    assert box[1, 0] == pytest.approx(-1.28)


def test_the_box_does_not_follow_a_path_that_diverges() -> None:
    run = nagbench.run(BOWL, "gradient-descent:step_size=1.5", budget=1000, path=True)
    assert run.status == "diverged"
    box = plot_box(BOWL, run.path, np.array([[np.nan, 0.0], [np.inf, 1e308]]))
    np.testing.assert_allclose(box, [[-2.0, 2.0], [-2.0, 2.0]])
    figure = landscape.plot_paths(BOWL, run)
    gone = next(k for k, point in enumerate(run.path) if np.abs(point).max() > 2.0)
    assert f"leaves the picture at iteration {gone}" in texts(figure)
    assert drawn(figure).startswith(b"\x89PNG")


def test_a_path_is_dots_joined_by_a_line() -> None:
    run = nagbench.run(BOWL, "nesterov:step_size=0.01,momentum=0.8", budget=50, path=True)
    figure = landscape.plot_paths(BOWL, run)
    both = [line for line in figure.axes[0].lines if len(line.get_xydata()) == 51]
    assert [(line.get_linestyle(), line.get_marker()) for line in both] == [("-", "None"), ("None", "o")]
    for line in both:
        np.testing.assert_array_equal(line.get_xydata(), run.path)


def test_several_runs_stand_side_by_side_on_the_same_box() -> None:
    runs = [nagbench.run(VALLEY, name, budget=20, path=True) for name in ("momentum", "nesterov", "adam", "rmsprop")]
    figure = landscape.plot_paths(VALLEY, *runs, look_ahead=True)
    panels = figure.axes[:4]
    assert len({axes.get_xlim() for axes in panels}) == 1
    assert [axes._left_title.get_text() for axes in panels] == ["momentum", "nesterov", "adam", "rmsprop"]
    assert [axes.get_legend() is not None for axes in panels] == [False, True, False, False]
    assert drawn(figure).startswith(b"\x89PNG")


def test_look_ahead_points_are_where_the_formula_puts_them() -> None:
    run = nagbench.run(VALLEY, "nesterov:step_size=0.001,momentum=0.9", budget=60, path=True)
    velocity = np.diff(run.path, axis=0, prepend=run.path[:1])
    np.testing.assert_allclose(gradient_points(VALLEY, run), (run.path + 0.9 * velocity)[:-1], rtol=1e-12, atol=1e-14)


def test_a_method_without_look_ahead_asks_at_its_iterates() -> None:
    run = nagbench.run(VALLEY, "momentum", budget=30, path=True)
    np.testing.assert_array_equal(gradient_points(VALLEY, run), run.path[:-1])


def test_a_run_without_a_path_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="path=True"):
        landscape.plot_paths(BOWL, nagbench.run(BOWL, "momentum", budget=3))


def test_names_are_text_and_not_mathematics() -> None:
    figure = landscape.plot_problem(replace(BOWL, name=r"$\frac{<script>alert(1)</script>"))
    stream = io.BytesIO()
    save_figure(figure, stream, "svg")
    assert r"$\frac{&lt;script&gt;alert(1)&lt;/script&gt;" in stream.getvalue().decode()

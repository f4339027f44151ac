"""Plots as data: where things lie on the page and on paper, ticks, points left out of a line, and names as text."""

from __future__ import annotations

import io
import itertools
import re
import xml.etree.ElementTree as ET

import matplotlib.image
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nagbench
from nagbench.reporting.figures.dots import draw_ratio_axis, ratio_axis
from nagbench.reporting.figures.landscape_data import gradient_points
from nagbench.reporting.figures.matplotlib_writer import draw_figure
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.small_paths import PathPicture, contour_image, encode_png, render_path_svg
from nagbench.reporting.figures.style import DARK, MARKERS, format_power_of_ten, style_of
from nagbench.reporting.figures.svg_writer import marker_definitions, render_svg

HOSTILE = "<script>alert(1)</script>\"' onload=x"


def plain(value: float) -> str:
    return f"{value:g}"


def plot_of(*lines: Line, x: Axis | None = None, y: Axis | None = None) -> PlotData:
    return PlotData(
        x=x or Axis("k", "linear", 0.0, 10.0, linear_ticks(0.0, 10.0, plain)),
        y=y or Axis("f", "log", 1e-4, 1.0, log_ticks(1e-4, 1.0, plain)),
        lines=lines,
        size=(460.0, 260.0),
        reference=(1e-2, "limit"),
    )


def root_of(plot: PlotData, title: str = "t") -> ET.Element:
    return ET.fromstring(render_svg(plot, "p", title=title))


def points(root: ET.Element, name: str) -> np.ndarray:
    found = root.find(f".//*[@id='{name}']/{{*}}path")
    assert found is not None
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", found.get("d", "")), float)


def test_points_lie_where_the_axes_say() -> None:
    line = Line("a", np.array([0.0, 5.0, 10.0]), np.array([1.0, 1e-3, 1e-4]), style_of("nesterov"), "dot")
    plot = plot_of(line)
    left, top, right, bottom = plot.box
    root = root_of(plot)
    expected = [[left, top], [(left + right) / 2, top + 0.75 * (bottom - top)], [right, bottom]]
    np.testing.assert_allclose(points(root, "p-series-0"), expected, atol=0.06)
    np.testing.assert_allclose(points(root, "p-tolerance")[0], [left, (top + bottom) / 2], atol=0.06)
    end = root.find(".//*[@id='p-series-0-end']/{*}use")
    assert end is not None
    assert [float(end.get("x", "")), float(end.get("y", ""))] == pytest.approx([right, bottom], abs=0.06)


def test_a_line_of_an_optimizer_that_solved_nothing_is_left_out_of_the_picture() -> None:
    """Matplotlib spaces markers along a line; one without a finite point has no length."""
    nothing = Line("a", np.array([0.0, 5.0]), np.array([np.nan, np.nan]), style_of("nesterov"))
    something = Line("b", np.array([0.0, 5.0]), np.array([1.0, 0.1]), style_of("momentum"))
    with io.BytesIO() as target:
        draw_figure(plot_of(nothing, something)).savefig(target, format="pdf")
        assert target.getvalue().startswith(b"%PDF")


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6), integer=st.booleans())
@example(low=-1.9999999998835847, width=1e-6, integer=True)
def test_linear_ticks_are_few_round_and_inside(low: float, width: float, integer: bool) -> None:
    high = low + width
    ticks = [value for value, _ in linear_ticks(low, high, plain, integer=integer)]
    assert all(low - 1e-6 * width <= tick <= high + 1e-6 * width for tick in ticks)
    assert len(ticks) <= 11
    assert len(ticks) >= (0 if integer else 2)
    if integer:
        np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6)


@given(first=st.floats(-300, 290), decades=st.floats(1e-3, 15.0))
def test_logarithmic_ticks_are_few_and_inside(first: float, decades: float) -> None:
    low, high = 10.0**first, 10.0 ** (first + decades)
    ticks = [value for value, _ in log_ticks(low, high, plain)]
    assert 1 <= len(ticks) <= 11
    assert all(low * (1 - 1e-6) <= tick <= high * (1 + 1e-6) for tick in ticks)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=200))
def test_what_is_left_out_of_a_line_cannot_be_seen(heights: list[float]) -> None:
    """Every point of the data is within a point of the picture's line."""
    x, y = np.linspace(0.0, 10.0, len(heights)), np.array(heights)
    plot = plot_of(Line("a", x, y, style_of("adam")), y=Axis("f", "linear", 0.0, 1.0, ()))
    left, top, right, bottom = plot.box
    drawn = points(root_of(plot), "p-series-0")
    at, true = plot.x.project(x, left, right), plot.y.project(y, bottom, top)
    assert np.abs(np.interp(at, drawn[:, 0], drawn[:, 1]) - true).max() < 1.0 + 0.2 * np.abs(np.diff(true)).max()


def test_a_straight_line_is_two_points_and_a_gap_stays() -> None:
    x = np.linspace(0.0, 10.0, 101)
    straight = plot_of(Line("a", x, 10.0 ** -(0.4 * x), style_of("adam")))
    assert len(points(root_of(straight), "p-series-0")) == 2
    broken = 10.0 ** -(0.4 * x)
    broken[50] = np.nan
    path = root_of(plot_of(Line("a", x, broken, style_of("adam")))).find(".//*[@id='p-series-0']/{*}path")
    assert path is not None
    assert path.get("d", "").count("M") == 2


def test_names_are_text_and_shapes_are_there() -> None:
    line = Line(HOSTILE, np.array([0.0, 10.0]), np.array([1.0, 1e-4]), style_of(HOSTILE), "cross")
    plot = plot_of(line, x=Axis(HOSTILE, "linear", 0.0, 10.0, ((1.0, HOSTILE),)))
    root = root_of(plot, HOSTILE)
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")].count(HOSTILE) == 2
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    shapes = {element.get("id") for element in ET.fromstring(marker_definitions(MARKERS)).iter() if element.get("id")}
    used = {element.get("href", "")[1:] for element in root.iter("{http://www.w3.org/2000/svg}use")}
    assert used
    assert used <= shapes
    colors = re.findall(r"#[0-9a-f]{6}", render_svg(plot, "p", title="t"))
    assert set(colors) <= set(DARK)


def test_paper_shows_the_same_lines_axes_and_names() -> None:
    x, y = np.array([0.0, 5.0, 10.0]), np.array([1.0, 1e-3, 1e-4])
    band = (np.array([0.0, 10.0, 10.0]), np.array([1.0, 1e-3, 1e-2]))
    plot = plot_of(Line("$a", x, y, style_of("nesterov"), "cross", band=band), Line("b", x, y, style_of("adam")))
    figure = draw_figure(plot)
    axes, legend = figure.axes[0], figure.legends[0]
    lines = {line.get_gid(): line for line in axes.lines}
    assert set(lines) == {"series-0", "series-0-end", "series-1", "tolerance"}
    np.testing.assert_array_equal(lines["series-1"].get_xydata(), np.column_stack([x, y]))
    assert lines["series-0-end"].get_xydata().tolist() == [[10.0, 1e-4]]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 10.0), (1e-4, 1.0))
    assert [text.get_text() for text in axes.get_yticklabels()] == [label for _, label in plot.y.ticks]
    assert [text.get_text() for text in legend.get_texts()] == ["$a", "b"]
    assert [patch.get_gid() for patch in axes.patches] == ["series-0-band"]


def test_nothing_to_draw_is_an_empty_frame() -> None:
    nothing = np.zeros(0)
    root = root_of(plot_of(Line("a", nothing, nothing, style_of("adam"), "dot")))
    assert root.find(".//*[@id='p-series-0-end']") is None


def test_a_path_is_drawn_where_the_run_went() -> None:
    problem = nagbench.problem("bowl")
    run = nagbench.run(problem, "nesterov:step_size=0.1,momentum=0.5", budget=20, path=True)
    queried, style = gradient_points(problem, run), style_of("nesterov")
    image = contour_image(problem, run.path)
    picture = PathPicture(run.path, queried, problem.minimizers, style, image, "below")
    root = ET.fromstring(render_path_svg(picture, "p", HOSTILE))
    assert root.get("aria-label") == HOSTILE
    assert [use.get("href") for use in root.iter("{http://www.w3.org/2000/svg}use")].count("#below") == 1
    dots = next(path for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("stroke-linecap"))
    drawn = np.array(re.findall(r"M(-?[\d.]+) (-?[\d.]+)", dots.get("d", "")), float)
    for axis in (0, 1):
        slope, offset = np.polyfit(run.path[:, axis], drawn[:, axis], 1)
        np.testing.assert_allclose(drawn[:, axis], slope * run.path[:, axis] + offset, atol=0.06)
        assert slope > 0 if axis == 0 else slope < 0
    rings = [use for use in root.iter("{http://www.w3.org/2000/svg}use") if use.get("href") == "#mark-ring"]
    assert len(rings) == 2 * (len(run.path) - 1)


def test_contours_are_an_image_that_others_can_read() -> None:
    image = contour_image(nagbench.problem("rosenbrock")).pixels
    read = matplotlib.image.imread(io.BytesIO(encode_png(image)))
    np.testing.assert_array_equal(np.round(read[..., :3] * 255).astype(np.uint8), image)


def test_a_path_that_leaves_and_comes_back_is_drawn_on_both_ways() -> None:
    problem = nagbench.problem("bowl")
    path = np.array([[0.5, 0.5], [800.0, 0.5], [0.2, 0.2], [0.0, 0.0]])
    image = contour_image(problem, path[:1])
    picture = PathPicture(path, path[:-1], None, style_of("rmsprop"), image, "below")
    assert len(picture.drawn) == 4
    np.testing.assert_array_equal(picture.drawn[[0, 2, 3]], path[[0, 2, 3]])
    # Moved nearer, and still to the right of the picture, almost at the same height.
    far = picture.drawn[1]
    assert image.box[0, 1] < far[0] < 800.0 or far[0] == 800.0
    gone = np.array([[0.5, 0.5], [50.0, 0.5], [-5e3, 0.5], [5e5, 0.5], [np.inf, 0.5]])
    assert len(PathPicture(gone, gone[:-1], None, style_of("rmsprop"), image, "below").drawn) == 2


def test_powers_among_other_numbers_are_numbers() -> None:
    assert [label for _, label in log_ticks(0.04, 3.0, format_power_of_ten)] == ["0.05", "0.1", "0.2", "0.5", "1", "2"]
    assert next(label for _, label in log_ticks(1e-3, 1e3, format_power_of_ten)) == "10⁻³"
    assert format_power_of_ten(2e-32) == "2·10⁻³²"


def test_labels_of_ratios_do_not_touch_and_say_whom_a_side_favors() -> None:
    rows = [{"ratio": 1.0 / 40.0, "low": 1.0 / 60.0, "high": 6.0}]
    drawing = ET.fromstring(draw_ratio_axis(ratio_axis(rows), ("momentum", "NAG")))
    texts = [(float(text.get("x", "nan")), str(text.text)) for text in drawing.iter("text")]
    assert {"← momentum", "NAG →"} <= {name for _, name in texts}
    labels = sorted((x, name) for x, name in texts if re.fullmatch(r"[\d/]+", name))
    assert "1" in {name for _, name in labels}
    gaps = [right[0] - left[0] - 2.5 * (len(left[1]) + len(right[1])) for left, right in itertools.pairwise(labels)]
    assert min(gaps) > 0.0

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nagbench.reporting.figures.convergence import axis_limits, convergence_data, curve_styles, plot_convergence
from nagbench.reporting.figures.svg import inline_svg
from nagbench.reporting.figures.svg_writer import render_svg


def trace(method: str, residuals: list[float], status: str = "converged", **values: Any) -> pd.DataFrame:
    """The curve of one run, one row an iteration."""
    count = len(residuals)
    row = {
        "task": "bowl", "mode": "tuned", "method": method, "optimizer": method, "cell": method, "status": status,
        "measure": "gradient", "relative": False, "tolerance": 1e-6, "typical": True, **values,
    }  # fmt: skip
    steps = np.arange(count)
    return pd.DataFrame(
        {**{name: [value] * count for name, value in row.items()}, "iteration": steps, "evaluations": steps * 1.0,
         "time": steps * 1e-6, "residual": residuals}
    )  # fmt: skip


FAST = trace("nesterov", [1.0, 1e-2, 1e-4, 1e-7])
SLOW = trace("gradient-descent", list(np.geomspace(1.0, 1e-3, 101)), "budget")
BOTH = pd.concat([FAST, SLOW])


def lines_of(table: pd.DataFrame, **options: object) -> dict[str, tuple[list[float], list[float], str]]:
    axes = plot_convergence(table, **options).axes[0]  # type: ignore[arg-type]
    lines = [line for line in axes.lines if line.get_gid()]
    return {line.get_gid(): (list(line.get_xdata()), list(line.get_ydata()), line.get_marker()) for line in lines}


def test_curves_are_the_residuals() -> None:
    lines = lines_of(FAST)
    assert lines["series-0"][:2] == ([0, 1, 2, 3], [1.0, 1e-2, 1e-4, 1e-7])
    assert lines_of(FAST, against="time")["series-0"][0] == pytest.approx([0, 1e-6, 2e-6, 3e-6])


def test_a_curve_ends_in_a_dot_or_a_cross() -> None:
    lines = lines_of(BOTH)
    assert lines["series-0-end"][2] == "o"
    assert lines["series-1-end"] == ([100.0], [pytest.approx(1e-3)], "X")


def test_the_axis_is_logarithmic_where_lengths_differ_much() -> None:
    assert plot_convergence(BOTH).axes[0].get_xscale() == "log"
    assert plot_convergence(FAST).axes[0].get_xscale() == "linear"
    x, y, _ = lines_of(BOTH)["series-1"]
    assert (x[:3], y[0]) == ([0.5, 1.0, 2.0], 1.0)
    assert lines_of(BOTH, against="time")["series-0"][0] == pytest.approx([5e-7, 1e-6, 2e-6, 3e-6])


def test_runs_of_one_iteration_are_curves_beside_long_ones() -> None:
    limits = axis_limits(pd.concat([trace("a", [1.0, 1e-9], mode="theory"), SLOW]))
    plot = convergence_data(trace("a", [1.0, 1e-9]), limits=limits, size=(475.2, 259.2))
    left, top, right, bottom = plot.box
    drawn = ET.fromstring(render_svg(plot, "p", title="t")).find(".//*[@id='p-series-0']/{*}path").get("d")
    (x0, y0), (x1, y1) = (map(float, point.split()) for point in re.split("[ML]", drawn)[1:])
    assert (x0, y1) == pytest.approx((left, bottom), abs=0.1)
    assert left < x1 < right
    assert top < y0 < y1
    assert [text for _, text in plot.x.ticks] == ["0", "1", "10", "100"]


def test_zeros_and_infinities_are_drawn_at_the_edges() -> None:
    limits = axis_limits(trace("a", [1.0, 0.0]))
    assert lines_of(trace("a", [1.0, 0.0]))["series-0"][1] == [1.0, limits.low]
    wild = trace("a", [1.0, 1e9, np.inf, np.nan], "diverged")
    limits = axis_limits(wild)
    assert limits.high <= 1e4
    assert lines_of(wild)["series-0"][1] == [1.0, limits.high, limits.high, limits.high]


def test_a_figure_shares_the_frame_it_is_given() -> None:
    limits = axis_limits(BOTH)
    axes = plot_convergence(FAST, limits=limits).axes[0]
    assert axes.get_ylim() == (limits.low, limits.high)
    assert axes.get_xscale() == "log"


def test_a_run_without_time_leaves_the_others_their_curves() -> None:
    table = pd.concat([FAST, SLOW.assign(time=np.nan)])
    lines = lines_of(table, against="time")
    assert len(lines["series-0"][0]) == 4
    assert lines["series-1"][0] == []


def test_modes_and_runs_of_a_method_are_told_apart() -> None:
    table = pd.concat([FAST, FAST.assign(mode="theory", cell="b"), FAST.assign(cell="c", typical=False)])
    assert list(curve_styles(table)) == ["nesterov, tuned", "nesterov, theory"]
    assert [look.hollow for look in curve_styles(table).values()] == [False, True]
    assert [patch.get_gid() for patch in plot_convergence(table).axes[0].patches] == ["series-0-band"]


def test_the_band_runs_between_the_quartiles_at_every_iteration() -> None:
    runs = [trace("a", [8.0, 4.0 * k, 2.0 * k]).assign(cell=str(k), typical=k == 3) for k in (1, 2, 3, 4, 5)]
    (band,) = plot_convergence(pd.concat(runs)).axes[0].patches
    corners = {(float(x), float(y)) for x, y in band.get_xy()}
    assert {(1.0, 8.0), (1.0, 16.0), (2.0, 4.0), (2.0, 8.0)} <= corners


@pytest.mark.parametrize(
    "name", ["_hidden", "$x", r"$\undefined$", "<script>alert(1)</script>", 'a"b&c', "x" * 300, "\x00"]
)
def test_any_name_is_shown_as_text(name: str) -> None:
    picture = inline_svg(
        plot_convergence(trace(name, [1.0, 1e-7]), title=name), "f", title=name, titles={"series-0": name}
    )
    root = ET.fromstring(picture)
    said = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len([text for text in said if text and text[:5] == name.replace("\x00", "�")[:5]]) == 2
    assert "<script" not in picture


def test_an_inline_picture_is_safe_to_put_into_a_page() -> None:
    picture = inline_svg(plot_convergence(BOTH), "bowl", title="The bowl", titles={"series-0": "nesterov"})
    root = ET.fromstring(picture)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("bowl-") for name in ids)
    used = set(re.findall(r"url\(#([^)]+)\)", picture)) | set(re.findall(r'href="#([^"]+)"', picture))
    assert used <= set(ids)
    assert "bowl-series-0" in ids
    assert not re.search(r'(href|src)="(?!#)', picture)
    assert "<style" not in picture
    assert "font-family" not in picture
    assert "var(--ink-0072b2,#0072b2)" in picture
    assert root.get("aria-label") == "The bowl"


def test_pictures_are_deterministic() -> None:
    first, second = (inline_svg(plot_convergence(BOTH), "f", title="t") for _ in range(2))
    assert first == second

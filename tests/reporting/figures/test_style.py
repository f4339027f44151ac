from __future__ import annotations

import io
import itertools
import subprocess
import sys

import matplotlib
import pytest
from matplotlib.colors import to_rgb

import nagbench
from nagbench import UsageError
from nagbench.reporting.figures.color_distance import color_distance
from nagbench.reporting.figures.landscape import plot_contours
from nagbench.reporting.figures.style import (
    DARK,
    MUTED,
    PAPER,
    assign_styles,
    assigned_styles,
    figure_style,
    new_figure,
    printable,
    save_figure,
    style_of,
)
from nagbench.validation.equivalence.groups import algorithm_of

METHODS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")
BEHIND_LINES = set(list(DARK)[2:5])


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def small_figure():  # type: ignore[no-untyped-def]
    with figure_style():
        figure = new_figure(2, 2)
        figure.add_subplot().plot([0, 1], [1, 0], **style_of("nesterov").plot_options)
    return figure


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    save_figure(small_figure(), stream, kind)
    return stream.getvalue()


def test_known_methods_differ_in_colour_dash_and_marker() -> None:
    looks_of_known = [style_of(name) for name in METHODS]
    for part in ("color", "dash", "marker"):
        assert len({getattr(look, part) for look in looks_of_known}) == len(METHODS)


def test_unknown_methods_never_take_the_colour_of_a_known_one() -> None:
    known = {style_of(name).color for name in METHODS}
    others = [style_of(f"method-{i}") for i in range(200)]
    assert not known & {look.color for look in others}
    assert len(set(others)) > 100


def test_an_unknown_method_looks_the_same_in_every_process() -> None:
    code = "from nagbench.reporting.figures.style import style_of; print(style_of('torch/sgd <b>é'))"
    assert python(code) == str(style_of("torch/sgd <b>é"))


def test_variants_keep_the_colour_and_differ_otherwise() -> None:
    first, second = style_of("momentum"), style_of("momentum", 1)
    assert first.color == second.color
    assert (first.dash, first.marker) != (second.dash, second.marker)


def test_a_report_has_no_style_twice_and_colours_that_colour_blind_readers_tell_apart() -> None:
    names = [*METHODS, *(f"method-{i}" for i in range(12))]
    styles = assign_styles(names)
    assert len({look.color for look in styles.values()}) == len(names)
    assert {name: styles[name].color for name in METHODS} == {name: style_of(name).color for name in METHODS}
    first = [look.color for look in list(styles.values())[:8]]
    # A fiftieth of the lightness from black to white is what two neighboring patches just differ by.
    assert min(color_distance(a, b) for a, b in itertools.combinations(first, 2)) > 0.05
    assert len(set(assign_styles(f"method-{i}" for i in range(60)).values())) == 60
    with assigned_styles(styles):
        assert style_of("method-3") == styles["method-3"]


def test_implementations_share_the_colour_of_their_algorithm_and_libraries_their_marker() -> None:
    names = [
        "nesterov",
        "momentum",
        "torch/sgd-nesterov",
        "torch/sgd",
        "optax/sgd-nesterov",
        "torch/adam",
        "keras/adam",
    ]
    styles = assign_styles(names, algorithm_of)
    assert styles["nesterov"].color == styles["torch/sgd-nesterov"].color == styles["optax/sgd-nesterov"].color
    assert styles["momentum"].color == styles["torch/sgd"].color != styles["nesterov"].color
    assert len({styles[name].marker for name in names if name.startswith("torch/")}) == 1
    assert len({styles[name].marker for name in ("nesterov", "torch/adam", "optax/sgd-nesterov", "keras/adam")}) == 4
    assert len(set(styles.values())) == len(names)


def test_colours_that_differ_in_red_and_green_alone_are_near_to_colour_blind_eyes() -> None:
    assert color_distance("#ff0000", "#ff0000") == 0.0
    assert color_distance("#b40000", "#006400") < 0.5 * color_distance("#b40000", "#0000b4")


@pytest.mark.parametrize("color", [color for color in DARK if color not in BEHIND_LINES])
def test_contrast_is_enough_for_graphics_on_light_and_dark(color: str) -> None:
    least = 4.5 if color == MUTED else 3.0
    assert contrast(color, PAPER) >= least
    assert contrast(DARK[color], DARK[PAPER]) >= least


def test_the_users_settings_neither_change_nor_matter() -> None:
    def settings() -> dict[str, object]:
        return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}

    before = settings()
    plain = saved("svg")
    assert settings() == before
    with matplotlib.rc_context({"lines.linewidth": 9.0, "svg.fonttype": "path", "font.size": 30.0}):
        assert saved("svg") == plain


def test_pictures_need_no_pyplot_and_the_package_no_matplotlib() -> None:
    loaded = "import sys; print([name for name in ('matplotlib', 'matplotlib.pyplot') if name in sys.modules])"
    draw = (
        "import nagbench; from nagbench.reporting.figures.landscape import plot_problem; "
        "plot_problem(nagbench.problem('bowl'))"
    )
    assert python(f"{draw}; {loaded}") == "['matplotlib']"
    assert python(f"import nagbench, nagbench.analysis.summary, nagbench.reporting.html; {loaded}") == "[]"


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes_without_a_date(kind: str) -> None:
    first = saved(kind)
    assert first == saved(kind)
    assert b"Date" not in first
    assert b"tEXt" not in first


def test_an_unknown_format_is_a_usage_error(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"'xyz' is not known \(known: .*svg"):
        save_figure(small_figure(), tmp_path / "picture.xyz")


def test_the_format_follows_from_the_name(tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_figure(plot_contours(nagbench.problem("bowl")), tmp_path / "bowl.PNG", dpi=50)
    assert (tmp_path / "bowl.PNG").read_bytes().startswith(b"\x89PNG")


def test_shown_names_have_one_line_of_bounded_length() -> None:
    assert printable("a\nb\x00") == "a�b�"
    assert printable("x" * 100, 10) == "x" * 9 + "…"

"""Sphinx builds the site: ``python -m sphinx -W --keep-going docs docs/_build``. It needs no network."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import nagbench  # noqa: E402

project = "nagbench"
author = "the nagbench developers"
copyright = "the nagbench developers"
version = release = nagbench.__version__

extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "numpydoc", "sphinx_click", "picture",
]  # fmt: skip
exclude_patterns = ["_build"]
# A single backtick in a docstring is code, as everywhere else in the project.
default_role = "code"
nitpicky = False

# Options are copied from the page: "--atlas" stays as it is.
smartquotes = False
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = {"optional", "of", "shape", "default", "type", "or", "and", "each", "with", "the"}
numpydoc_xref_aliases = {"DataFrame": "pandas.DataFrame", "Path": "pathlib.Path", "Axes": "matplotlib.axes.Axes"}

html_theme = "pydata_sphinx_theme"
html_title = "nagbench"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["sphinx-version"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "secondary_sidebar_items": ["page-toc"],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "gallery": [], "other-tools": []}

# Objects of other projects that docstrings name, each with its page: with the projects' whole inventories, the site
# could not be built without a network.
CLASS, TERM = "py:class", "std:term"
LINKED = {
    "python": ("https://docs.python.org/3/", {("pathlib.Path", CLASS): "library/pathlib.html#pathlib.Path"}),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            ("numpy.ndarray", CLASS): "reference/generated/numpy.ndarray.html",
            ("array_like", TERM): "glossary.html#term-array_like",
        },
    ),
    "pandas": ("https://pandas.pydata.org/docs/", {("pandas.DataFrame", CLASS): "reference/api/pandas.DataFrame.html"}),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        {("matplotlib.axes.Axes", CLASS): "api/_as_gen/matplotlib.axes.Axes.html"},
    ),
}


def inventory(name: str, pages: dict[tuple[str, str], str]) -> str:
    """Write a project's inventory in intersphinx's format and return its path."""
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n# The rest of this file is compressed by zlib.\n"
    rows = "".join(f"{thing} {kind} 1 {page} -\n" for (thing, kind), page in pages.items())
    file = HERE / "_inventories" / f"{name}.inv"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(head.encode() + zlib.compress(rows.encode()))
    return str(file)


intersphinx_mapping = {name: (url, inventory(name, pages)) for name, (url, pages) in LINKED.items()}


def escape_stars(app: object, context: object, lines: list[str]) -> None:
    """Escape the stars of patterns such as 'ill-*' in help texts, which would begin emphasis."""
    lines[:] = [line.replace("*", "\\*").replace("\\\\*", "\\*") for line in lines]


def setup(app: Any) -> None:
    """Register what help texts go through."""
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", escape_stars)

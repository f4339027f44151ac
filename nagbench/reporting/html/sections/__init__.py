"""The sections of the page, in order: each a function from the material to a section, or None where it has nothing to say.

A further section is a module here and a line in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Section
from nagbench.reporting.html.sections import (
    cells,
    certificate,
    curves,
    environment,
    failures,
    found,
    learning,
    libraries,
    maps,
    paths,
    profiles,
    ranks,
    reading,
    scaling,
    summary,
    surfaces,
    theory,
    tuning,
)

Builder = Callable[[ReportContext], Section | None]

SECTIONS: tuple[Builder, ...] = (
    found.section,
    summary.section,
    curves.section,
    profiles.section,
    scaling.section,
    tuning.section,
    maps.section,
    paths.section,
    surfaces.section,
    learning.section,
    libraries.section,
    certificate.section,
    theory.section,
    ranks.section,
    failures.section,
    cells.section,
    reading.section,
    environment.section,
)

"""The sections of the page, one module each.

Every module has a function ``section(context) -> Section | None``, which returns None if the section does not apply.
A new section is a module here and an entry in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Section
from nagbench.reporting.html.sections import (
    cells,
    certificate,
    convergence,
    differences,
    environment,
    failures,
    findings,
    fixed_budgets,
    how_to_read,
    learning,
    libraries,
    paths,
    profiles,
    ranks,
    scaling,
    sensitivity,
    summary,
    surfaces,
    theory,
    tuning,
)

# In the order of the page.
SECTIONS: tuple[Callable[[ReportContext], Section | None], ...] = (
    findings.section,
    differences.section,
    summary.section,
    convergence.section,
    fixed_budgets.section,
    profiles.section,
    scaling.section,
    tuning.section,
    sensitivity.section,
    paths.section,
    surfaces.section,
    learning.section,
    libraries.section,
    certificate.section,
    theory.section,
    ranks.section,
    failures.section,
    cells.section,
    how_to_read.section,
    environment.section,
)

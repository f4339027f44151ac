"""Where the results come from: command, machine, versions, specification."""

from __future__ import annotations

import json

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Section, TemplatePart


def section(context: ReportContext) -> Section:
    """What every results directory says of itself."""
    sources = [
        {
            **context.manifest,
            **manifest,
            "text": json.dumps(manifest.get("spec", {}), indent=2, ensure_ascii=False, default=str),
        }
        for manifest in context.manifests
    ]
    parts = (TemplatePart(template="environment.html.j2", values={"sources": sources}),)
    return Section(id="environment", title="Environment", nav="Environment", parts=parts)

"""The section of the environment: command, machine, versions and specification of each results directory."""

from __future__ import annotations

import json

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Section, TemplatePart


def section(context: ReportContext) -> Section:
    """Return the manifests."""
    sources = []
    for manifest in context.manifests:
        specification = json.dumps(manifest.get("spec", {}), indent=2, ensure_ascii=False, default=str)
        sources.append({**context.manifest, **manifest, "text": specification})
    parts = (TemplatePart(template="environment.html.j2", values={"sources": sources}),)
    return Section(id="environment", title="Environment", nav="Environment", parts=parts)

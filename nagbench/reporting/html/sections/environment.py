"""Where the results come from: command, machine, versions, specification."""

from __future__ import annotations

import json

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Custom, Section


def section(material: ReportContext) -> Section:
    """What every results directory says of itself."""
    sources = [
        {
            **material.manifest,
            **manifest,
            "text": json.dumps(manifest.get("spec", {}), indent=2, ensure_ascii=False, default=str),
        }
        for manifest in material.manifests
    ]
    parts = (Custom(template="environment.html.j2", context={"sources": sources}),)
    return Section(id="environment", title="Environment", nav="Environment", parts=parts)

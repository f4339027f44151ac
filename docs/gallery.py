"""Write docs/gallery.md from the results in results/gallery: ``python docs/gallery.py``.

These results are made, in minutes, by ``nagbench sweep docs/gallery.toml --no-report --out results/gallery/nag-momentum`` and
``python docs/gallery.py claims``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nagbench
from nagbench.analysis.headlines import headlines, oriented
from nagbench.analysis.verdicts import ALL
from nagbench.validation.claims import claims

DOCS = Path(__file__).parent
STORED = DOCS.parent / "results" / "gallery"
SWEEP, CLAIMS = STORED / "nag-momentum", STORED / "claims.json"
FIRST, SECOND = "nesterov", "momentum"

TOP = """# Gallery

Results that are worth a look. `python docs/gallery.py` writes this page from the results in `results/gallery`; the figures
are drawn when the site is built.
"""

FEW = """
32 trials are few: twice as many would still change most results, so no verdict on a single problem is decided here. The
intervals show the tendency: momentum needs fewer iterations on most quadratics, and NAG needs fewer on Rosenbrock's valley.
`nagbench sweep`, with its 512 trials, decides more of them.
"""

MAPS = """
## Where it is stable

Each map shows the number of iterations at every point of a grid of step size and momentum, on a quadratic with κ = 100. The
line is the theoretical stability boundary. NAG is stable in a smaller region than the heavy ball.

```{picture} nagbench map ill-conditioned-1e2 nesterov --grid 40 --budget 4000 -j 1 --plot gallery-nesterov.png
:alt: Iterations of Nesterov's method over step size and momentum; beyond the theoretical boundary all runs diverge
Nesterov's method: s·L < 2(1 + m)/(1 + 2m).
```

```{picture} nagbench map ill-conditioned-1e2 momentum --grid 40 --budget 4000 -j 1 --plot gallery-momentum.png
:alt: Iterations of the heavy ball over step size and momentum; beyond the theoretical boundary all runs diverge
The heavy ball: s·L < 2(1 + m).
```

## Which implementations are the same

```{picture} nagbench verify nesterov --steps 40 --plot verify-nesterov.png
:alt: Distances of the implementations of Nesterov's method from the first of them, iteration by iteration
Implementations of Nesterov's method, side by side. Gray is rounding; a dot marks the step at which two
begin to differ. [Verify implementations](how-to/verify.md) explains the scenarios.
```
"""


def ratio(row: dict[str, Any]) -> str:
    """Return the ratio of iterations with its interval."""
    if row["verdict"] == "neither":
        return "—"
    return f"{1.0 / row['ratio']:.3g} ({1.0 / row['high']:.3g} to {1.0 / row['low']:.3g})"


def comparison(sweep: nagbench.Sweep) -> str:
    """Return the verdicts of the first optimizer against the second, a row for each problem."""
    table = sweep.verdicts
    pair = table[[{a, b} == {FIRST, SECOND} for a, b in zip(table["a"], table["b"], strict=True)]]
    rows = [oriented(row, FIRST) for row in pair.to_dict("records") if row["problem"] != ALL]
    word = {"a": "NAG", "b": "momentum", "undecided": "undecided", "neither": "neither solves it"}
    lines = [
        "| problem | verdict | iterations of NAG over those of momentum (95 % interval) | why undecided |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (list(word).index(row["verdict"]), -row["ratio"])):
        reason = row["reason"] if row["verdict"] == "undecided" else ""
        lines.append(f"| `{row['problem']}` | {word[row['verdict']]} | {ratio(row)} | {reason} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    sweep = nagbench.load(SWEEP)
    names = dict.fromkeys((FIRST, SECOND, "gradient-descent"))
    said = [f"* {line}." for line in headlines(sweep.verdicts, {name: name for name in names})]
    known = stored_claims()
    parts = [
        TOP,
        "## NAG against momentum\n",
        "A sweep over 24 problems with 32 trials in each of 8 independent tunings (`nagbench sweep docs/gallery.toml`):\n",
        *said,
        FEW,
        comparison(sweep),
        MAPS,
        "## Claims of the literature\n",
        "`nagbench claims NAME` repeats each experiment.\n",
        "| claim | source | found |\n|---|---|---|",
        *(f"| **{name}**: {row['statement']} | {row['source']} | {row['found']} |" for name, row in known.items()),
    ]
    return "\n".join(parts) + "\n"


def stored_claims() -> dict[str, dict[str, str]]:
    """Return what was found of each claim, by its name."""
    found: dict[str, dict[str, str]] = json.loads(CLAIMS.read_text(encoding="utf-8"))
    return found


def examine_claims() -> None:
    """Examine all claims and store what was found."""
    found = {
        name: {"statement": claim.statement, "source": claim.source, "found": claim.examine().verdict}
        for name, claim in claims().items()
    }
    CLAIMS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:] == ["claims"]:
        examine_claims()
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

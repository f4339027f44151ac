"""How much iteration counts change with rounding errors in the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import whole
from nagbench.engine.oracles import MOVED
from nagbench.experiments.minima import solved
from nagbench.experiments.selection import GROUP

# Counts that spread by more than both are rounding, not facts.
_ITERATIONS, _SHARE = 2.0, 0.01
COLUMNS = [*GROUP, "tolerance", "start", "seed", "least", "most", "rounding"]


def rounding(runs: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of each selected run from starts that are moved by roundings.

    Parameters
    ----------
    runs, scores : DataFrame
        The tables of a sweep's results.

    Returns
    -------
    DataFrame
        One row for each selected run that was repeated: problem, variant, mode, oracle, tolerance, start and seed; ``least``
        and ``most``, the range of its counts, infinite where one did not converge; ``rounding``, whether they spread by more
        than 2 iterations and more than 1 %.
    """
    moved = scores[scores["start"] >= MOVED]
    if moved.empty:
        return pd.DataFrame(columns=COLUMNS)
    keys = [*GROUP, "tolerance", "start", "seed"]
    own = runs[runs["selected"].astype(bool)]
    settings = pd.MultiIndex.from_frame(own[[*GROUP, "trial"]])
    moved = moved[pd.MultiIndex.from_frame(moved[[*GROUP, "trial"]]).isin(settings)]
    table = pd.concat(
        [own.reindex(columns=[*keys, "status", "iterations", "at_minimum"]), moved.assign(start=moved["start"] % MOVED)]
    )
    counts = table["iterations"].astype(float).where(solved(table), np.inf)
    groups = counts.groupby([table[name] for name in keys], sort=False)
    found = groups.agg(least="min", most="max", size="size").reset_index()
    found = found[found["size"] > 1].drop(columns="size")
    apart = np.subtract(found["most"], found["least"], out=np.zeros(len(found)), where=np.isfinite(found["least"]))
    return found.assign(rounding=(apart > _ITERATIONS) & (apart > _SHARE * found["least"]))[COLUMNS]


def describe_rounding(runs: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """Describe the counts at the tightest tolerance that roundings change: problem, variant, mode and the widest range."""
    table = rounding(runs, scores)
    table = table[table["rounding"].astype(bool) & (table["tolerance"] == table["tolerance"].min())]
    lines = []
    for (problem, variant, mode), rows in table.groupby(["problem", "variant", "mode"], sort=False):
        row = rows.assign(ratio=rows["most"] / rows["least"].clip(lower=0.5)).sort_values("ratio").iloc[-1]
        most = whole(row["most"]) if np.isfinite(row["most"]) else "no convergence"
        lines.append(f"{problem} × {variant} ({mode}): {whole(row['least'])} to {most} from one of the starts")
    return lines


def rounding_spreads(runs: pd.DataFrame, scores: pd.DataFrame) -> dict[tuple[Any, ...], float]:
    """Return the median spread of the runs of each problem, variant, mode, oracle and tolerance, as the log of a ratio."""
    table = rounding(runs, scores)
    least, most = (np.maximum(table[name].astype(float), 0.5) for name in ("least", "most"))
    ratio = np.log(np.divide(most, least, out=np.ones(len(table)), where=np.isfinite(least)))
    spread = pd.Series(np.where(table["rounding"].astype(bool), ratio, 0.0), index=table.index)
    groups = spread.groupby([table[name] for name in [*GROUP, "tolerance"]])
    # The upper of the two in the middle, because it may be infinite.
    return {key: float(np.sort(values)[len(values) // 2]) for key, values in groups}

"""Faults to plant into a copy of the package: extra work in an update, and momenta that are off by one."""

from __future__ import annotations

import math
import re
from pathlib import Path


def velocity_of_before(place: Path) -> None:
    """Nesterov's look-ahead takes the velocity of the iteration before."""
    kept = "        velocity[i] = v\n"
    text = _replaced(_method(place, "nesterov"), re.escape(kept), "")
    late = _replaced(text, r"( +y\[i\] = x \+ \w+ \* )v\n", rf"\g<1>velocity[i]\n{kept}")
    _method(place, "nesterov").write_text(late, encoding="utf-8")


def momentum_counted_on(place: Path) -> None:
    """Give the convex form's momentum k/(k + 3) the value of the next iteration."""
    file = _method(place, "nesterov_variants")
    text = _replaced(file, r"k / \(k \+ 3\.0\)", "(k + 1.0) / (k + 4.0)")
    file.write_text(text, encoding="utf-8")


def slower(place: Path, module: str, method: str, share: float) -> None:
    """Before its own loop an update runs over this share of the coordinates (1: all of them, once) and adds 0 to each."""
    file = _method(place, module)
    passes = max(1, math.ceil(share))
    extra = (
        f"    for _ in range({passes}):\n"
        f"        for i in range({round(1000 * share / passes)} * iterate.size // 1000):\n"
        "            iterate[i] = iterate[i] + 0.0\n"
    )
    head = rf"(def {method}\(.*?)(    for i in range\(iterate\.size\):\n)"
    file.write_text(_replaced(file, head, rf"\g<1>{extra}\g<2>"), encoding="utf-8")


def another_comment(place: Path) -> None:
    """Add a comment at the end of every file of the package, which changes nothing that runs."""
    for file in sorted((place / "nagbench").rglob("*.py")):
        file.write_text(file.read_text(encoding="utf-8") + "# Nothing.\n", encoding="utf-8")


def _method(place: Path, module: str) -> Path:
    return place / "nagbench" / "optimizers" / "algorithms" / f"{module}.py"


def _replaced(source: Path | str, pattern: str, new: str) -> str:
    text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
    found, count = re.subn(pattern, new, text, count=1, flags=re.DOTALL)
    if count != 1:
        raise RuntimeError(f"there is no {pattern!r} to plant a fault at")
    return found

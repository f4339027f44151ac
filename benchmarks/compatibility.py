"""Which public optimizers of other packages run here: the page docs/reference/compatibility.md.

    python -m benchmarks.compatibility --into docs/reference/compatibility.md

The packages and their versions are in compatibility.toml; one that is not installed is named and left out. Every public
optimizer runs for 60 iterations on a quadratic of six coordinates, or on a factorisation if it moves matrices, with the
values that its package gives by default, and is compared with every form and every algorithm of nagbench that has its
hyperparameters, at the same values.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import inspect
import json
import math
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# A compiler of PyTorch's would take minutes for each class, and changes no result.
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")

_LIST = Path(__file__).with_suffix(".toml")
_STEPS, _SECONDS, _CLOSE = 60, 120, 1e-9
# Names of equal forms that the page shows: without momentum, many are equal.
_SHOWN = 4
_PROBLEM = "quadratic:eigenvalues=[1,2,5,10,20,50],start=[1,-1,1,-1,1,-1]"
_MATRICES = "factorisation:rows=4,columns=3,rank=2"
# Names that packages give to hyperparameters of our forms, besides those that an adapter translates.
_NAMES = {
    "initial_distance": ("d0", "reps_rel", "estim_lr0"),
    "lower_bound": ("lb",),
    "momentum": ("beta", "beta1"),
    "decay": ("alpha", "rho", "beta2"),
    "initial_accumulator": ("initial_accumulator_value",),
}


def _packages() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_LIST.read_text(encoding="utf-8"))


def _public(package: str) -> Iterator[str]:
    """Yield the names of the public optimizers of a package."""
    module = importlib.import_module(package)
    for name in dir(module):
        if not name.startswith("_") and _is_optimizer(getattr(module, name), package, name):
            yield name


def _is_optimizer(thing: Any, package: str, name: str) -> bool:
    home = str(getattr(thing, "__module__", ""))
    if inspect.isclass(thing):
        from nagbench.optimizers.adapters._user_torch import is_torch_class

        ours = home.startswith(package) and home != "torch.optim.optimizer"
        return is_torch_class(thing) and ours and name not in ("Optimizer", "BaseOptimizer")
    if not inspect.isfunction(thing) or name.startswith("scale_by_") or name.endswith("_params"):
        return False
    if package == "optax.contrib":
        return home.startswith("optax.contrib.")
    return package == "optax" and home == "optax._src.alias"


def _examine(package: str, name: str, needs: Mapping[str, str]) -> dict[str, Any]:
    """Return what comes of one optimizer: it runs, or is refused with a sentence, and the forms that it equals."""
    row = {"name": name, "runs": False, "needs": needs.get(name, ""), "why": "", "equals": "", "how": ""}
    signal.alarm(_SECONDS)
    try:
        row |= _run(f"{package}:{name}")
    except (Exception, SystemExit) as error:
        row["why"] = _sentence(error, f"{package}:{name}")
    finally:
        signal.alarm(0)
    return row


def _run(path: str) -> dict[str, Any]:
    from nagbench.engine.single_run import run
    from nagbench.optimizers.algorithm import Optimizer
    from nagbench.optimizers.registry import lookup_algorithm

    method = lookup_algorithm(path)
    given = {key: 1e-3 if key == "step_size" else 100.0 if known.integer else 0.5
             for key, known in method.hyperparameters.items() if math.isnan(known.default) and not known.optional}  # fmt: skip
    chosen = Optimizer(method, given)
    found = run(_MATRICES if method.matrices else _PROBLEM, chosen, budget=_STEPS, tolerance=1e-300, path=True)
    if found.status == "error":
        raise RuntimeError(found.error)
    if found.path is None or not len(found.path) or not (found.path[-1] != found.path[0]).any():
        raise RuntimeError("x does not move in 60 iterations")
    how = "closure" if method.driver else "value" if method.observe else "matrices" if method.matrices else ""
    how = how or ("average" if method.look_ahead else "")
    return {"runs": True, "how": how, "equals": "" if method.matrices else ", ".join(_equals(chosen, found.path))}


def _equals(chosen: Any, path: Any) -> list[str]:
    """Return the names of the forms and algorithms with the same first iterates at the same values."""
    from nagbench.optimizers.registry import algorithms
    from nagbench.problems.lookup import problem
    from nagbench.validation.equivalence.forms import FORMS
    from nagbench.validation.equivalence.lockstep import follow, target_of

    objective, values = problem(_PROBLEM), dict(chosen.hyperparameters)
    values = {key: value for key, value in values.items() if value == value}
    values |= {
        f"{side}_{key}": values[key]
        for key in ("step_size", "momentum")
        if key in values
        for side in ("previous", "next")
    }
    found, steps = [], min(_STEPS, len(path) - 1)
    for name, method in {**FORMS, **algorithms()}.items():
        needed = [*method.hyperparameters, *["next_momentum"] * method.next_momentum]
        if not needed or not all(_value(method, key, values) is not None for key in needed):
            continue
        schedule = {key: np.full(steps + 1, _value(method, key, values)) for key in needed}
        try:
            points = follow(method, schedule, target_of(objective), objective.start.copy(), steps).points
        except Exception:
            continue
        if np.abs(points - path[: steps + 1]).max() <= _CLOSE * max(1.0, float(np.abs(path).max())):
            found.append(name)
    return found


def _value(method: Any, key: str, values: Mapping[str, float]) -> float | None:
    """Return the value of a hyperparameter of a form: the package's, else the form's default; None if it has none.

    No default counts of what is tuned, nor a 0 but of what is 0 in most uses: without its momentum, a form is another method.
    """
    for name in (key, *_NAMES.get(key, ())):
        if name in values:
            return values[name]
    known = method.hyperparameters.get(key)
    if known is None or known.tuning is not None or math.isnan(known.default):
        return None
    return known.default if known.default != 0.0 or key in ("weight_decay", "dampening") else None


def _sentence(error: BaseException, path: str) -> str:
    text = " ".join(str(error).split()).replace(f"{path}: ", "").replace(f"{path} ", "").replace("|", "/")
    text = text.removeprefix("OptimizerError: ").removeprefix("UsageError: ")
    return text if len(text) <= 160 else f"{text[:159]}…"


def _examine_package(package: str) -> None:
    """Print one line of JSON for each optimizer of a package."""
    # What takes long to import does not count against the first optimizer.
    importlib.import_module("nagbench.engine.single_run")
    signal.signal(signal.SIGALRM, _too_long)
    needs = _packages()[package].get("needs", {})
    for name in _public(package):
        print(json.dumps(_examine(package, name, needs)), flush=True)


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"it takes longer than {_SECONDS} s")


def _rows_of(package: str, kept: Path | None) -> list[dict[str, Any]]:
    """Return the rows of a package, examined in a process of its own, or read where they are kept."""
    if kept is not None and (file := kept / f"{package}.jsonl").exists():
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        needs = _packages()[package].get("needs", {})
        return [{**row, "needs": needs.get(row["name"], "")} for row in rows]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compatibility", "--package", package], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _page(results: Mapping[str, list[dict[str, Any]]], versions: Mapping[str, str], missing: list[str]) -> str:
    counted = [row for rows in results.values() for row in rows if not row["needs"]]
    runs = sum(row["runs"] for row in counted)
    lines = [
        "# Optimizers of other packages",
        "",
        "This page is written by `python -m benchmarks.compatibility --into docs/reference/compatibility.md`. Every",
        "public optimizer of the packages of `benchmarks/compatibility.toml` runs for 60 iterations with its defaults.",
        "*Equal to* names the forms and algorithms of nagbench whose iterates agree with it to 1e-9 of the largest",
        "coordinate on a quadratic with eigenvalues from 1 to 50. Hyperparameters that both have are set to the same values;",
        "those that only the form has, and that are not tuned, keep its defaults. *By* says what an optimizer needs besides",
        "the gradient, or where it is tested: `value` means f at the iterate, `closure` means that it evaluates f and ∇f",
        "itself, `matrices` that it needs a problem with blocks, and `average` that it has `train()` and `eval()` and is",
        "tested at the averaged point.",
        "",
        f"{len(counted)} optimizers need no more than parameters, gradient, value or a closure; {runs} of them run "
        f"({100.0 * runs / max(1, len(counted)):.1f} %).",
        "",
        "| package | version | optimizers | run | need more |",
        "|---|---|---|---|---|",
    ]
    for package, rows in results.items():
        own = [row for row in rows if not row["needs"]]
        ran = sum(row["runs"] for row in own)
        lines.append(f"| {package} | {versions[package]} | {len(own)} | {ran} | {len(rows) - len(own)} |")
    lines += ["", *([f"Not installed and left out: {', '.join(missing)}.", ""] if missing else [])]
    for package, rows in results.items():
        lines += [
            f"## {package} {versions[package]}",
            "",
            "| optimizer | outcome | by | equal to |",
            "|---|---|---|---|",
        ]
        for row in rows:
            equal = row["equals"].split(", ")
            row["equals"] = ", ".join(equal[:_SHOWN]) + (
                f" and {len(equal) - _SHOWN} more" if len(equal) > _SHOWN else ""
            )
            outcome = "runs" if row["runs"] else f"needs {row['needs']}" if row["needs"] else f"refused: {row['why']}"
            lines.append(f"| `{row['name']}` | {outcome.replace('|', '/')} | {row['how']} | {row['equals']} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Examine the packages and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, help="file of the page; without it, the page is printed")
    parser.add_argument(
        "--lines", type=Path, help="folder with what --package printed, in files PACKAGE.jsonl, to read"
    )
    parser.add_argument("--package", help="examine one package and print lines of JSON")
    asked = parser.parse_args()
    if asked.package:
        _examine_package(asked.package)
        return
    results, versions, missing = {}, {}, []
    for package, facts in _packages().items():
        try:
            versions[package] = importlib.metadata.version(facts["distribution"])
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{facts['distribution']} {facts['version']}")
            continue
        results[package] = _rows_of(package, asked.lines)
        print(f"{package}: {sum(r['runs'] for r in results[package])} of {len(results[package])} run", file=sys.stderr)
    page = _page(results, versions, missing)
    if asked.into:
        asked.into.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()

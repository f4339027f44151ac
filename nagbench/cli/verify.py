"""The verb verify."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from nagbench.analysis.formatting import number
from nagbench.api.certificates import Certificate, verify
from nagbench.cli.console import ERR, console, print_table, save
from nagbench.core.errors import UsageError, check_number
from nagbench.experiments.storage.parts import write_file
from nagbench.validation.equivalence.bundles import EquivalenceClass, equivalence_classes, forms_of, reasons, rifts
from nagbench.validation.equivalence.rounding import DIFFERENT, IDENTICAL, Comparison
from nagbench.validation.equivalence.scenarios import change_at
from nagbench.validation.equivalence.trials import Pair, Trial

_LEGEND = (
    "=  the same bits   ≈  equal up to rounding   ≠  different   "
    "*  takes its gradient elsewhere than at what it returns: compared where it takes it"
)


def verify_things(
    names: Sequence[str],
    problem: str,
    scenarios: Sequence[str],
    steps: int,
    values: Sequence[str],
    pairs: bool,
    plot: Path | None,
    out: Path | None,
    shape: str,
) -> int:
    """The verb verify; returns the exit code."""
    found = verify(*names, problem=problem, scenarios=scenarios or None, steps=steps, hyperparameters=_settings(values))
    for name, why in found.missing.items():
        ERR.print(f"nagbench: left out {name}: {why}", soft_wrap=True, markup=False)
    if found.pairs.empty:
        raise UsageError("nothing could be compared: no scenario has two implementations that run in it")
    if shape == "json":
        click.echo(found.to_json())
    elif shape == "csv":
        print_table(found.pairs, "csv")
    else:
        _print(found, pairs)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, found.to_json().encode())
        ERR.print(f"certificate: {out}", soft_wrap=True, markup=False)
    if plot is not None:
        save(found.plot(), plot)
    return 0


def _settings(texts: Sequence[str]) -> Mapping[str, float]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} is not of the form NAME=VALUE")
        found[name] = check_number(name, value)
        if not math.isfinite(found[name]):
            raise UsageError(f"--set {text!r} is not valid; allowed: a finite number")
    return found


def _print(found: Certificate, every_pair: bool) -> None:
    out = console()
    out.print(Text(_LEGEND, style="dim"), soft_wrap=True)
    group = ""
    for trial in found.trials:
        if trial.group.name != group:
            group = trial.group.name
            _print_heading(out, found, trial)
        _print_trial(out, found, trial, every_pair)


def _print_heading(out: Console, found: Certificate, trial: Trial) -> None:
    values = ", ".join(f"{name}={value:g}" for name, value in trial.group.base.items())
    out.print()
    out.print(Text(f"{trial.group.name}: {trial.group.title}", style="bold"), soft_wrap=True)
    out.print(Text(f"{found.problem}, {found.steps} iterations, {values}", style="dim"), soft_wrap=True)


def _print_trial(out: Console, found: Certificate, trial: Trial, every_pair: bool) -> None:
    changed = trial.scenario.name in ("step-drop", "momentum")
    when = f" (from iteration {change_at(found.steps)})" if changed else ""
    out.print(Text.assemble("  ", (trial.scenario.name, "bold"), f": {trial.scenario.title}{when}"), soft_wrap=True)
    ahead = {entrant.name for entrant in trial.entrants if entrant.look_ahead}
    found_bundles = equivalence_classes(trial)
    for place, bundle in enumerate(found_bundles):
        out.print(_bundle_text(trial, found_bundles, place, bundle, ahead, found.steps), soft_wrap=True)
    for i, j, pairs in rifts(trial, found_bundles):
        out.print(_rift_text(i, j, pairs), soft_wrap=True)
    for why in dict.fromkeys(trial.refused.values()):
        names = ", ".join(name for name, said in trial.refused.items() if said == why)
        out.print(Text(f"    {names}: left out, {why}", style="yellow"), soft_wrap=True)
    for pair in trial.pairs if every_pair else ():
        out.print(_pair_text(pair), soft_wrap=True)


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _bundle_text(
    trial: Trial, found: Sequence[EquivalenceClass], place: int, bundle: EquivalenceClass, ahead: set[str], steps: int
) -> Text:
    text = Text("    ")
    if len(found) > 1:
        text.append(f"{_letter(place)}  ", "bold")
    for joint, name in zip(("", *bundle.joints), bundle.names, strict=True):
        text.append(f" {joint} " if joint else "", "green")
        text.append(f"{name}*" if name in ahead else name)
    if "≈" in bundle.joints:
        text.append(f"   within {_ulps(bundle.ulps)}, {number(bundle.distance)}", "green")
    if len(bundle.names) > 1 and bundle.told_until < steps:
        text.append(f"   can be told from rounding up to step {max(bundle.told_until, 0)} only", "yellow")
    text.append(f"   [{forms_of(trial, bundle)}]", "dim")
    mapped = {p.explanation for p in trial.pairs if p.mapped and {p.a, p.b} <= set(bundle.names)} - {""}
    text.append("".join(f"   {reason}" for reason in sorted(mapped)), "cyan")
    return text


def _rift_text(i: int, j: int, pairs: Sequence[Pair]) -> Text:
    steps = sorted({pair.best.parts_at for pair in pairs if pair.best.parts_at is not None})
    when = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
    far = max(pair.best.distance for pair in pairs)
    text = Text(f"    {_letter(i)} ≠ {_letter(j)}  from {when} on, up to {number(far)} apart", "red")
    return text.append(f": {reasons(pairs)}")


def _pair_text(pair: Pair) -> Text:
    text = Text(f"      {pair.a} | {pair.b}: {_words(pair.raw)}")
    if pair.mapped is not None:
        text.append(f"; where both take their gradients: {_words(pair.mapped)}")
    return text.append(f" ({pair.explanation})" if pair.explanation else "")


def _words(found: Comparison) -> str:
    if found.verdict == IDENTICAL:
        return "identical"
    apart = f"{_ulps(found.ulps)}, {number(found.distance)}"
    if found.verdict == DIFFERENT:
        return f"part at step {found.parts_at}, up to {apart}"
    return f"equal up to rounding, {apart}"


def _ulps(value: float) -> str:
    return "less than 1 ulp" if value < 1.0 else f"{value:.0f} ulp" if value < 1e5 else f"{number(value)} ulp"

"""The text of a certificate of equivalence, as ``nagbench verify`` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from nagbench.analysis.formatting import number
from nagbench.cli.console import stdout_console
from nagbench.validation.equivalence.certificate import Certificate
from nagbench.validation.equivalence.classes import (
    EquivalenceClass,
    equivalence_classes,
    forms_of,
    reasons,
    rifts,
)
from nagbench.validation.equivalence.rounding import DIFFERENT, IDENTICAL, Comparison
from nagbench.validation.equivalence.scenarios import change_at
from nagbench.validation.equivalence.trials import Pair, Trial

_LEGEND = (
    "=  the same bits   ≈  equal up to rounding   ≠  different   "
    "*  takes its gradient at a point other than the one that it returns: compared there"
)


def print_certificate(certificate: Certificate, *, all_pairs: bool) -> None:
    """Print the equivalence classes of every group and scenario on stdout, and every pair on request."""
    out = stdout_console()
    out.print(Text(_LEGEND, style="dim"), soft_wrap=True)
    for _, trials in groupby(certificate.trials, key=lambda trial: trial.group.name):
        for place, trial in enumerate(trials):
            heading = _heading_lines(certificate, trial) if place == 0 else ()
            for line in (*heading, *_trial_lines(trial, certificate.steps)):
                out.print(line, soft_wrap=True)
            for pair in trial.pairs if all_pairs else ():
                out.print(_pair_line(pair), soft_wrap=True)


def _heading_lines(certificate: Certificate, trial: Trial) -> tuple[Text, ...]:
    values = ", ".join(f"{name}={value:g}" for name, value in trial.group.base.items())
    return (
        Text(""),
        Text(f"{trial.group.name}: {trial.group.title}", style="bold"),
        Text(f"{certificate.problem}, {certificate.steps} iterations, {values}", style="dim"),
    )


def _trial_lines(trial: Trial, steps: int) -> Iterator[Text]:
    """Yield the scenario, its equivalence classes, where they part, and the implementations that could not run."""
    changed = trial.scenario.name in ("step-drop", "momentum")
    start = f" (from iteration {change_at(steps)})" if changed else ""
    yield Text.assemble("  ", (trial.scenario.name, "bold"), f": {trial.scenario.title}{start}")
    classes = equivalence_classes(trial)
    for index, members in enumerate(classes):
        yield _class_line(trial, members, letter_of(index) if len(classes) > 1 else "", steps)
    for i, j, pairs in rifts(trial, classes):
        yield _difference_line(i, j, pairs)
    for reason in dict.fromkeys(trial.refused.values()):
        names = ", ".join(name for name, given in trial.refused.items() if given == reason)
        yield Text(f"    {names}: left out, {reason}", style="yellow")


def letter_of(index: int) -> str:
    """Return the letter that stands for a class of implementations."""
    return chr(ord("A") + index)


def _class_line(trial: Trial, members: EquivalenceClass, letter: str, steps: int) -> Text:
    text = Text("    ")
    if letter:
        text.append(f"{letter}  ", "bold")
    look_ahead = {implementation.name for implementation in trial.implementations if implementation.look_ahead}
    for sign, name in zip(("", *members.joints), members.names, strict=True):
        text.append(f" {sign} " if sign else "", "green")
        text.append(f"{name}*" if name in look_ahead else name)
    if "≈" in members.joints:
        text.append(f"   within {_ulps(members.ulps)}, {number(members.distance)}", "green")
    if len(members.names) > 1 and members.told_until < steps:
        text.append(f"   distinguishable from rounding only up to step {max(members.told_until, 0)}", "yellow")
    lost = [
        implementation.diverged_at
        for implementation in trial.implementations
        if implementation.name in members.names and implementation.diverged_at is not None
    ]
    if lost:
        text.append(f"   diverged from step {min(lost)} on, so equality says little", "yellow")
    text.append(f"   [{forms_of(trial, members)}]", "dim")
    explanations = {pair.explanation for pair in trial.pairs if pair.mapped and {pair.a, pair.b} <= {*members.names}}
    return text.append("".join(f"   {explanation}" for explanation in sorted(explanations - {""})), "cyan")


def _difference_line(i: int, j: int, pairs: Sequence[Pair]) -> Text:
    """Return from where on two classes differ, how far, and why."""
    steps = sorted({pair.best.parts_at for pair in pairs if pair.best.parts_at is not None})
    first = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
    distance = max(pair.best.distance for pair in pairs)
    text = Text(f"    {letter_of(i)} ≠ {letter_of(j)}  from {first} on, up to {number(distance)} apart", "red")
    return text.append(f": {reasons(pairs)}")


def _pair_line(pair: Pair) -> Text:
    text = Text(f"      {pair.a} | {pair.b}: {_verdict(pair.raw)}")
    if pair.mapped is not None:
        text.append(f"; where both take their gradients: {_verdict(pair.mapped)}")
    return text.append(f" ({pair.explanation})" if pair.explanation else "")


def _verdict(comparison: Comparison) -> str:
    if comparison.verdict == IDENTICAL:
        return "identical"
    size = f"{_ulps(comparison.ulps)}, {number(comparison.distance)}"
    if comparison.verdict == DIFFERENT:
        return f"different from step {comparison.parts_at} on, up to {size}"
    return f"equal up to rounding, {size}"


def _ulps(value: float) -> str:
    if value < 1.0:
        return "less than 1 ulp"
    return f"{value:.0f} ulp" if value < 1e5 else f"{number(value)} ulp"

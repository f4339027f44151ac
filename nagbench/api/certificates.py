"""The certificate of equivalence as users make, read and plot it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from nagbench.problems.problem import Problem
from nagbench.validation.equivalence import certificate
from nagbench.validation.equivalence.certificate import PROBLEM, STEPS
from nagbench.validation.equivalence.reading import read


class Certificate(certificate.Certificate):
    """What `nagbench.verify` found, with its picture."""

    @staticmethod
    def from_json(text: str) -> Certificate:
        """Return the certificate that ``to_json`` wrote, here or elsewhere.

        Raises
        ------
        UsageError
            If the text is anything else.
        """
        return _with_picture(read(text))

    def plot(self) -> Any:
        """Plot the distance of every implementation from the first of its group against the step.

        Returns
        -------
        matplotlib.figure.Figure
            One panel per group and scenario.
        """
        from nagbench.reporting.figures.certificate import plot_certificate as draw

        return draw(self)


def _with_picture(found: certificate.Certificate) -> Certificate:
    return Certificate(**{field.name: getattr(found, field.name) for field in fields(found)})


def verify(
    *names: str,
    problem: str | Problem = PROBLEM,
    scenarios: Sequence[str] | None = None,
    steps: int = STEPS,
    hyperparameters: Mapping[str, float] | None = None,
) -> Certificate:
    """Run implementations in lockstep and tell which coincide.

    Parameters
    ----------
    *names
        Groups ("nesterov", "adam", …) or implementations: ours, a library's ("torch/sgd-nesterov") or a user's
        ("package.module:attribute"). Without names, all groups.
    problem
        Where all of them run.
    scenarios
        Names of what happens to the hyperparameters along a run; all by default.
    steps
        The number of iterations, at least 2.
    hyperparameters
        Values that replace those of the groups.

    Returns
    -------
    Certificate
        The trials, one per group and scenario.

    Raises
    ------
    UsageError
        For unknown names, values that are not valid, and named libraries that are not installed.
    """
    return _with_picture(
        certificate.verify(*names, problem=problem, scenarios=scenarios, steps=steps, hyperparameters=hyperparameters)
    )

"""Certificates of equivalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from nagbench.core import arguments
from nagbench.core.notebook import rows_as_html
from nagbench.problems.problem import Problem
from nagbench.validation.equivalence import certificate
from nagbench.validation.equivalence.certificate import PROBLEM, STEPS
from nagbench.validation.equivalence.reading import read

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Certificate(certificate.Certificate):
    """Which implementations coincide, by group and scenario: what `nagbench.verify` returns.

    Attributes
    ----------
    problem, dimension, steps
        The name and dimension of the problem, and the number of iterations.
    trials
        One for each group and scenario, with every pair of implementations compared.
    pairs : pandas.DataFrame
        One row for each pair, group and scenario.
    missing
        The implementations whose library is not installed, and why.
    named
        The implementations that were asked for by name.
    versions
        The versions of nagbench and the libraries.
    """

    @staticmethod
    def from_json(text: str) -> Certificate:
        """Return the certificate that ``to_json`` wrote, on this machine or another.

        Parameters
        ----------
        text
            The JSON text.

        Raises
        ------
        UsageError
            If the text is not a certificate.

        Examples
        --------
        >>> import nagbench
        >>> certificate = nagbench.verify("nesterov", "nesterov-two-sequence", steps=5)
        >>> nagbench.Certificate.from_json(certificate.to_json()).pairs.equals(certificate.pairs)
        True
        """
        return _with_plot(read(text))

    def __repr__(self) -> str:
        groups = ", ".join(dict.fromkeys(trial.group.name for trial in self.trials))
        return f"Certificate({groups!r}, problem={self.problem!r}, steps={self.steps}, pairs={len(self.pairs)})"

    def _repr_html_(self) -> str:
        """Return the verdict of every pair, as a table for a notebook."""
        rows = [
            (trial.group.name, trial.scenario.name, pair.a, pair.b, pair.best.verdict, pair.explanation)
            for trial in self.trials
            for pair in trial.pairs
        ]
        columns = ("group", "scenario", "a", "b", "verdict", "why")
        return rows_as_html(f"{self.problem}, {self.steps} iterations", columns, rows)

    def plot(self) -> Figure:
        """Plot the distance of every implementation from the first of its group against the step.

        Returns
        -------
        matplotlib.figure.Figure
            One panel for each group and scenario.
        """
        from nagbench.reporting.figures.certificate import plot_certificate

        return plot_certificate(self)


def _with_plot(plain: certificate.Certificate) -> Certificate:
    return Certificate(**{field.name: getattr(plain, field.name) for field in fields(plain)})


def verify(
    *names: str,
    problem: str | Problem = PROBLEM,
    scenarios: Sequence[str] | None = None,
    steps: int = STEPS,
    hyperparameters: Mapping[str, float] | None = None,
) -> Certificate:
    """Run implementations in lockstep and certify which of them coincide.

    Parameters
    ----------
    *names
        Groups ("nesterov", "adam", …) or implementations: one of nagbench, one of a library ("torch/sgd-nesterov") or
        your own ("package.module:attribute"). Without names, all groups.
    problem
        The problem on which all of them run.
    scenarios
        Names of the ways in which hyperparameters change along a run; by default all.
    steps
        Number of iterations, at least 2.
    hyperparameters
        Values that replace those of the groups.

    Returns
    -------
    Certificate
        One trial for each group and scenario.

    Raises
    ------
    UsageError
        If a name or a value is not valid, or if the library of a named implementation is not installed.

    Examples
    --------
    >>> import nagbench
    >>> certificate = nagbench.verify("nesterov", "nesterov-two-sequence", scenarios=["constant"], steps=20)
    >>> certificate.pairs["verdict"].tolist()
    ['rounding']
    """
    for name in names:
        arguments.text("name", name)
    chosen = None if scenarios is None else arguments.listed("scenarios", scenarios, "names")
    if not isinstance(hyperparameters, Mapping | None):
        raise arguments.refuse("hyperparameters", hyperparameters, "values by name")
    plain = certificate.verify(
        *names,
        problem=problem,
        scenarios=chosen,
        steps=arguments.whole("steps", steps, 2, 2**53 - 1),
        hyperparameters=hyperparameters,
    )
    return _with_plot(plain)

"""A certificate that is read again says what the first said; one that somebody has changed is refused in one line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nagbench
from nagbench.api.certificates import Certificate
from nagbench.reporting.figures.svg import inline_svg
from nagbench.validation.equivalence.certificate import schema
from nagbench.validation.equivalence.classes import equivalence_classes, rifts

HOSTILE = "<script>alert(1)</script> $\\frac"


@pytest.fixture(scope="module")
def made() -> Certificate:
    return nagbench.verify("nesterov", "qhm", "formula/cs231n", "planted:nesterov_at_p", steps=20)


@pytest.fixture(scope="module")
def text(made: Certificate) -> str:
    return made.to_json()


def test_it_says_what_the_first_said(made: Certificate, text: str) -> None:
    read = Certificate.from_json(text)
    pd.testing.assert_frame_equal(read.pairs, made.pairs)
    assert read.versions == made.versions
    for one, other in zip(read.trials, made.trials, strict=True):
        assert (one.group.name, one.scenario, one.forms) == (other.group.name, other.scenario, other.forms)
        assert one.implementations == other.implementations
        assert equivalence_classes(one) == equivalence_classes(other)
        parted = [
            [(i, j, len(pairs)) for i, j, pairs in rifts(trial, equivalence_classes(trial))] for trial in (one, other)
        ]
        assert parted[0] == parted[1]


def test_it_is_the_same_text_again(text: str) -> None:
    again = Certificate.from_json(text).to_json()
    assert json.loads(again) == json.loads(text)
    jsonschema.validate(json.loads(again), schema())


def test_its_picture_is_the_first_one_to_four_digits(made: Certificate, text: str) -> None:
    read = Certificate.from_json(text).plot()
    for axes, other in zip(read.axes, made.plot().axes, strict=True):
        for line, same in zip(axes.lines, other.lines, strict=True):
            np.testing.assert_allclose(line.get_ydata(), same.get_ydata(), rtol=1e-3)


def test_distances_that_are_not_finite_come_back() -> None:
    made = nagbench.verify("momentum", "planted:breaks", scenarios=["constant"])
    read = Certificate.from_json(made.to_json())
    assert np.isinf(read.trials[0].lines[0].distances[-1])
    assert np.isinf(read.pairs["distance"].replace("inf", np.inf).astype(float)).all()


def changed(text: str, change: Callable[[dict[str, Any]], Any]) -> str:
    data = json.loads(text)
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.update(format=1), "nagbench verify --out"),
        (lambda data: data.pop("trials"), "trials"),
        (lambda data: data.update(further=1), "further"),
        (lambda data: data.update(steps="20"), "steps"),
        (lambda data: data.update(steps=10**9), "steps"),
        (lambda data: data["trials"][0].update(scenario=HOSTILE), "scenario"),
        (lambda data: data["trials"][0]["pairs"][0].update(verdict="perhaps"), "verdict"),
        (lambda data: data["trials"][0]["pairs"][0].update(distance=-1.0), "distance"),
        (lambda data: data["trials"][0]["pairs"][0].update(ulps=float("nan")), "ulps"),
        (lambda data: data["trials"][0]["pairs"][0].update(a="nobody"), "nobody"),
        (lambda data: data["trials"][0]["pairs"].append(data["trials"][0]["pairs"][0]), "twice"),
        (lambda data: data["trials"][0]["implementations"].append(data["trials"][0]["implementations"][0]), "twice"),
        (lambda data: data["trials"][0]["picture"]["lines"][0]["distances"].pop(), "20 distances"),
        (lambda data: data["trials"][0]["picture"]["lines"][0].update(distances=["far"] * 21), "distances"),
        (lambda data: data["trials"][0].update(title="x" * 10_000), "title"),
    ],
)
def test_what_was_changed_is_refused_in_one_line(text: str, change: Callable[[dict[str, Any]], Any], said: str) -> None:
    with pytest.raises(nagbench.UsageError, match="certificate") as raised:
        Certificate.from_json(changed(text, change))
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 1000


@given(at=st.floats(0.0, 1.0), cut=st.integers(1, 40), put=st.text(max_size=4))
def test_a_damaged_text_never_raises_anything_else(text: str, at: float, cut: int, put: str) -> None:
    place = int(at * len(text))
    read = None
    with contextlib.suppress(nagbench.UsageError):
        read = Certificate.from_json(text[:place] + put + text[place + cut :])
    assert read is None or len(read.pairs) == len(Certificate.from_json(text).pairs)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"format"', "[" * 100_000, '{"format": 2}'])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(nagbench.UsageError, match="certificate"):
        Certificate.from_json(text)


def test_hostile_names_are_drawn_as_text(text: str) -> None:
    def rename(data: dict[str, Any]) -> None:
        data["problem"] = HOSTILE
        for trial in data["trials"]:
            trial["group"] = trial["title"] = HOSTILE

    figure = Certificate.from_json(changed(text.replace("formula/cs231n", "$x_{$<script>"), rename)).plot()
    svg = inline_svg(figure, "p", title=HOSTILE)
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg

"""Declarations of hyperparameters."""

import pytest

from nagbench import Hyperparameter, UsageError


@pytest.mark.parametrize(
    ("choices", "default", "position"),
    [(("plain", "half"), "half", 1.0), ((False, True), True, 1.0), (("plain", "half"), 0, 0.0)],
)
def test_a_default_is_a_choice_or_its_position(choices, default, position):
    assert Hyperparameter(default=default, choices=choices).default == position


def test_a_default_that_is_no_choice_is_one_line():
    with pytest.raises(UsageError, match=r"default='whole' is not valid; allowed: plain, half"):
        Hyperparameter(default="whole", choices=("plain", "half"))

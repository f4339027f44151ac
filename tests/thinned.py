"""Parametrizations of which every commit runs a part; `bash .ci/extra slow` runs the rest."""

import pytest

# One update of each kind: plain, with a velocity, with look-ahead, with averages, with a power of k, with signs.
METHODS = ("gradient-descent", "momentum", "nesterov", "fista", "rmsprop", "adam", "lion")


def thinned(values, kept=METHODS):
    """Return the values for `pytest.mark.parametrize`, those not kept marked as slow. Of tuples the first entry counts."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=() if (value[0] if isinstance(value, tuple) else value) in kept else pytest.mark.slow,
        )
        for value in values
    ]

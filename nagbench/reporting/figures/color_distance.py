"""How far apart two colors look, also to readers who do not see all of them."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as it appears in protanopia and deuteranopia.
_SIGHTS = (
    np.eye(3),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
)
# Ottosson 2020: from linear RGB to cone responses, and from their cube roots to OKLab.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def color_distance(one: str, other: str) -> float:
    """Return the distance of two colors in OKLab, the least among normal sight, protanopia and deuteranopia."""
    pair = [np.array(to_rgb(color)) for color in (one, other)]
    linear = [np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) for rgb in pair]
    seen = ([_TO_LAB @ np.cbrt(_TO_CONES @ np.clip(sight @ rgb, 0.0, 1.0)) for rgb in linear] for sight in _SIGHTS)
    return min(float(np.linalg.norm(a - b)) for a, b in seen)

"""Deblurring of an image by a sparse wavelet representation."""

from __future__ import annotations

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.problems.families import _datasets
from nagbench.problems.families._feature_sign import minimize_quadratic_l1
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families.sparse_regression import least_squares_l1
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family

_PIXELS = 8


def blur_matrix(size: int, window: int, deviation: float) -> Floats:
    """Return the matrix of a Gaussian window with reflection at both ends, for one dimension."""
    half = window // 2
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / deviation) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((size, size))
    for i in range(size):
        for offset, weight in zip(range(-half, half + 1), weights, strict=True):
            j = i + offset
            matrix[i, -1 - j if j < 0 else 2 * size - 1 - j if j >= size else j] += weight
    return matrix


def haar_synthesis(size: int, levels: int) -> Floats:
    """Return the orthogonal matrix from Haar coefficients to the pixels of a square image, both row by row."""
    transform = np.eye(size * size).reshape(-1, size, size)
    width = size
    for _ in range(levels):
        part = transform[:, :width, :width]
        for axis in (1, 2):
            even, odd = (np.take(part, np.arange(first, width, 2), axis=axis) for first in (0, 1))
            part = np.concatenate([even + odd, even - odd], axis=axis) / np.sqrt(2.0)
        transform[:, :width, :width] = part
        width //= 2
    # Row p holds the coefficients of pixel p, so the matrix itself maps coefficients to pixels.
    return np.asarray(transform.reshape(size * size, size * size))


@family
def wavelet_deblurring(
    *,
    tiles: int = 2,
    window: int = 5,
    deviation: float = 1.0,
    noise: float = 1e-3,
    l1: float = 1e-5,
    levels: int = 3,
    seed: int = 0,
) -> Problem:
    """F(w) = 1/(2n)‖RWw − b‖² + l1·‖w‖₁: an image W w is blurred by R, b is the blurred image with noise; from w = 0.

    The image is a square of handwritten digits, the first ones of the data set "digits", with pixels from 0 to 1.

    Parameters
    ----------
    tiles
        The digits along a side, 1, 2 or 4; n = (8·tiles)² pixels and coefficients.
    window, deviation
        The odd width of the Gaussian window of the blur, and its standard deviation in pixels; images are reflected at
        their borders.
    noise
        The standard deviation of the noise, above 0.
    l1
        λ > 0.
    levels
        The levels of the Haar transform W, orthogonal.
    seed
        The seed of the noise.

    Notes
    -----
    The problem of Beck and Teboulle's figures with a small image; theirs has 256 × 256 pixels, a window of 9 and a deviation of
    4, three levels, noise of 1e-3 and, without the factor 1/(2n), λ = 2e-5. Composite: f is the mean of squares,
    h = λ‖w‖₁. Known: L and μ of f, w* and F* by feature-sign search, and the duality gap.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
       2009, sect. 5.1.
    """
    name = "wavelet-deblurring"
    side = check_whole_number(name, "tiles", tiles, 1, 4)
    width = check_whole_number(name, "window", window, 1, 2 * _PIXELS * side - 1)
    if side == 3 or width % 2 == 0:
        what = f"tiles={tiles!r}" if side == 3 else f"window={window!r}"
        raise UsageError(f"family {name}: {what} is not valid; allowed: 1, 2 or 4 tiles, and an odd window")
    depth = check_whole_number(name, "levels", levels, 1, 3)
    spread, weight = check_positive(name, "deviation", deviation), check_positive(name, "l1", l1)
    size = _PIXELS * side
    digits = _datasets.load("digits")[0][: side * side].reshape(side, side, _PIXELS, _PIXELS) / 16.0
    image = digits.transpose(0, 2, 1, 3).reshape(size, size)
    blur = blur_matrix(size, width, spread)
    random = np.random.Generator(np.random.Philox(check_whole_number(name, "seed", seed, 0)))
    targets = (blur @ image @ blur.T).ravel()
    targets += check_positive(name, "noise", noise) * random.standard_normal(size * size)
    features = np.kron(blur, blur) @ haar_synthesis(size, depth)
    n = size * size
    minimizer = minimize_quadratic_l1(features.T @ features / n, features.T @ targets / n, np.full(n, weight))
    return least_squares_l1(
        name, features, targets, weight, 0.0, minimizer=minimizer, source="Beck & Teboulle 2009, sect. 5.1, in small"
    )

"""The models of the NIST StRD nonlinear regression sets, written a second time from their descriptions, without gradients.

Each takes the parameters b and the predictor x and returns the model's curve; f = Σ (y − curve)². All accept complex b.
"""

import numpy as np


def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def misra1b(b, x):
    return b[0] * (1 - (1 + b[1] * x / 2) ** (-2))


def misra1c(b, x):
    return b[0] * (1 - (1 + 2 * b[1] * x) ** (-0.5))


def misra1d(b, x):
    return b[0] * b[1] * x * ((1 + b[1] * x) ** (-1))


def chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def danwood(b, x):
    return b[0] * x ** b[1]


def enso(b, x):
    cycles = 2 * np.pi * x / 12, 2 * np.pi * x / b[3], 2 * np.pi * x / b[6]
    heights = (b[1], b[2]), (b[4], b[5]), (b[7], b[8])
    return b[0] + sum(c * np.cos(w) + s * np.sin(w) for (c, s), w in zip(heights, cycles, strict=True))


def eckerle4(b, x):
    return (b[0] / b[1]) * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def gauss(b, x):
    peaks = (b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2), b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2))
    return b[0] * np.exp(-b[1] * x) + peaks[0] + peaks[1]


def cubic_ratio(b, x):
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def kirby2(b, x):
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def lanczos(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def mgh09(b, x):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh10(b, x):
    return b[0] * np.exp(b[1] / (x + b[2]))


def mgh17(b, x):
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def nelson(b, x1, x2):
    """The curve of log y."""
    return b[0] - b[1] * x1 * np.exp(-b[2] * x2)


def rat42(b, x):
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def rat43(b, x):
    return b[0] / ((1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]))


def roszman1(b, x):
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


def bennett5(b, x):
    return b[0] * (b[1] + x) ** (-1 / b[2])


CURVES = {
    "misra1a": misra1a, "misra1b": misra1b, "misra1c": misra1c, "misra1d": misra1d, "chwirut1": chwirut,
    "chwirut2": chwirut, "danwood": danwood, "enso": enso, "eckerle4": eckerle4, "gauss1": gauss, "gauss2": gauss,
    "gauss3": gauss, "hahn1": cubic_ratio, "thurber": cubic_ratio, "kirby2": kirby2, "lanczos1": lanczos,
    "lanczos2": lanczos, "lanczos3": lanczos, "mgh09": mgh09, "mgh10": mgh10, "mgh17": mgh17, "nelson": nelson,
    "rat42": rat42, "rat43": rat43, "roszman1": roszman1, "boxbod": misra1a, "bennett5": bennett5,
}  # fmt: skip

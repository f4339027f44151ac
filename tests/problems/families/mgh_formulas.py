"""The residuals of Moré, Garbow & Hillstrom (1981), written a second time from the paper: vectorised, without gradients.

Every function takes x and returns the vector r(x); f = Σ rᵢ². All of them accept complex x, so that their derivatives
can be had to full precision from complex steps: Im r(x + ih)/h.
"""

import numpy as np

BARD_Y = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39])
GAUSSIAN_Y = np.array(
    [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989, 0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009]
)  # fmt: skip
MEYER_Y = np.array(
    [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
)
KOWALIK_Y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
KOWALIK_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
OSBORNE_1_Y = np.array(
    [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603, 0.580,
     0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406]
)  # fmt: skip
OSBORNE_2_Y = np.array(
    [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606, 0.602,
     0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375,
     0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591,
     0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054]
)  # fmt: skip


def freudenstein_roth(x):
    return np.array([-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]])


def powell_badly_scaled(x):
    return np.array([10000 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x):
    return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def jennrich_sampson(x):
    i = np.arange(1, 11)
    return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def helical_valley(x):
    """θ by quadrants from arctan, as printed in the paper (arctan2 takes no complex numbers)."""
    theta = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0].real < 0 else 0.0)
    return np.array([10 * (x[2] - 10 * theta), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


def bard(x):
    u = np.arange(1, 16)
    v = 16 - u
    return BARD_Y - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def gaussian(x):
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - GAUSSIAN_Y


def meyer(x):
    return x[0] * np.exp(x[1] / (45 + 5 * np.arange(1, 17) + x[2])) - MEYER_Y


def gulf(x):
    """With y − x₂ inside the absolute value: the printed formula has a product there, and no zero at (50, 25, 1.5)."""
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    size = np.where((y - x[1]).real < 0, x[1] - y, y - x[1])
    return np.exp(-(size ** x[2]) / x[0]) - t


def box_3d(x):
    t = np.arange(1, 11) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def extended_powell(x):
    a, b, c, d = x.reshape(-1, 4).T
    return np.concatenate([a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2])


def wood(x):
    a, b, c, d = x
    return np.array(
        [10 * (b - a**2), 1 - a, np.sqrt(90) * (d - c**2), 1 - c, np.sqrt(10) * (b + d - 2), (b - d) / np.sqrt(10)]
    )


def kowalik_osborne(x):
    return KOWALIK_Y - x[0] * (KOWALIK_U**2 + KOWALIK_U * x[1]) / (KOWALIK_U**2 + KOWALIK_U * x[2] + x[3])


def brown_dennis(x):
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def osborne_1(x):
    t = 10 * np.arange(33)
    return OSBORNE_1_Y - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def biggs_exp6(x):
    t = np.arange(1, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def osborne_2(x):
    t = np.arange(65) / 10
    bumps = sum(x[1 + j] * np.exp(-((t - x[8 + j]) ** 2) * x[5 + j]) for j in range(3))
    return OSBORNE_2_Y - (x[0] * np.exp(-t * x[4]) + bumps)


def watson(x):
    t = np.arange(1, 30) / 29
    powers = t[:, None] ** np.arange(x.size)
    slope = (powers[:, :-1] * np.arange(1, x.size)) @ x[1:]
    return np.concatenate([slope - (powers @ x) ** 2 - 1, [x[0], x[1] - x[0] ** 2 - 1]])


def extended_rosenbrock(x):
    return np.concatenate([10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]])


def penalty_1(x):
    return np.append(np.sqrt(1e-5) * (x - 1), np.sum(x * x) - 0.25)


def penalty_2(x):
    n = x.size
    e = np.exp(np.arange(1, n + 1) / 10)
    z = np.exp(x / 10)
    first = np.sqrt(1e-5) * (z[1:] + z[:-1] - e[1:] - e[:-1])
    second = np.sqrt(1e-5) * (z[1:] - np.exp(-0.1))
    return np.concatenate([[x[0] - 0.2], first, second, [np.arange(n, 0, -1) @ (x * x) - 1]])


def variably_dimensioned(x):
    s = np.arange(1, x.size + 1) @ (x - 1)
    return np.concatenate([x - 1, [s, s * s]])


def trigonometric(x):
    i = np.arange(1, x.size + 1)
    return x.size - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)


def brown_almost_linear(x):
    return np.append(x[:-1] + np.sum(x) - (x.size + 1), np.prod(x) - 1)


def discrete_boundary_value(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    padded = np.concatenate([[0], x, [0]])
    return 2 * x - padded[:-2] - padded[2:] + h * h * (x + t + 1) ** 3 / 2


def discrete_integral_equation(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    green = np.where(t[None, :] <= t[:, None], (1 - t[:, None]) * t[None, :], t[:, None] * (1 - t[None, :]))
    return x + h * (green @ (x + t + 1) ** 3) / 2


def broyden_tridiagonal(x):
    padded = np.concatenate([[0], x, [0]])
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def broyden_banded(x):
    i = np.arange(x.size)
    apart = i[:, None] - i[None, :]
    band = (apart <= 5) & (apart >= -1) & (apart != 0)
    return x * (2 + 5 * x**2) + 1 - band @ (x * (1 + x))


def linear_full_rank(x, m=20):
    return np.concatenate([x, np.zeros(m - x.size)]) - 2 * np.sum(x) / m - 1


def linear_rank_1(x, m=20):
    return np.arange(1, m + 1) * (np.arange(1, x.size + 1) @ x) - 1


def linear_rank_1_zero(x, m=20):
    s = np.arange(2, x.size) @ x[1:-1]
    return np.concatenate([[0], np.arange(1, m - 1), [0]]) * s - 1


def chebyquad(x):
    """rᵢ = (1/n) Σⱼ Tᵢ(xⱼ) − ∫₀¹ Tᵢ with the Chebyshev polynomials shifted to [0, 1], by their recurrence."""
    n = x.size
    before, now = np.ones_like(x), 2 * x - 1
    residuals = []
    for i in range(1, n + 1):
        residuals.append(np.sum(now) / n + (1 / (i * i - 1) if i % 2 == 0 else 0.0))
        before, now = now, 2 * (2 * x - 1) * now - before
    return np.array(residuals)

"""The worked example of the widely read tutorial on gradient descent with Nesterov momentum: x² + y² on [−1, 1]²,
the start drawn by numpy's legacy generator seeded with 1, step size 0.1, momentum 0.3, 30 iterations. Its lines count
from 0 for the point after the first update; runs of spaces in the printed arrays are one space there."""

import re

import numpy as np
from click.testing import CliRunner

import nagbench
from nagbench.cli.main import cli

PRINTED = """
>0 f([-0.13276479 0.35251919]) = 0.14190
>1 f([-0.09824595 0.2608642 ]) = 0.07770
>2 f([-0.07031223 0.18669416]) = 0.03980
>3 f([-0.0495457 0.13155452]) = 0.01976
>4 f([-0.03465259 0.0920101 ]) = 0.00967
>5 f([-0.02414772 0.06411742]) = 0.00469
>6 f([-0.01679701 0.04459969]) = 0.00227
>7 f([-0.01167344 0.0309955 ]) = 0.00110
>8 f([-0.00810909 0.02153139]) = 0.00053
>9 f([-0.00563183 0.01495373]) = 0.00026
>10 f([-0.00391092 0.01038434]) = 0.00012
>11 f([-0.00271572 0.00721082]) = 0.00006
>12 f([-0.00188573 0.00500701]) = 0.00003
>13 f([-0.00130938 0.0034767 ]) = 0.00001
>14 f([-0.00090918 0.00241408]) = 0.00001
>15 f([-0.0006313 0.00167624]) = 0.00000
>16 f([-0.00043835 0.00116391]) = 0.00000
>17 f([-0.00030437 0.00080817]) = 0.00000
>18 f([-0.00021134 0.00056116]) = 0.00000
>19 f([-0.00014675 0.00038964]) = 0.00000
>20 f([-0.00010189 0.00027055]) = 0.00000
>21 f([-7.07505806e-05 1.87858067e-04]) = 0.00000
>22 f([-4.91260884e-05 1.30440372e-04]) = 0.00000
>23 f([-3.41109926e-05 9.05720503e-05]) = 0.00000
>24 f([-2.36851711e-05 6.28892431e-05]) = 0.00000
>25 f([-1.64459397e-05 4.36675208e-05]) = 0.00000
>26 f([-1.14193362e-05 3.03208033e-05]) = 0.00000
>27 f([-7.92908415e-06 2.10534304e-05]) = 0.00000
>28 f([-5.50560682e-06 1.46185748e-05]) = 0.00000
>29 f([-3.82285090e-06 1.01504945e-05]) = 0.00000
""".split("\n")[1:-1]


def lines(engine):
    command = ["run", "bowl", "nesterov:step_size=0.1,momentum=0.3", "--iterations", "30", "--engine", engine]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout.splitlines()


def as_in_the_tutorial(line):
    k, rest = line.split(None, 1)
    return f">{int(k) - 1} {re.sub(r'  +', ' ', rest).replace('[ ', '[')}"


def test_every_printed_line_digit_for_digit():
    for engine in ("numba", "python"):
        assert [as_in_the_tutorial(line) for line in lines(engine)[1:]] == PRINTED


def test_the_start_is_the_legacy_generators():
    low, high = np.array([[-1.0, 1.0], [-1.0, 1.0]]).T
    start = low + np.random.RandomState(1).rand(2) * (high - low)
    assert (nagbench.problem("bowl").start == start).all()


def test_the_second_part_as_a_path():
    """50 iterations at 0.01 and 0.8, against the tutorial's own program."""
    path = nagbench.run("bowl", "nesterov:step_size=0.01,momentum=0.8", budget=50, tolerance=1e-300, path=True).path
    x, change = nagbench.problem("bowl").start, np.zeros(2)
    for k in range(50):
        assert (path[k] == x).all()
        change = 0.8 * change - 0.01 * (2.0 * (x + 0.8 * change))
        x = x + change
    assert (path[50] == x).all()
    assert path.shape == (51, 2)

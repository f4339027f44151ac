"""Speed: time per iteration of every method, bare and counted, and what starting costs."""

import subprocess
import sys

import nagbench
from nagbench.runner import Batch, Job, count, replay
from nagbench.single import cell_of

METHODS = ["gradient-descent", "momentum", "nesterov", "rmsprop", "adam"]
ITERATIONS = {2: 100_000, 1_000: 2_000, 1_000_000: 5}


def batch(method, n):
    """One cell on a diagonal quadratic that uses its whole budget; small steps keep it clear of denormal numbers."""
    problem = nagbench.problem("quadratic", dimension=n, condition=100.0)
    optimizer = nagbench.optimizer(method, step_size=1e-5)
    return Batch(problem, optimizer.method, [cell_of(problem, optimizer, tolerances=(1e-300,), budget=ITERATIONS[n])])


class Iterations:
    """Seconds for a fixed number of iterations (100 000 at n = 2, 2 000 at 1e3, 5 at 1e6)."""

    version = "1"
    params = [METHODS, [2, 1_000, 1_000_000]]
    param_names = ["method", "n"]

    def setup(self, method, n):
        self.batch = batch(method, n)
        self.job = Job(self.batch)
        self.time_bare(method, n)

    def time_bare(self, method, n):
        """The replay: nothing is measured."""
        list(replay(self.job, 0, ITERATIONS[n]))

    def time_counted(self, method, n):
        """The counting pass: value, gradient norm, tolerances, cycles."""
        count(self.batch)


class Start:
    """What a user waits for."""

    version = "1"

    def time_help(self):
        """`nagbench --help` in a new process."""
        subprocess.run([sys.executable, "-m", "nagbench", "--help"], check=True, stdout=subprocess.DEVNULL)

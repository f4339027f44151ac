"""A small sweep, its table as a hash, families and methods that misbehave, and the command line."""

import hashlib
import subprocess
import sys

# One short sequence of trials, each from all starts, and nothing scored.
ONE_TUNING = {"replicates": 1, "finalists": 0, "held_out": 0, "moved": 0, "textbook": False}
ONE_TUNING_OPTIONS = ("--replicates", "1", "--finalists", "0", "--held-out", "0", "--moved", "0", "--no-textbook")

SPEC = {
    "problems": ["bowl", "rosenbrock"],
    "optimizers": ["nesterov", "gradient-descent"],
    "trials": 6,
    "starts": 2,
    **ONE_TUNING,
    "budget": 500,
    "timing": False,
    "curves": False,
}

HOSTILE = '''
import ctypes, os, signal, sys, time
import numpy as np
from nagbench import Problem, family

def _fire(kind):
    if kind == 0: ctypes.string_at(0)
    if kind == 1:
        while True: pass
    if kind == 2:
        held = []
        while True: held.append(bytearray(os.urandom(1)) * 20_000_000)
    if kind == 3: raise ArithmeticError("on purpose")
    if kind == 4: print("y" * 5_000_000); os.write(1, b"z" * 1_000_000); os.write(2, b"z" * 1_000_000)
    if kind == 5: os._exit(3)
    if kind == 6: sys.exit("bye")
    if kind == 7:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        while True: signal.setitimer(signal.ITIMER_REAL, 0.01)
    if kind == 8:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True: pass
    if kind == 9: os.kill(os.getpid(), signal.SIGSTOP)
    if kind == 10: os.kill(os.getpid(), signal.SIGRTMIN + 3)
    if kind == 11:
        # The child keeps every descriptor of its parent open.
        if os.fork() == 0:
            time.sleep(600)
        os._exit(3)
    if kind == 12:
        os.closerange(3, 256)
        while True: pass
    if kind == 13:
        # A pickle that ends whatever process loads it, in the form of a message, to whoever listens.
        import pickle
        bad = pickle.dumps(type("Bad", (), {"__reduce__": lambda self: (os._exit, (1,))})())
        for descriptor in range(3, 64):
            try: os.write(descriptor, len(bad).to_bytes(8, "little") + bad)
            except OSError: pass
    if kind in (14, 15, 16):
        # Without end, what never becomes a message; an outcome, or an answer, that it has not.
        import stat
        from nagbench.execution.worker import frame
        sockets = [n for n in range(3, 64) if os.path.exists(f"/dev/fd/{n}") and stat.S_ISSOCK(os.fstat(n).st_mode)]
        forged = {14: (2**30).to_bytes(8, "little") + b"z" * 2**16, 15: frame("item", 5), 16: frame("answer")}[kind]
        for descriptor in sockets:
            os.write(descriptor, forged)
            while kind == 14: os.write(descriptor, b"z" * 2**16)
        while True: time.sleep(1)

def value(x, data, shape, rows):
    return 0.5 * float(x[0]) ** 2

def gradient(x, data, shape, rows, out):
    if abs(x[0]) > 3: _fire(int(data[0]))
    out[0] = x[0]

@family
def hostile(kind=0):
    """x²/2, which does something bad where |x| > 3."""
    return Problem(name="hostile", family="hostile", value_kernel=value, gradient_kernel=gradient, start=np.ones(1),
                   data=np.array([float(kind)]), engine="python", minimum=0.0, minimizers=np.zeros((1, 1)))
'''

# The kinds that end by the driver's clock alone: a plain loop, one without the alarm, one without signals, a stop, and a flood.
HANGS = (1, 7, 8, 9, 14)

# x₁²/2 + 5x₂², which does the same at the n-th call of its value or gradient, or when it is built, in any process.
NTH = (
    HOSTILE[: HOSTILE.index("def value")]
    + """
calls = {"value": 0, "gradient": 0, "build": 0}

def nth(kind=0, n=1, where="gradient"):
    def count(what):
        calls[what] += 1
        if what == where and calls[what] >= n: _fire(kind)

    def value(x, data, shape, rows):
        count("value")
        return 0.5 * float(x[0]) ** 2 + 5 * float(x[1]) ** 2

    def gradient(x, data, shape, rows, out):
        count("gradient")
        out[:] = [x[0], 10 * x[1]]

    count("build")
    return Problem(name="nth", family="nth", value_kernel=value, gradient_kernel=gradient, start=np.ones(2),
                   domain=np.array([[-2.0, 2.0]] * 2), engine="python", minimum=0.0, minimizers=np.zeros((1, 2)))
"""
)

# Gradient descent, thrice, which does the same at the N-th call of what WHERE says, in any process.
METHODS = (
    HOSTILE[: HOSTILE.index("def value")]
    + """
import nagbench
from nagbench.optimizers.hyperparameters import step_size

calls = {"import": 0, "theory": 0, "made": 0, "step": 0}

def count(what):
    calls[what] += 1
    if what == WHERE and calls[what] >= N: _fire(KIND)

count("import")

def theory(L, mu):
    count("theory")
    return {"step_size": 0.5 / L}

@nagbench.method("marked", hyperparameters={"step_size": step_size(0.1, tuning=(0.01, 1.0), unit="1/L")}, slots=0,
                 look_ahead=True, theory=theory)
def marked(k, gradient, iterate, query, slots, hyper):
    count("step")
    iterate -= hyper[0] * gradient
    query[:] = iterate

def plain(x, gradient, state, step_size=0.1):
    count("step")
    x -= step_size * gradient

def made(learning_rate=0.1):
    count("made")
    import optax
    return optax.sgd(learning_rate)
"""
)


def methods(folder, kind=99, where="import", n=1):
    """Write the module `methods`, which misbehaves in this way at this place."""
    (folder / "methods.py").write_text(f"KIND, WHERE, N = {kind}, {where!r}, {n}\n{METHODS}", encoding="utf-8")


# The step size 3 leaves |x| ≤ 3 after two steps; the others converge.
STEPS = "gradient-descent:step_size=[0.5,3.0,0.25]"


def table_hash(sweep):
    """Return a hash of every bit of the table `runs`."""
    return hashlib.blake2b(sweep.runs.to_csv(index=False).encode(), digest_size=16).hexdigest()


def nag(*words, most=None, **settings):
    """Run the command line in a process of its own, which with ``most`` may not write files of about more bytes.

    The shell sets the limit: a fork that runs Python first is not safe in a process that has threads. No bytecode is written
    then, because Python keeps the part that fits.
    """
    command = [sys.executable, "-m", "nagbench", *map(str, words)]
    if most is not None:
        command = ["sh", "-c", f'export PYTHONDONTWRITEBYTECODE=1; ulimit -f {most // 512}; exec "$@"', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **settings)

"""The asv suite: what asv needs of it, and that what it counts is exact and right."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import nagbench
from nagbench.core.errors import UsageError
from nagbench.experiments.specification import DEFAULT_OPTIMIZERS, DEFAULT_PROBLEMS
from nagbench.optimizers.registry import algorithms, library_algorithms
from nagbench.problems.registry import families as known_families
from nagbench.problems.suites import suites

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.suite import common, counts, families, loop, sweeps  # noqa: E402

KAPPA = "ill-conditioned-1e2"


@pytest.fixture(scope="module")
def declared():
    """The benchmarks as asv finds them, in a process of their own: asv imports the suite under another name."""
    code = (
        "import io, sys; from asv_runner.discovery import list_benchmarks; text = io.StringIO();"
        f"list_benchmarks({str(ROOT / 'benchmarks' / 'suite')!r}, text); print(text.getvalue())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {entry["name"]: entry for entry in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def small():
    """Default cells of two problems with eight trials, counted twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "DEFAULT_PROBLEMS", ["bowl", KAPPA])
        patch.setattr(counts, "TRIALS", 8)
        yield counts.default_cells(), counts.default_cells()


def norms(problem, step, momentum, count):
    """‖∇f‖ along Nesterov's method on a quadratic, mode by mode in its eigenvectors: x′ = (1 − sλ)(x + m·v)."""
    away = problem.start - problem.minimizers[0]
    x = away.copy() if problem.eigenvectors is None else problem.eigenvectors.T @ away
    v, found = np.zeros_like(x), []
    for _ in range(count + 1):
        found.append(np.linalg.norm(problem.spectrum * x))
        v = momentum * v - step * problem.spectrum * (x + momentum * v)
        x = x + v
    return np.array(found)


def test_every_benchmark_has_a_version_set_by_hand_and_says_what_it_shows(declared):
    assert {name.split(".")[0] for name in declared} == {"counts", "families", "loop", "memory", "start", "sweeps"}
    for name, entry in declared.items():
        assert len(entry["version"]) < 4, f"{name}: a hash of its source is no version"
        assert entry["pretty_name"], name
        assert entry["type"] != "track" or entry["unit"] != "unit", name


def test_every_method_and_every_family_is_timed(declared):
    assert (list(algorithms()), list(library_algorithms())) == (common.METHODS, common.LIBRARIES)
    entries = suites()
    # The points of an interpolated function come from a certificate: no suite has one.
    timed = [name for name in known_families() if name != "interpolated"]
    assert sorted(entries[name].family for name in common.PROBLEMS) == timed
    assert tuple(common.DEFAULT_METHODS) == DEFAULT_OPTIMIZERS
    assert tuple(common.DEFAULT_PROBLEMS) == DEFAULT_PROBLEMS
    sizes = ["2", "1000", "1000000"]
    assert declared["loop.Iteration.track_bare"]["params"] == [[repr(name) for name in algorithms()], sizes]
    assert declared["loop.Library.track_bare"]["params"] == [[repr(name) for name in library_algorithms()], sizes]


def test_names_are_the_checkouts_whatever_package_is_at_hand(tmp_path):
    """asv finds parameters by their place in a list, at every commit."""
    (tmp_path / "nagbench").mkdir()
    (tmp_path / "nagbench" / "__init__.py").write_text("def optimizers():\n    return ['of-old']\n")
    code = "from suite.common import METHODS, PROBLEMS; import nagbench; print(*nagbench.optimizers(), *METHODS, *PROBLEMS)"
    path = os.pathsep.join([str(tmp_path), str(ROOT / "benchmarks")])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": path})  # fmt: skip
    assert done.stdout.split() == ["of-old", *common.METHODS, *common.PROBLEMS]


def test_counts_are_the_same_twice(small):
    first, second = small
    assert len(first) == 3 * (2 * 5 + 2 * 3)
    np.testing.assert_equal(first, second)


def test_the_bowl_takes_one_step_of_the_textbook(small):
    """κ = 1: gradient descent with s = 1/L ends at the minimum at once, and the textbook's momentum is 0."""
    for method in ("gradient-descent", "momentum", "nesterov"):
        assert small[0]["bowl", method, "theory", "iterations"] == 1
        assert small[0]["bowl", method, "theory", "unsolved"] == 0
    assert math.isnan(common.found(small[0], "bowl", "adam", "theory", "iterations"))


@pytest.mark.parametrize("method", ["gradient-descent", "nesterov"])
def test_iterations_and_rate_are_those_of_the_modes(small, method):
    """Textbook: s = 2/(L + μ), or s = 1/L with momentum (√κ − 1)/(√κ + 1)."""
    problem = nagbench.problem(KAPPA)
    large, kappa = problem.smoothness, problem.condition
    step, momentum = {
        "gradient-descent": (2 / (large + large / kappa), 0.0),
        "nesterov": (1 / large, (kappa**0.5 - 1) / (kappa**0.5 + 1)),
    }[method]
    path = norms(problem, step, momentum, 3_000)
    assert small[0][KAPPA, method, "theory", "iterations"] == np.flatnonzero(path <= counts.TOLERANCE)[0]
    if method == "gradient-descent":
        slowest = -math.log(10) / math.log((kappa - 1) / (kappa + 1))
        assert small[0][KAPPA, method, "theory", "rate"] == pytest.approx(slowest, rel=0.01)


def test_unusable_step_sizes_of_gradient_descent_on_the_bowl(monkeypatch):
    """‖∇f‖ shrinks by |1 − 2s| an iteration; above s = 1 nothing converges, and far below it takes too long."""
    monkeypatch.setattr(counts, "DEFAULT_PROBLEMS", ["bowl"])
    monkeypatch.setattr(counts, "DEFAULT_METHODS", ["gradient-descent"])
    problem = nagbench.problem("bowl")
    low, high = nagbench.optimizer("gradient-descent").method.hyperparameters["step_size"].tuning
    steps = np.geomspace(low, high, counts.GRID) / problem.smoothness
    factors = np.abs(1 - problem.smoothness * steps)
    with np.errstate(over="ignore"):
        end = np.linalg.norm(problem.gradient(problem.start)) * factors**counts.BUDGET
    share = np.mean(~(end <= counts.TOLERANCE))
    assert counts.widths()["bowl", "gradient-descent"] == pytest.approx(share * math.log10(high / low))


def test_the_norm_after_fifty_iterations_is_that_of_the_modes():
    problem = nagbench.problem(KAPPA)
    root = problem.condition**0.5
    path = norms(problem, 1 / problem.smoothness, (root - 1) / (root + 1), counts.STEPS)
    assert counts.gradient_norm("nesterov", KAPPA) == pytest.approx(path[-1], rel=1e-9)
    moved = norms(problem, 1 / problem.smoothness, (root - 1) / (root + 1) * 49 / 50, counts.STEPS)
    assert abs(moved[-1] / path[-1] - 1) > 0.01


def test_what_a_commit_does_not_have_is_left_out_and_what_is_broken_is_not():
    def unknown():
        return nagbench.optimizer("newton-of-tomorrow")

    def broken():
        raise ZeroDivisionError

    with pytest.raises(UsageError):
        unknown()
    assert common.if_there(unknown) is None
    assert common.if_there(lambda: nagbench.telepathy) is None
    with pytest.raises(ZeroDivisionError):
        common.if_there(broken)
    assert common.known(["bowl", "no-such-bowl"], nagbench.problem).keys() == {"bowl"}
    assert math.isnan(common.found({}, "bowl", "nesterov"))


def test_blocks_grow_until_they_take_their_time():
    clock, made = [0.0], []

    def run(calls):
        made.append(calls)
        clock[0] += 1e-6 * calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common.time, "perf_counter", lambda: clock[0])
        calls = common.enough_calls(run)
        assert 0.5 * common._BLOCK <= 1e-6 * calls <= 2 * common._BLOCK
        assert common.least({"it": run}, turns=2)["it"] == pytest.approx(1e-6)
        assert common.enough_calls(run, most=10) == 10


def test_a_replay_makes_as_many_iterations_as_asked():
    job = common.job_of(nagbench.problem("bowl"), nagbench.optimizer("gradient-descent", step_size=0.25), 1)
    common.replayed(job)(3)
    np.testing.assert_allclose(job.work.iterate, nagbench.problem("bowl").start * 0.5**3)


def test_what_a_library_takes_to_begin_is_not_part_of_an_iteration(monkeypatch):
    """PyTorch's SGD is made anew at every replay; with a maker that takes long only the steps are left."""
    job = common.job_of(nagbench.problem("bowl"), nagbench.optimizer("torch/sgd", step_size=0.25), 1)
    run = common.replayed(job)
    aside = run(3)
    assert aside == pytest.approx(job.begun.wall)
    assert aside > 0
    np.testing.assert_allclose(job.work.iterate, nagbench.problem("bowl").start * 0.5**3)
    clock = iter([10.0, 20.0])
    monkeypatch.setattr(common.time, "perf_counter", lambda: next(clock))
    assert common.seconds(lambda calls: 4.0, 3) == pytest.approx((10.0 - 4.0) / 3)


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(
        "nagbench.optimizers.registry.explain_missing_library", lambda library: "not installed" * (library == "torch")
    )
    common.optimizer.cache_clear()
    try:
        table = loop.times(loop.bare, ["torch/sgd"])
    finally:
        common.optimizer.cache_clear()
    assert table == {}
    assert math.isnan(common.found(table, "torch/sgd", 2))


def test_a_minimiser_that_drives_itself_makes_its_iterations(monkeypatch):
    """Eight iterations of conjugate gradients from the start are those that SciPy makes when it is called."""
    problem = nagbench.problem("extended-rosenbrock", dimension=2)
    made = minimize(problem.value, problem.start, jac=problem.gradient, method="CG", options={"gtol": 0, "maxiter": 8})
    ended = []
    monkeypatch.setattr(loop, "replayed", lambda job: lambda count: ended.append((job, common.replayed(job)(count))))
    loop.driven("scipy/cg", 2)(1)
    ((job, _),) = ended
    assert made.nit == 8
    np.testing.assert_allclose(job.work.iterate, made.x)
    assert loop.driven("scipy/bfgs", 1_000_000) is None


def test_every_kind_of_speed_is_measured_at_this_commit():
    assert loop.bare("no-such-method", 2) is None
    runs = {
        "bare": loop.bare("nesterov", 2),
        "counted": loop.counted("nesterov", 2),
        **families.runs_of(["bowl"]),
        "sweep": lambda cells: sweeps.swept(1)(cells),
    }
    assert len(runs) == 5
    for run in runs.values():
        assert common.seconds(run, 4) > 0


def test_the_store_is_written_and_read_whole():
    store = sweeps.Store()
    store.setup()
    store.time_write()
    store.time_write()
    written, read = store.stores
    assert len(written.read("runs")) == 2 * sweeps.ROWS
    assert len(read.read("runs")) == sweeps.ROWS
    store.teardown()
    assert not os.path.exists(store.folder.name)

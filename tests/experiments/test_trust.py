"""Results are data: reading them runs no code that a directory names, and says what is not available without it."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import nag

import nagbench
from nagbench.core import trust
from nagbench.engine.lookup import code_of
from nagbench.experiments.recorded import Recorded
from nagbench.experiments.storage.store import Store
from nagbench.problems.curvature import find_curvature

MINE = '''
import os
import numpy as np
from nagbench import Hyperparameter, Problem, method

if os.environ.get("SPRUNG"):
    open(os.environ["SPRUNG"], "a").close()

def _value(x, data, shape, rows):
    return 0.5 * (x[0] * x[0] + 10.0 * x[1] * x[1])

def _gradient(x, data, shape, rows, out):
    out[0], out[1] = x[0], 10.0 * x[1]

def valley():
    return Problem(name="valley", family="valley", value_kernel=_value, gradient_kernel=_gradient, start=np.array([3.0, 1.0]),
                   smoothness=10.0, strong_convexity=1.0, spectrum=np.array([1.0, 10.0]), minimum=0.0, engine="python",
                   minimizers=np.zeros((1, 2)), kind="quadratic")

def bump(x):
    return float(x[0] ** 4 + x[1] ** 2)

def slope(x):
    return np.array([4.0 * x[0] ** 3, 2.0 * x[1]])

bump.start, bump.gradient = [1.0, 1.0], slope

@method("heavy", slots=1, hyperparameters={
    "step_size": Hyperparameter(default=0.1, open_below=True, tuning=(0.01, 1.0), unit="1/L"),
    "momentum": Hyperparameter(default=0.5, tuning=(0.1, 0.9))})
def heavy(k, gradient, iterate, query, slots, hyper):
    """v ← m·v − s·∇f(x), x ← x + v."""
    for i in range(iterate.size):
        slots[0, i] = hyper[1] * slots[0, i] - hyper[0] * gradient[i]
        iterate[i] += slots[0, i]
'''
WORDS = [
    "sweep", "-p", "minecode:valley", "-p", "python:minecode:bump", "-p", "bowl", "-o", "minecode:heavy", "-o", "nesterov",
    "--mode", "default", "--mode", "grid", "--grid", "3", "--budget", "200", "--engine", "python",
    "--no-timing", "--no-report", "-q",
]  # fmt: skip


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of a user's problems and optimizer, run where their module is."""
    place = tmp_path_factory.mktemp("theirs")
    (place / "minecode.py").write_text(MINE, encoding="utf-8")
    done = nag(*WORDS, "--out", "results", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "results"


@pytest.fixture
def alarmed(sweep, monkeypatch):
    """The same, where any import of the module leaves a file; it lies in the current folder, which is searched."""
    sprung = sweep.parent / "SPRUNG"
    monkeypatch.setenv("SPRUNG", str(sprung))
    monkeypatch.chdir(sweep.parent)
    yield sweep
    sprung.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "words",
    [
        ["report", "{}", "--out", "OUT"], ["report", "{}", "--format", "md"], ["theory", "{}", "--all"],
        ["sensitivity", "{}"], ["profile", "{}"], ["rank", "{}"], ["medians", "{}"], ["compare", "{}", "{}"],
        ["merge", "{}", "--out", "OUT"], ["tuning", "{}"], ["replay", "KEY", "--in", "{}"],
        ["sweep", "{}/spec.toml", "--out", "{}"], ["sweep", "{}/spec.toml", "--dry-run"],
    ],
)  # fmt: skip
def test_no_verb_imports_what_a_directory_names(alarmed, tmp_path, words):
    key = nagbench.load(alarmed).plan["cell"].iloc[0]
    named = {"{}": str(alarmed), "KEY": key, "OUT": str(tmp_path / "out")}
    for name, value in named.items():
        words = [word.replace(name, value) for word in words]
    done = nag(*words)
    assert not (alarmed.parent / "SPRUNG").exists()
    assert "Traceback" not in done.stderr
    # It has no trials of tuning to tell of.
    assert done.returncode == (2 if words[0] in ("replay", "sweep", "tuning") else 0)
    if words[0] in ("replay", "sweep"):
        assert done.stderr.count("\n") == 1
        assert "minecode:" in done.stderr
        assert "--trust" in done.stderr


def test_what_reading_needs_is_stored(alarmed):
    loaded = nagbench.load(alarmed)
    specs = loaded.plan.drop_duplicates("problem").set_index("problem")["problem_spec"]
    valley, bump = (loaded.recorded.problem(specs[name]) for name in ("minecode:valley", "python:minecode:bump"))
    assert (valley.smoothness, valley.strong_convexity, valley.minimum) == (10.0, 1.0, 0.0)
    assert loaded.recorded.curvature(specs["minecode:valley"]).eigenvalues.tolist() == [1.0, 10.0]
    # ∇²f(1, 1) = diag(12, 2).
    assert loaded.recorded.curvature(specs["python:minecode:bump"]).smoothness == pytest.approx(12.0, rel=1e-6)
    box = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    values, points = bump.sample(box, 21)
    x, y = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
    np.testing.assert_allclose(values, x**4 + y**2, atol=2e-2)
    assert points >= 25
    with pytest.raises(nagbench.UsageError, match="not available without its code"):
        valley.value([0.3, 0.3])
    assert not (alarmed.parent / "SPRUNG").exists()


def test_theory_from_stored_data_is_that_of_the_closed_form(alarmed):
    """The heavy ball is stable up to s·L = 2(1 + m), and its rate on a quadratic is that of its roots."""
    from nagbench.analysis.theory import theory_table

    loaded = nagbench.load(alarmed)
    table = theory_table(loaded.runs, loaded.plan, loaded.recorded)
    theirs = table.merge(loaded.runs[["cell", "momentum", "optimizer"]].drop_duplicates()).query(
        "variant == 'minecode:heavy'"
    )
    assert len(theirs) > 20
    np.testing.assert_allclose(
        theirs["stable_up_to"] * theirs["smoothness"], 2.0 * (1.0 + theirs["momentum"]), rtol=1e-6
    )
    for row in theirs[(theirs["problem"] == "minecode:valley") & theirs["rate_in_theory"].notna()].itertuples():
        m, s = row.momentum, row.step_size
        roots = [np.abs(np.roots([1.0, s * value - 1.0 - m, m])).max() for value in (1.0, 10.0)]
        assert row.rate_in_theory == pytest.approx(max(roots), rel=1e-9)
    assert not (alarmed.parent / "SPRUNG").exists()


def test_paths_and_surfaces_are_drawn_from_stored_data(alarmed, tmp_path):
    page = nagbench.load(alarmed).report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert not (alarmed.parent / "SPRUNG").exists()
    assert "cannot be drawn" not in page
    assert "not available" not in page
    assert "Path of minecode:heavy" in page
    assert "Surface of minecode:valley" in page


def test_results_of_an_earlier_version_say_what_is_missing(alarmed, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(alarmed, old)
    for kind in ("facts", "theory", "paths"):
        shutil.rmtree(old / kind)
    done = nag("theory", old)
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "not available without its code" in line]
    assert len(lines) == 1
    assert all(name in lines[0] for name in ("minecode:valley", "minecode:bump", "minecode:heavy"))
    assert "not available without its code" in nag(
        "report", old, "--format", "html", "--out", tmp_path / "p"
    ).stdout + (tmp_path / "p").read_text(encoding="utf-8")
    assert not (alarmed.parent / "SPRUNG").exists()


def test_trust_runs_it_and_lists_it(alarmed):
    plan = Store(alarmed).read("plan")
    key = plan[plan["optimizer"] == "minecode:heavy"]["cell"].iloc[0]
    done = nag("replay", key, "--in", alarmed, "--trust")
    assert done.returncode == 0, done.stderr
    assert "minecode:heavy, minecode:valley" in done.stderr.splitlines()[0]
    assert (alarmed.parent / "SPRUNG").exists()
    again = nag("sweep", alarmed / "spec.toml", "--out", alarmed, "--trust", "-q", "--no-report")
    assert again.returncode == 0, again.stderr
    assert len([line for line in again.stderr.splitlines() if "trusted" in line]) == 1


def test_the_command_of_a_sweep_from_python_repeats_it(sweep, folder, monkeypatch):
    monkeypatch.syspath_prepend(str(sweep.parent))
    done = nagbench.sweep(problems=["minecode:valley"], optimizers=["nesterov"], modes=["default"], budget=20, timing=False,
                          engine="python", out="here")  # fmt: skip
    assert done.manifest["command"].split()[-1] == "--trust"
    plain = nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov"], modes=["default"], budget=20, timing=False, out="there"
    )
    assert "--trust" not in plain.manifest["command"]


def planted(folder, **columns):
    """Results whose plan names something else, under keys that fit."""
    store = Store(folder)
    plan = store.read("plan").assign(**columns)
    name = store.append("plan", plan)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "plan": name}))


class Touch:
    """Unpickled, it leaves a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (Path(self.file),)


@pytest.mark.parametrize("family", ["python:pandas.compat.pickle_compat:loads", "asv.util:check_call", "evil:family"])
def test_bytes_of_a_pickle_as_a_start_run_nothing(undisturbed, tmp_path, family):
    """An installed function, one that is on the path alone, and one beside the results."""
    copy, owned = tmp_path / "copy", tmp_path / "PWNED"
    shutil.copytree(undisturbed.store.folder, copy)
    (tmp_path / "evil.py").write_text(f"open({str(owned)!r}, 'w')")
    spec = {"family": family, "parameters": {"gradient": "evil.family"}, "start": list(pickle.dumps(Touch(owned)))}
    planted(copy, problem_spec=json.dumps(spec), optimizer="evil:optimizer")
    for words in (["theory", copy], ["merge", copy, "--out", "m"]):
        done = nag(*words, cwd=tmp_path)
        assert "Traceback" not in done.stderr
    assert not owned.exists()


@pytest.mark.parametrize(
    "facts",
    [
        "", "[]", "{}", "null", '{"name": 1}', '{"name": "a", "dimension": 1e999}', "NaN", "[" * 100_000,
    ],
)  # fmt: skip
def test_stored_facts_of_somebody_are_read_with_care(facts):
    spec = json.dumps({"family": "evil:family", "parameters": {}})
    with pytest.raises(nagbench.UsageError) as told:
        Recorded(facts={spec: facts}).problem(spec)
    assert len(str(told.value)) < 300


def test_code_is_named_by_whoever_names_it():
    assert code_of('{"family":"torch:a:b","parameters":{}}', "c:d") == ["a:b", "c:d"]
    assert code_of('{"family":"python:a.b:c","parameters":{"gradient":"e.f"}}', "nesterov") == ["a.b:c", "e:f"]
    assert code_of('{"family":"s2mpj:ROSENBR","parameters":{}}', "torch/sgd") == ["s2mpj:ROSENBR"]
    assert code_of('{"family":"rosenbrock","parameters":{}}', "nesterov") == []
    with pytest.raises(nagbench.UsageError, match="nobody:named"):
        trust.check_named("problem x", ["nobody:named"])


def test_what_is_stored_of_a_problem_is_what_it_says():
    """Facts of a problem whose closed form is known, through JSON and back."""
    from nagbench.problems.recorded import facts_of, problem_of_facts

    problem = nagbench.problem("rosenbrock", dimension=2)
    again, values = problem_of_facts(facts_of(problem, find_curvature(problem), [24.2, None], None))
    assert again.start.tolist() == problem.start.tolist()
    assert again.minimizers.tolist() == [[1.0, 1.0]]
    # The Hessian of Rosenbrock's function at (1, 1) is [[802, −400], [−400, 200]].
    assert again.curvature.smoothness == pytest.approx(np.linalg.eigvalsh([[802, -400], [-400, 200]])[-1], rel=1e-6)
    assert values == [24.2, None]


def test_names_reach_a_terminal_without_control_characters(undisturbed, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed.store.folder, copy)
    evil = "bowl\x1b]0;owned\x07\u202e"
    planted(copy, problem=evil, variant="=cmd|' /C calc'!A0")
    for words in (["theory", copy], ["medians", copy], ["profile", copy]):
        done = nag(*words, cwd=tmp_path)
        for text in (done.stdout, done.stderr):
            assert not any(not letter.isprintable() and letter not in "\n\t" for letter in text)
    assert ",'=cmd" in nag("theory", copy, "--format", "csv", cwd=tmp_path).stdout

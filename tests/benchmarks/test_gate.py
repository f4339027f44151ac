"""The gate: planted numbers, noise that does not come back, and a planted off-by-one in a repository of its own."""

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nagbench

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.gate import clock, judgement, plants, proof, sides  # noqa: E402
from benchmarks.gate.judgement import Finding, judged_times, judged_tracks, unexpected  # noqa: E402

COUNT = "iterations(bowl, nesterov, tuned)"
TABLES = st.dictionaries(st.sampled_from([COUNT, "rate(a, b, c)", "unsolved(a, b, c)", "path(lion, rosenbrock)"]),
                         st.floats(1, 1e6) | st.just(math.nan))  # fmt: skip


def meanings(base, head):
    return {finding.name: finding.meaning for finding in judged_tracks(base, head)}


@given(TABLES)
def test_a_table_does_not_differ_from_itself(table):
    assert judged_tracks(table, dict(table)) == []


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_one_iteration_more_is_worse_and_one_less_is_better(before, now):
    expected = {} if now == before else {COUNT: "worse" if now > before else "better"}
    assert meanings({COUNT: before}, {COUNT: now}) == expected


@pytest.mark.parametrize(
    ("name", "before", "now", "meaning"),
    [
        (COUNT, 11, math.nan, "worse"),
        (COUNT, math.nan, 11, "better"),
        ("unsolved(bowl, adam, tuned)", 3, 4, "worse"),
        ("unusable(bowl, adam)", 1.5, 1.25, "better"),
        ("rate(bowl, adam, tuned)", 2.0, 2.0 + 1e-9, None),
        ("rate(bowl, adam, tuned)", 2.0, 2.01, "worse"),
        ("rate(bowl, adam, tuned)", 2.0, math.nan, "new"),
        ("path(adam, rosenbrock)", 2.0, 2.0 * (1 + 1e-9), None),
        ("path(adam, rosenbrock)", 2.0, 1.99, "changed"),
        ("path(adam, rosenbrock)", 2.0, math.nan, "changed"),
        ("path(adam, rosenbrock)", 1e-17, 3e-17, None),
    ],
)
def test_what_a_change_means(name, before, now, meaning):
    assert meanings({name: before}, {name: now}) == ({} if meaning is None else {name: meaning})


def test_what_is_gone_alarms_and_what_is_new_does_not():
    gone, new = judged_tracks({COUNT: 1, "path(a, b)": 1.0}, {COUNT: 1, "path(c, d)": 1.0})
    assert (gone.name, gone.meaning, gone.alarming) == ("path(a, b)", "gone", True)
    assert (new.name, new.meaning, new.alarming) == ("path(c, d)", "new", False)


def test_a_change_that_is_meant_does_not_alarm():
    findings = [Finding("path(lion, a)", 1.0, 2.0, "changed"), Finding("path(adam, a)", 1.0, 2.0, "changed")]
    assert [finding.name for finding in unexpected(findings, ["path(lion, *)"])] == ["path(adam, a)"]
    assert unexpected(findings, ["*"]) == []


def test_times_are_judged_by_the_factor_of_their_kind():
    base = {"update lion 2": 1.0, "update adam 2": 1.0, "start help": 1.0, "value bowl": 1.0}
    head = {"update lion 2": 1.2, "update adam 2": 0.8, "start help": 1.2, "gradient bowl": 9.0}
    found = judged_times(base, head, clock.FACTORS)
    assert {finding.name: finding.meaning for finding in found} == {
        "update lion 2": "worse",
        "update adam 2": "better",
    }


def looks(monkeypatch, *tables):
    """Times of the base are all 1; those of the checkout are the tables, a look each."""
    left = list(tables)

    def compared(base, head, keys, rounds):
        table = left.pop(0)
        return dict.fromkeys(table, 1.0), {key: value for key, value in table.items() if key in keys}

    monkeypatch.setattr(clock, "compared", compared)
    return left


def test_noise_that_does_not_come_back_is_no_finding(monkeypatch):
    left = looks(monkeypatch, {"update lion 2": 1.5, "update adam 2": 1.5}, {"update lion 2": 1.4, "update adam 2": 1.0},
                 {"update lion 2": 1.05})  # fmt: skip
    findings, ratios = clock.slower(None, None, ["update lion 2", "update adam 2"])
    assert findings == []
    assert ratios == {"update lion 2": 1.5, "update adam 2": 1.5}
    assert left == []


def test_a_slowdown_that_every_look_sees_is_a_finding_with_the_least_times(monkeypatch):
    looks(monkeypatch, {"update lion 2": 1.3}, {"update lion 2": 1.2}, {"update lion 2": 1.25})
    (found,), _ = clock.slower(None, None, ["update lion 2"])
    assert (found.base, found.head, found.meaning) == (1.0, 1.2, "worse")


def test_only_what_runs_on_other_code_is_timed():
    base = {"loop": "a", "update lion": "b", "update adam": "c", "problem bowl": "d"}
    assert clock.changed_keys(base, {**base}, False) == ([], [])
    keys, left = clock.changed_keys(base, {**base, "update lion": "x", "problem bowl": "y"}, False)
    assert keys == ["update lion 2", "update lion 1000", "value bowl", "gradient bowl"]
    assert left == []
    assert "iteration nesterov 1000" in clock.changed_keys(base, {**base, "loop": "x"}, False)[0]
    many = {f"problem p{i}": "x" for i in range(80)}
    keys, left = clock.changed_keys({}, many, False)
    assert len(keys) == 2 * (80 - len(left))
    assert 5 <= len(keys) / 2 <= 12
    assert clock.changed_keys({}, many, True)[1] == []


@pytest.fixture(scope="module")
def clone(needs_git, tmp_path_factory):
    """A repository with this package in one commit."""
    git, place = needs_git, tmp_path_factory.mktemp("clone")
    for name in ("nagbench", "problems", "benchmarks"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Fewer questions: the answers about these are the point here.
    names = place / "benchmarks" / "suite" / "common.py"
    lists = 'METHODS = DEFAULT_METHODS = ["gradient-descent", "nesterov"]\n'
    lists += 'PROBLEMS = DEFAULT_PROBLEMS = ["ill-conditioned-1e2"]'
    names.write_text(names.read_text(encoding="utf-8").replace("NAN = math.nan\n", f"NAN = math.nan\n{lists}\n"))
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "all")
    return place


def gate(place, *words):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", *words],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )


@pytest.mark.slow
def test_a_planted_off_by_one_in_nesterovs_momentum_fails_the_gate(clone, needs_git):
    unchanged = gate(clone, "HEAD")
    assert (unchanged.returncode, unchanged.stdout.count("nothing to compare")) == (0, 1), unchanged.stderr
    plants.velocity_of_before(clone)
    caught = gate(clone, "HEAD", "--no-timing")
    assert caught.returncode == 1, caught.stderr
    assert "worse  iterations(ill-conditioned-1e2, nesterov, theory)" in caught.stdout
    assert "changed  path(nesterov, ill-conditioned-1e2)" in caught.stdout
    assert "gradient-descent" not in caught.stdout
    needs_git(clone, "commit", "-qam", "Another look-ahead\n\nBenchmark-change: *nesterov*")
    meant = gate(clone, "HEAD~1", "--no-timing")
    assert meant.returncode == 0, meant.stdout + meant.stderr
    assert "as meant" in meant.stdout


def loaded(place, module):
    """The update of a planted copy of a method's module, as plain Python."""
    file = place / "nagbench" / "optimizers" / "algorithms" / f"{module}.py"
    scope = {"__name__": "planted"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), scope)
    return scope


def copied(place, module):
    (place / "nagbench" / "optimizers" / "algorithms").mkdir(parents=True)
    shutil.copy(
        ROOT / "nagbench" / "optimizers" / "algorithms" / f"{module}.py",
        place / "nagbench" / "optimizers" / "algorithms",
    )


@pytest.mark.parametrize(("module", "method"), [("nesterov", "nesterov"), ("adam", "adam")])
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_extra_work_that_is_planted_moves_nothing(tmp_path, module, method, share):
    copied(tmp_path, module)
    plants.slower(tmp_path, module, method, share)
    planted, ours = loaded(tmp_path, module)[method], nagbench.optimizer(method)
    ends = []
    for update in (planted, ours.method.update):
        iterate, query, slots = np.ones(4), np.ones(4), np.zeros((2, 4))
        visits = Visits(iterate)
        for k in range(3):
            update(k, np.arange(1.0, 5.0), visits, query, slots, ours.hyper)
        ends.append((iterate, visits.written))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] - ends[1][1] == 3 * 4 * share


class Visits:
    """An array that counts how often an element of it is written."""

    def __init__(self, array):
        self.array, self.size, self.written = array, array.size, 0

    def __getitem__(self, i):
        return self.array[i]

    def __setitem__(self, i, value):
        self.written += 1
        self.array[i] = value


def test_the_momentum_that_is_planted_is_that_of_the_next_iteration(tmp_path):
    """Of f(x) = x²/2 with s = 1/2 from x = 1: x₁ = 1/2 and y₁ = x₁ + β(x₁ − x₀) = 1/2 − β/2, with β = 1/4 instead of 0."""
    copied(tmp_path, "nesterov_variants")
    plants.momentum_counted_on(tmp_path)
    iterate, query = np.ones(1), np.ones(1)
    loaded(tmp_path, "nesterov_variants")["nesterov_convex"](
        0, np.ones(1), iterate, query, np.zeros((1, 1)), np.array([0.5])
    )
    assert (iterate[0], query[0]) == (0.5, 0.375)


def test_the_velocity_that_is_planted_is_that_of_the_iteration_before(tmp_path):
    """Of f(x) = x²/2 with s = m = 1/2 from x = 1: x₁ = 1/2, and y₁ = x₁ + m·v₀ = 1/2 with v₀ = 0, instead of 1/4."""
    copied(tmp_path, "nesterov")
    plants.velocity_of_before(tmp_path)
    x, y = np.ones(1), np.ones(1)
    hyper = np.array([0.5, 0.5, 0.5])
    loaded(tmp_path, "nesterov")["nesterov"](0, np.ones(1), x, y, np.zeros((1, 1)), hyper)
    assert (x[0], y[0]) == (0.5, 0.5)


def outcome(code, *alarms, may=()):
    return proof.Outcome(proof.Case("a", lambda place: None, may), code, alarms, 1.0)


@pytest.mark.parametrize(
    ("case", "right"),
    [
        (outcome(0), True),
        (outcome(1, "update adam 2: 1 → 2"), False),
        (outcome(2), False),
        (outcome(1, "update adam 2: 1 → 2", may=("update adam *",)), True),
        (outcome(1, "update adam 2: 1 → 2", "update lion 2: 1 → 2", may=("update adam *",)), False),
        (outcome(0, may=("update adam *",)), False),
        (outcome(1, may=("update adam *",)), False),
    ],
)
def test_a_proof_holds_where_what_was_planted_is_found_and_nothing_else(case, right):
    assert case.right is right


def test_an_unknown_commit_is_a_usage_error(clone):
    done = gate(clone, "no-such-commit")
    assert done.returncode == 2
    assert "no-such-commit" in done.stderr or "single revision" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["benchmarks.gate", "HEAD"], ["benchmarks.gate.proof"]])
@pytest.mark.usefixtures("no_programs")
def test_without_git_that_is_a_usage_error(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: git cannot be run: No such file or directory"


@pytest.mark.slow
def test_both_sides_answer_about_the_version_that_they_are_of(clone, monkeypatch):
    monkeypatch.setattr(sides, "ROOT", clone)
    monkeypatch.setattr(sides, "_PLACE", clone / ".asv" / "gate")
    base = sides.exported("HEAD")
    with sides.Side(base) as first, sides.Side(sides.checkout()) as second:
        assert Path(first.ask("where")) == base.folder / "nagbench"
        assert Path(second.ask("where")) == clone / "nagbench"
        assert first.ask("ready", "update newton-of-tomorrow 2") == 0
        calls = second.ask("ready", "update nesterov 2")
        assert second.ask("sample", "update nesterov 2", calls) > 0
    assert judgement.same(COUNT, 1, 1)

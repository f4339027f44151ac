"""The sweep end to end, through Python: plans, resuming, selection, tables."""

import functools
import itertools
import json
import shlex

import numba
import numpy as np
import pandas as pd
import pytest
from tunings import ONE_START, ONE_TUNING

import nagbench
from nagbench.core import environment, provenance
from nagbench.engine import fingerprints, oracles, runner
from nagbench.engine.single_run import make_cell
from nagbench.experiments import modes, plan, specification
from nagbench.experiments.selection import select_best_trials
from nagbench.experiments.serialize import table_to_json
from nagbench.experiments.sobol import sobol_points
from nagbench.experiments.stages import Progress
from nagbench.optimizers.registry import find_algorithm

SMALL = {
    "problems": ["bowl", "rosenbrock"],
    "optimizers": ["nesterov", "gradient-descent"],
    "trials": 4,
    **ONE_START,
    "budget": 2000,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nagbench.sweep(**SMALL, out=tmp_path_factory.mktemp("small"), repeats=2)


def test_every_planned_cell_is_a_row_a_tolerance(small):
    assert len(small.runs) == len(small.plan) * 2
    assert small.missing == 0
    # tuned: 2 problems × 2 methods × 4 trials; theory: the bowl alone has L and μ.
    assert len(small.plan) == 2 * 2 * 4 + 2
    assert small.runs["status"].isin(["converged", "diverged", "stalled", "budget", "error"]).all()


CONTRACT = """cell problem family dimension oracle optimizer library engine step_size momentum mode trial start seed dtype
budget measure tested_at relative tolerance status iterations gradient_evaluations value gradient_norm rises overshoot rate
predicted_iterations error""".split()


def test_tables_have_the_columns_of_the_contract(small):
    assert set(CONTRACT) <= set(small.runs.columns)
    timed = {"cell", "machine", "iterations", "repeats", "wall_time", "wall_time_min", "wall_time_iqr", "oracle_time"}
    assert timed <= set(small.timings.columns)
    assert list(small.curves.columns) == ["cell", "iteration", "value", "gradient_norm", "distance"]


def test_rows_are_what_run_says(small):
    for row in small.runs[small.runs["tolerance"] == 1e-6].itertuples():
        given = {"step_size": row.step_size, **({} if np.isnan(row.momentum) else {"momentum": row.momentum})}
        run = nagbench.run(row.problem, nagbench.optimizer(row.optimizer, **given), budget=2000)
        assert (row.status, row.iterations, row.value) == (run.status, run.iterations, run.value)


def test_only_selected_cells_are_timed_and_traced(small):
    selected = set(small.runs.loc[small.runs["selected"], "cell"])
    assert set(small.timings["cell"]) <= selected
    assert set(small.curves["cell"]) == selected
    assert (small.timings["wall_time"] > 0).all()
    assert (small.timings["error"] == "").all()


def test_curves_end_where_the_runs_end(small):
    ends = small.runs[small.runs["selected"]].groupby("cell")["iterations"].max()
    assert small.curves.groupby("cell")["iteration"].max().to_dict() == ends.to_dict()


def test_every_method_has_the_same_number_of_trials(small):
    trials = small.plan[small.plan["mode"] == "tuned"].groupby(["problem", "variant"])["trial"].nunique()
    assert set(trials) == {4}


def test_load_brings_the_same_tables_back(small):
    again = nagbench.load(small.store.folder)
    pd.testing.assert_frame_equal(again.runs, small.runs)
    pd.testing.assert_frame_equal(again.timings, small.timings)


def test_the_manifest_says_how_it_was_made(small):
    manifest = small.manifest
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["spec"]["trials"] == 4
    assert {"machine", "git", "command", "created", "schema"} <= set(manifest)


@pytest.mark.usefixtures("no_programs")
def test_without_git_the_commit_is_not_known():
    assert environment.git_commit() is None


def test_the_command_of_the_manifest_repeats_it(small, monkeypatch):
    words = shlex.split(small.manifest["command"])
    assert words[:4] == ["python", "-m", "nagbench", "sweep"]
    calls = counted(monkeypatch)
    again = nagbench.sweep(words[4], out=words[6])
    assert calls == []
    pd.testing.assert_frame_equal(again.runs, small.runs)


def counted(monkeypatch):
    """How many cells the loop is asked to count from now on."""
    calls = []
    original = runner.run_batch
    monkeypatch.setattr(
        runner, "run_batch", lambda job, *rest, **named: calls.extend(job.batch.cells) or original(job, *rest, **named)
    )
    return calls


def test_the_same_sweep_again_runs_and_writes_nothing(small, monkeypatch):
    calls, times = counted(monkeypatch), {file: file.stat().st_mtime_ns for file in small.store.folder.rglob("*.*")}
    again = nagbench.sweep(**SMALL, out=small.store.folder, repeats=2)
    assert calls == []
    assert {file: file.stat().st_mtime_ns for file in small.store.folder.rglob("*.*")} == times
    pd.testing.assert_frame_equal(again.runs, small.runs)


def test_more_trials_keep_the_first_ones(small, tmp_path, monkeypatch):
    first = nagbench.sweep(**SMALL, out=tmp_path, timing=False, curves=False)
    calls = counted(monkeypatch)
    more = nagbench.sweep(**{**SMALL, "trials": 6, **ONE_START}, out=tmp_path, timing=False, curves=False)
    assert len(calls) == 2 * 2 * 2
    kept = more.runs[more.runs["cell"].isin(first.runs["cell"])]
    assert sorted(kept["cell"]) == sorted(first.runs["cell"])


def test_edited_sources_make_cells_stale(tmp_path, monkeypatch):
    nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov", "adam"], trials=2, **ONE_START, out=tmp_path, timing=False
    )
    code = provenance._code

    @functools.cache
    def edited(name):
        return code(name) + ("edited" if name == "nagbench.optimizers.algorithms.nesterov" else "")

    monkeypatch.setattr(provenance, "_code", edited)
    fingerprints.clear_caches()
    calls = counted(monkeypatch)
    again = nagbench.sweep(
        problems=["bowl"],
        optimizers=["nesterov", "adam"],
        trials=2,
        **ONE_START,
        out=tmp_path,
        timing=False,
        curves=False,
    )
    fingerprints.clear_caches()
    assert {cell.optimizer for cell in calls} == {"nesterov"}
    assert again.missing == 0


@pytest.mark.parametrize(
    ("module", "optimizer"),
    [
        ("nagbench.engine.self_driven", "scipy/bfgs"), ("nagbench.engine.backends", "torch/sgd"),
        ("nagbench.optimizers.algorithm", "torch/sgd"),
        ("nagbench.engine.backends", "nesterov"), ("nagbench.engine.batch_run", "nesterov"),
        ("nagbench.engine.loaded_batch", "nesterov"),
    ],
)  # fmt: skip
def test_what_runs_the_loop_is_in_the_fingerprint(module, optimizer, monkeypatch):
    before, code = _fresh_fingerprint(optimizer), provenance._code

    @functools.cache
    def edited(name):
        return code(name) + ("edited" if name == module else "")

    with monkeypatch.context() as patch:
        patch.setattr(provenance, "_code", edited)
        assert _fresh_fingerprint(optimizer) != before
    assert _fresh_fingerprint(optimizer) == before


@pytest.mark.parametrize("package", [numba, np])
def test_the_versions_of_what_compiles_and_sums_are_in_the_fingerprint(package, monkeypatch):
    before = _fresh_fingerprint("nesterov")
    with monkeypatch.context() as patch:
        patch.setattr(package, "__version__", "0.0.1")
        assert _fresh_fingerprint("nesterov") != before
    assert _fresh_fingerprint("nesterov") == before


def _fresh_fingerprint(optimizer):
    bowl = nagbench.problem("bowl")
    fingerprints.clear_caches()
    cell = make_cell(bowl, nagbench.optimizer(optimizer))
    found = fingerprints.fingerprint_of(cell.problem, cell.optimizer)
    fingerprints.clear_caches()
    return found


def test_comments_and_docstrings_do_not_make_cells_stale(tmp_path, monkeypatch):
    import sys
    import types

    codes = []
    for text in (
        'def f(x):\n    "one"\n    return x + 1  # a\n',
        'def f(x):\n    "two"\n\n    return x + 1\n',
        "def f(x):\n    return x + 2\n",
    ):
        file = tmp_path / f"mod{len(codes)}.py"
        file.write_text(text)
        module = types.ModuleType(file.stem)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, file.stem, module)
        codes.append(provenance._code(file.stem))
    assert codes[0] == codes[1] != codes[2]


def test_interrupting_keeps_what_is_finished_and_the_same_call_goes_on(tmp_path, monkeypatch):
    spec = {**SMALL, "timing": False, "curves": False}
    whole = nagbench.sweep(**spec, out=tmp_path / "whole")

    class Impatient(Progress):
        def advance(self, count, statuses):
            if count and not self.stopped:
                self.stopped = True
                raise KeyboardInterrupt

        stopped = False

    with pytest.raises(KeyboardInterrupt):
        nagbench.sweep(**spec, out=tmp_path / "cut", progress=Impatient())
    partial = nagbench.load(tmp_path / "cut")
    assert 0 < partial.missing < partial.plan["cell"].nunique()
    calls = counted(monkeypatch)
    resumed = nagbench.sweep(**spec, out=tmp_path / "cut")
    assert len(calls) == partial.missing
    pd.testing.assert_frame_equal(resumed.runs, whole.runs)


def test_two_processes_give_the_same_table_as_one(tmp_path):
    spec = {**SMALL, "timing": False, "curves": False}
    one = nagbench.sweep(**spec, out=tmp_path / "one")
    two = nagbench.sweep(**spec, out=tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(one.runs, two.runs)


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:]]
)
def test_a_damaged_part_is_named_and_only_its_cells_run_again(tmp_path, damage, monkeypatch):
    spec = {**SMALL, "timing": False, "curves": False}
    first = nagbench.sweep(**{**spec, "trials": 2, **ONE_START}, out=tmp_path)
    more = nagbench.sweep(**spec, out=tmp_path).runs
    parts = sorted((tmp_path / "runs").glob("*.parquet"), key=lambda file: len(pd.read_parquet(file)))
    assert len(parts) == 2
    lost = set(pd.read_parquet(parts[0])["cell"])
    parts[0].write_bytes(damage(parts[0].read_bytes()))
    lines = []
    broken = nagbench.load(tmp_path, warn=lines.append)
    assert broken.missing == len(lost)
    # However often the tables are read.
    assert [len(broken.store.read("runs")) < len(more) for _ in range(2)] == [True, True]
    assert len(lines) == 1
    assert parts[0].name in lines[0]
    calls = counted(monkeypatch)
    mended = nagbench.sweep(**spec, out=tmp_path)
    assert {cell.key for cell in calls} == lost
    pd.testing.assert_frame_equal(mended.runs, more)
    assert len(first.runs) < len(more)


def test_fresh_throws_away(small, tmp_path, monkeypatch):
    spec = {
        "problems": ["bowl"],
        "optimizers": ["nesterov"],
        "trials": 2,
        **ONE_START,
        "timing": False,
        "curves": False,
    }
    nagbench.sweep(**spec, out=tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    calls = counted(monkeypatch)
    nagbench.sweep(**spec, out=tmp_path, fresh=True)
    assert len(calls) == 3
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_toml_specification(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'problems = ["bowl", "rosenbrock:dimension=3"]\noptimizers = ["nesterov:step_size=[1e-3,1e-2],momentum=0.9", "adam"]\n'
        'modes = ["default"]\ntolerances = [1e-4, 1e-2]\nbudget = 500\ntiming = false\n'
    )
    done = nagbench.sweep(file, out=tmp_path / "out")
    assert set(done.runs["mode"]) == {"grid", "default"}
    assert set(done.runs["problem"]) == {"bowl", "rosenbrock:dimension=3"}
    assert set(done.runs.loc[done.runs["optimizer"] == "nesterov", "step_size"]) == {1e-3, 1e-2}
    assert done.manifest["name"] == "mine"


def test_objects_in_place_of_names(tmp_path):
    problem = nagbench.problem("quadratic", eigenvalues=[1, 100], start=[1, 1])
    done = nagbench.sweep(
        problems=[problem, nagbench.problem("bowl")],
        optimizers=[nagbench.optimizer("nesterov", step_size=1e-2)],
        out=tmp_path,
        timing=False,
    )
    assert set(done.runs["mode"]) == {"given"}
    assert "bowl" in set(done.runs["problem"])
    assert set(done.runs["status"]) <= {"converged", "budget"}


def test_starts_are_drawn_from_the_domain_and_shared_by_all_methods(tmp_path):
    done = nagbench.sweep(
        problems=["rosenbrock"], optimizers=["*"], modes=["default"], starts=3, budget=10, out=tmp_path, timing=False
    )
    assert set(done.runs["start"]) == {0, 1, 2}
    problem = nagbench.problem("rosenbrock")
    points = [oracles.start_of(problem, i) for i in range(3)]
    assert points[0].tolist() == problem.start.tolist()
    for point in points[1:]:
        assert ((problem.domain[:, 0] <= point) & (point <= problem.domain[:, 1])).all()
    assert not np.allclose(points[1], points[2])


def points(method, free, count):
    """The columns of all trials, in one piece."""
    blocks = [
        values for _, values in modes.sobol_trials(find_algorithm(method), free, count, 0.1, sobol_points(len(free)))
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in free}


def test_tuning_is_a_prefix_of_one_sequence():
    few, many, lots = (points("nesterov", ["step_size", "momentum"], count) for count in (5, 20, 5000))
    for name, column in many.items():
        assert column[:5].tobytes() == few[name].tobytes()
        assert column.tobytes() == lots[name][:20].tobytes()
    low, high = find_algorithm("nesterov").hyperparameters["step_size"].tuning
    assert ((low * 0.1 <= lots["step_size"]) & (lots["step_size"] <= high * 0.1)).all()
    assert np.unique(lots["step_size"]).size == 5000
    assert many["step_size"][0] == pytest.approx(0.1 * np.sqrt(low * high))
    assert points("gradient-descent", ["step_size"], 20)["step_size"].tobytes() == many["step_size"].tobytes()


def test_theory_is_left_out_where_l_or_mu_is_unknown():
    spec = specification.validate_spec({"problems": ["rosenbrock", "bowl"], "modes": ["theory"]})
    assert {(item.problem, item.variant) for item in plan.planned_cells(spec)} == {
        ("bowl", name) for name in ("gradient-descent", "momentum", "nesterov")
    }


def rows(*settings):
    base = {"problem": "p", "variant": "v", "mode": "tuned", "oracle": "exact", "tolerance": 1e-6}
    names = ("trial", "status", "iterations", "residual")
    return pd.DataFrame([{**base, **dict(zip(names, values, strict=True))} for values in settings])


@pytest.mark.parametrize(
    ("settings", "best"),
    [
        ([(0, "converged", 9, 1e-7), (1, "converged", 5, 9e-7)], 1),
        ([(0, "budget", 3, 1e-5), (1, "converged", 5, 9e-7)], 1),
        ([(0, "budget", 100, 1e-3), (1, "diverged", 5, np.nan), (2, "budget", 100, 1e-4)], 2),
        ([(0, "converged", 5, 9e-7), (1, "converged", 5, 1e-7)], 1),
        ([(0, "converged", 5, 1e-7), (1, "converged", 5, 1e-7)], 0),
        # The median over two seeds: one failure makes it infinite.
        ([(0, "converged", 1, 1e-7), (0, "budget", 9, 1.0), (1, "converged", 8, 1e-7), (1, "converged", 8, 1e-7)], 1),
    ],
)
def test_selection(settings, best):
    table = rows(*settings)
    assert set(table.loc[select_best_trials(table), "trial"]) == {best}


def test_json_is_strict():
    text = table_to_json(pd.DataFrame({"a": [1.5, np.nan, np.inf], "b": pd.array([1, None, 3], dtype="Int64")}))
    assert json.loads(text) == [{"a": 1.5, "b": 1}, {"a": None, "b": None}, {"a": "inf", "b": 3}]


def test_cells_have_different_keys():
    spec = specification.validate_spec({"trials": 8, **ONE_TUNING, "starts": 2})
    planned = list(plan.planned_cells(spec))
    contents = {
        (i.problem, i.variant, tuple(i.cell.hyperparameters.values()), i.cell.start): i.cell.key for i in planned
    }
    assert len(set(contents.values())) == len(contents)
    assert not any(a == b for a, b in itertools.pairwise(sorted(contents.values())))


def test_a_path_has_every_iterate_whatever_is_measured_how_often():
    for given in ({"oracle": "noise:0.001"}, {"measure_every": 5}):
        run = nagbench.run(
            "bowl", "nesterov:step_size=0.1,momentum=0.3", budget=30, tolerance=1e-300, path=True, **given
        )
        assert run.path.shape == (31, 2)
        assert run.path[-1].tobytes() == run.iterate.tobytes()


def test_an_edited_constant_in_another_file_changes_the_outcome(folder, monkeypatch):
    """In processes of their own: what a family imports decides its results, and its compiled code."""
    import subprocess
    import sys

    (folder / "fam.py").write_text(
        "import numpy as np\nfrom consts import FACTOR\nfrom nagbench import Problem\n"
        "def value(x, data, shape, rows):\n    return 0.5 * FACTOR * x[0] * x[0]\n"
        "def gradient(x, data, shape, rows, out):\n    out[0] = FACTOR * x[0]\n"
        "def quad():\n    return Problem(name='q', family='q', value_kernel=value, gradient_kernel=gradient,\n"
        "                   start=np.ones(1), smoothness=FACTOR, strong_convexity=FACTOR, spectrum=np.array([FACTOR]),\n"
        "                   minimum=0.0, minimizers=np.zeros((1, 1)))\n"
    )
    words = ["sweep", "-p", "fam:quad", "-o", "gradient-descent:step_size=0.1", "--out", "r", "--format", "json", "-q"]
    words += ["--no-timing", "--no-curves", "--no-report"]
    told = []
    for factor in (1.0, 3.0, 1.0):
        (folder / "consts.py").write_text(f"FACTOR = {factor}\n")
        done = subprocess.run([sys.executable, "-B", "-m", "nagbench", *words], capture_output=True, text=True)
        rows = [row for row in json.loads(done.stdout) if row["tolerance"] == 1e-6]
        told += [(row["iterations"], row["predicted_iterations"]) for row in rows]
    assert told[0] == told[2] != told[1]
    assert all(count == predicted for count, predicted in told)


def test_two_spellings_of_an_oracle_are_one():
    a, b = (nagbench.run("bowl", "nesterov", oracle=text, budget=20) for text in ("noise:0.1", "noise:1e-1"))
    assert a.cell.key == b.cell.key
    assert a.iterate.tobytes() == b.iterate.tobytes()


def test_a_problem_changed_after_it_was_made_is_refused():
    from dataclasses import replace

    with pytest.raises(nagbench.UsageError, match="changed after it was made"):
        nagbench.sweep(problems=[replace(nagbench.problem("bowl"), start=np.ones(2))], optimizers=["nesterov"])


def test_a_problem_with_a_start_of_its_own(tmp_path):
    problem = nagbench.problem("bowl", start=[0.5, 0.5])
    done = nagbench.sweep(
        problems=[problem], optimizers=["nesterov:step_size=0.1,momentum=0.5"], out=tmp_path, timing=False
    )
    assert set(done.curves.loc[done.curves["iteration"] == 0, "value"]) == {0.5}


def test_pinning_the_momentum_alone_leaves_the_step_size_to_tuning():
    spec = specification.validate_spec(
        {"problems": ["bowl"], "optimizers": ["nesterov:momentum=0.5"], "trials": 4, **ONE_START}
    )
    planned = list(plan.planned_cells(spec))
    assert {(item.mode, item.cell.hyperparameters["momentum"]) for item in planned} == {("theory", 0.5), ("tuned", 0.5)}
    assert len({item.cell.hyperparameters["step_size"] for item in planned if item.mode == "tuned"}) == 4
    listed = specification.validate_spec(
        {"problems": ["bowl"], "optimizers": ["nesterov:momentum=[0.5,0.9]"], "grid": 3}
    )
    assert len(list(plan.planned_cells(listed))) == 6


def test_a_timing_that_failed_is_taken_again(tmp_path, monkeypatch):
    spec = {
        "problems": ["bowl"],
        "optimizers": ["nesterov:step_size=0.1,momentum=0.5"],
        "out": tmp_path,
        "curves": False,
    }
    with monkeypatch.context() as broken:
        broken.setattr("nagbench.engine.timing.point_digest", lambda point: "elsewhere")
        first = nagbench.sweep(**spec, repeats=2)
    assert set(first.timings["error"]) == {"the replay does not end where the count ended"}
    again = nagbench.sweep(**spec, repeats=2)
    assert set(again.timings["error"]) == {""}
    assert set(nagbench.sweep(**spec, repeats=3).timings["repeats"]) == {3}


def test_the_report_follows_the_specification(tmp_path):
    from click.testing import CliRunner

    from nagbench.cli.main import cli

    for name, other in (("bowl", "rosenbrock"), ("rosenbrock", "bowl"), ("bowl", "rosenbrock")):
        words = [
            "sweep",
            "-p",
            name,
            "-o",
            "nesterov:step_size=1e-3,momentum=0.5",
            "--no-timing",
            "-q",
            "--out",
            str(tmp_path),
        ]
        CliRunner().invoke(cli, words)
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert name in page
        assert other not in page


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "manifest.json").write_text('{"mine": 1}')
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine.parquet").write_bytes(b"mine")
    for fresh in (False, True):
        with pytest.raises(nagbench.UsageError):
            nagbench.sweep(problems=["bowl"], optimizers=["nesterov"], out=tmp_path, fresh=fresh)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(nagbench.UsageError, match="contains other files"):
        nagbench.sweep(problems=["bowl"], optimizers=["nesterov"], out=tmp_path)
    assert (tmp_path / "runs" / "mine.parquet").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "{}",
        '{"schema": "x"}',
        '{"schema": 1, "plan": 3, "spec": {}}',
        "{",
        '{"schema": 99, "plan": "x", "spec": {}}',
    ],
)
def test_a_manifest_that_is_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(nagbench.UsageError):
        nagbench.load(tmp_path)


def test_a_lost_plan_is_said_and_written_again(small, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(small.store.folder, copy)
    for file in (copy / "plan").iterdir():
        file.unlink()
    with pytest.raises(nagbench.UsageError, match="plan"):
        _ = nagbench.load(copy).runs
    again = nagbench.sweep(**SMALL, out=copy, repeats=2)
    pd.testing.assert_frame_equal(again.runs, small.runs)


def test_a_failed_run_has_no_end_point(folder):
    (folder / "broken.py").write_text(
        "from nagbench import method\n\n\n@method('broken', hyperparameters={})\n"
        "def broken(k, gradient, iterate, query, slots, hyper):\n    raise ValueError('never')\n"
    )
    done = nagbench.run("bowl", "broken:broken", engine="python")
    assert done.status == "error"
    assert np.isnan(done.iterate).all()


def test_another_sweep_in_the_same_directory_is_said(tmp_path):
    told = []

    class Listener(Progress):
        def warn(self, message):
            told.append(message)

    quick = {"optimizers": ["nesterov"], "trials": 1, **ONE_START, "timing": False, "curves": False, "out": tmp_path}
    for problem in ("bowl", "bowl", "rosenbrock"):
        done = nagbench.sweep(problems=[problem], progress=Listener(), **quick)
        told += [problem]
    assert [word for word in told if "now shows this sweep" not in word] == ["bowl", "bowl", "rosenbrock"]
    assert "now shows this sweep" in told[2]
    assert set(done.runs["problem"]) == {"rosenbrock"}
    assert set(nagbench.sweep(problems=["bowl"], **quick).runs["problem"]) == {"bowl"}

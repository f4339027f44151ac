"""The sweep end to end, through Python: plans, resuming, selection, tables."""

import itertools
import json
import shlex

import numpy as np
import pandas as pd
import pytest

import nagbench
from nagbench import engine as engines
from nagbench import plan, runner
from nagbench.analysis.selection import select
from nagbench.study import to_json

SMALL = {
    "problems": ["bowl", "rosenbrock"],
    "optimizers": ["nesterov", "gradient-descent"],
    "trials": 4,
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
    original = runner._count
    monkeypatch.setattr(runner, "_count", lambda job, *rest: calls.extend(job.batch.cells) or original(job, *rest))
    return calls


def test_the_same_sweep_again_runs_nothing(small, monkeypatch):
    calls = counted(monkeypatch)
    again = nagbench.sweep(**SMALL, out=small.store.folder, repeats=2)
    assert calls == []
    pd.testing.assert_frame_equal(again.runs, small.runs)


def test_more_trials_keep_the_first_ones(small, tmp_path, monkeypatch):
    first = nagbench.sweep(**SMALL, out=tmp_path, timing=False, curves=False)
    calls = counted(monkeypatch)
    more = nagbench.sweep(**{**SMALL, "trials": 6}, out=tmp_path, timing=False, curves=False)
    assert len(calls) == 2 * 2 * 2
    kept = more.runs[more.runs["cell"].isin(first.runs["cell"])]
    assert sorted(kept["cell"]) == sorted(first.runs["cell"])


def test_edited_sources_make_cells_stale(tmp_path, monkeypatch):
    nagbench.sweep(problems=["bowl"], optimizers=["nesterov", "adam"], trials=2, out=tmp_path, timing=False)
    code = engines._module_code

    def edited(name):
        return code(name) + ("edited" if name == "nagbench.methods.nesterov" else "")

    monkeypatch.setattr(engines, "_module_code", edited)
    runner.fingerprint_of.cache_clear()
    calls = counted(monkeypatch)
    again = nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov", "adam"], trials=2, out=tmp_path, timing=False, curves=False
    )
    runner.fingerprint_of.cache_clear()
    assert {cell.optimizer for cell in calls} == {"nesterov"}
    assert again.missing == 0


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
        codes.append(engines._module_code(file.stem))
    assert codes[0] == codes[1] != codes[2]


def test_interrupting_keeps_what_is_finished_and_the_same_call_goes_on(tmp_path, monkeypatch):
    spec = {**SMALL, "timing": False, "curves": False}
    whole = nagbench.sweep(**spec, out=tmp_path / "whole")

    class Impatient(nagbench.study.Progress):
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
    first = nagbench.sweep(**{**spec, "trials": 2}, out=tmp_path)
    more = nagbench.sweep(**spec, out=tmp_path)
    parts = sorted((tmp_path / "runs").glob("*.parquet"), key=lambda file: len(pd.read_parquet(file)))
    assert len(parts) == 2
    lost = set(pd.read_parquet(parts[0])["cell"])
    parts[0].write_bytes(damage(parts[0].read_bytes()))
    lines = []
    assert nagbench.load(tmp_path, warn=lines.append).missing == len(lost)
    assert len(lines) == 1
    assert parts[0].name in lines[0]
    calls = counted(monkeypatch)
    mended = nagbench.sweep(**spec, out=tmp_path)
    assert {cell.key for cell in calls} == lost
    pd.testing.assert_frame_equal(mended.runs, more.runs)
    assert len(first.runs) < len(more.runs)


def test_fresh_throws_away(small, tmp_path, monkeypatch):
    spec = {"problems": ["bowl"], "optimizers": ["nesterov"], "trials": 2, "timing": False, "curves": False}
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
    points = [runner.start_of(problem, i) for i in range(3)]
    assert points[0].tolist() == problem.start.tolist()
    for point in points[1:]:
        assert ((problem.domain[:, 0] <= point) & (point <= problem.domain[:, 1])).all()
    assert not np.allclose(points[1], points[2])


def test_tuning_is_a_prefix_of_one_sequence():
    method = nagbench.registry.find_method("nesterov")
    few = list(plan.trials(method, ["step_size", "momentum"], 5, 0.1))
    many = list(plan.trials(method, ["step_size", "momentum"], 20, 0.1))
    assert many[:5] == few
    low, high = method.hyperparameters["step_size"].tuning
    assert all(low * 0.1 <= values["step_size"] <= high * 0.1 for values in many)
    assert many[0]["step_size"] == pytest.approx(0.1 * np.sqrt(low * high))
    first = [
        values["step_size"]
        for values in plan.trials(nagbench.registry.find_method("gradient-descent"), ["step_size"], 20, 0.1)
    ]
    assert first == [values["step_size"] for values in many]


def test_theory_is_left_out_where_l_or_mu_is_unknown():
    spec = plan.make_spec({"problems": ["rosenbrock", "bowl"], "modes": ["theory"]})
    assert {(item.problem, item.variant) for item in plan.cells(spec)} == {
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
    assert set(table.loc[select(table), "trial"]) == {best}


def test_json_is_strict():
    text = to_json(pd.DataFrame({"a": [1.5, np.nan, np.inf], "b": pd.array([1, None, 3], dtype="Int64")}))
    assert json.loads(text) == [{"a": 1.5, "b": 1}, {"a": None, "b": None}, {"a": "inf", "b": 3}]


def test_cells_have_different_keys():
    spec = plan.make_spec({"trials": 8, "starts": 2})
    planned = list(plan.cells(spec))
    contents = {
        (i.problem, i.variant, tuple(i.cell.hyperparameters.values()), i.cell.start): i.cell.key for i in planned
    }
    assert len(set(contents.values())) == len(contents)
    assert not any(a == b for a, b in itertools.pairwise(sorted(contents.values())))

"""What a timing makes of interruptions, on clocks and counters made up for the test."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd

import nagbench
from nagbench.analysis.summary import summary
from nagbench.analysis.times import MOST_DISTURBED, displayed_times
from nagbench.core.canonical import canonical
from nagbench.core.clock import Seconds, known_times
from nagbench.core.environment import machine_facts
from nagbench.engine import timing
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import load_batch
from nagbench.engine.records import Cell
from nagbench.experiments.retiming import inconsistent
from nagbench.optimizers import algorithm
from nagbench.optimizers.registry import find_algorithm


class Machine:
    """Clocks that advance by what each measurement is said to take, and counters of the system's interruptions."""

    def __init__(self, monkeypatch, *measurements):
        self._clock, self._switches, self._left = Seconds(), (0, 0), list(measurements)
        self.made = 0
        monkeypatch.setattr(timing, "now", lambda: self._clock)
        monkeypatch.setattr(timing, "_switches", lambda: self._switches)

    def measure(self):
        wall, cpu, interruptions, waits = self._left[self.made]
        self.made += 1
        self._clock += Seconds(wall, cpu)
        self._switches = self._switches[0] + interruptions, self._switches[1] + waits
        return Seconds(wall, cpu)


QUIET, LOST, LONG = (1.0, 1.0, 0, 0), (3.0, 1.2, 2, 0), (90.0, 60.0, 9, 0)


def test_an_interrupted_repeat_is_taken_again_whatever_its_length(monkeypatch):
    machine = Machine(monkeypatch, LONG, LOST, QUIET, QUIET)
    took = timing._undisturbed(machine.measure)
    assert (machine.made, took.disturbed, took.alone) == (3, False, 1.0)


def test_a_repeat_that_is_interrupted_every_time_is_disturbed_and_has_its_cpu_time(monkeypatch):
    machine = Machine(monkeypatch, LONG, LOST, LONG, LONG, QUIET)
    took = timing._undisturbed(machine.measure)
    assert (machine.made, took.disturbed, took.alone) == (4, True, 1.2)


def test_an_interruption_that_took_no_time_is_none(monkeypatch):
    machine = Machine(monkeypatch, (10.0, 9.95, 3, 0))
    assert not timing._undisturbed(machine.measure).disturbed


def test_a_repeat_that_waited_by_itself_keeps_its_wall_time(monkeypatch):
    machine = Machine(monkeypatch, *[(3.0, 1.0, 1, 1)] * 4)
    assert timing._undisturbed(machine.measure).alone == 3.0


def test_making_an_optimizer_is_taken_off_on_the_clock_it_was_measured_on(monkeypatch):
    """Wall seconds taken off CPU seconds made samples of 0 s: here making takes 5 s of wall time and 1 s of CPU time."""
    ticks = itertools.count()
    monkeypatch.setattr(algorithm, "now", lambda: Seconds(5.0, 1.0) if next(ticks) % 2 else Seconds())
    known = find_algorithm("gradient-descent")
    session = dataclasses.replace(known, update=None, session=lambda iterate, gradient, hyper: lambda hyper: None)
    update = algorithm.make_update(session)
    update(0, np.zeros(1), np.zeros(1), np.zeros(1), np.zeros((1, 1)), np.zeros(1))
    assert update.begun == Seconds(5.0, 1.0)


def test_differences_that_the_repeats_cannot_tell_are_missing():
    assert timing._difference([3.0, 1.0, 2.0, 5.0]) == 2.5
    assert math.isnan(timing._difference([]))
    assert math.isnan(timing._difference([3.0, 0.0, 2.0, 5.0]))
    assert math.isnan(timing._difference([3.0, math.nan, 2.0, 5.0]))


def test_samples_of_nothing_are_missing():
    assert known_times([1.0, 0.0, math.nan, -1.0, 2.0]).tolist() == [1.0, 2.0]
    assert known_times(None).size == 0


TIMES = pd.DataFrame(
    {
        "cell": list("abc"), "iterations": 5, "machine": "here", "error": "", "repeats": 4, "wall_time": [9.0, 9.0, 0.0],
        "wall_time_iqr": 1.0, "samples": [[1.0, 2.0, 3.0, 0.0], None, [0.0, math.nan]], "disturbed": [1, 2, None],
    }
)  # fmt: skip


def test_displayed_times_come_from_the_repeats():
    shown = displayed_times(TIMES)
    assert shown["wall_time"].tolist()[:2] == [2.0, 9.0]
    assert math.isnan(shown["wall_time"][2])
    assert shown["wall_time_iqr"].tolist()[:2] == [1.0, 1.0]
    assert shown["disturbed"].tolist() == [MOST_DISTURBED < 1 / 4, True, False]


def test_a_disturbed_time_wins_nothing():
    runs = pd.DataFrame({"cell": list("ab"), "optimizer": list("ab"), "variant": list("ab")}).assign(
        problem="p", dimension=2, oracle="exact", dtype="float64", measure="gradient", relative=False, family="f",
        library="nagbench", tested_at="x", budget=9, tolerance=1e-6, mode="tuned", trial=0, selected=True, start=0, seed=0,
        gradient_evaluations=1.0, predicted_iterations=None, error="", engine="numba", status="converged", iterations=5,
        residual=0.0,
    )  # fmt: skip
    fast_but_disturbed = TIMES.assign(samples=[[5.0] * 4, [1.0] * 4, None])
    table = summary(runs, fast_but_disturbed).set_index("method")
    assert table["disturbed"].to_dict() == {"a": False, "b": True}
    assert not table["fastest"].any()
    quiet = summary(runs, fast_but_disturbed.assign(disturbed=0)).set_index("method")
    assert quiet["fastest"].to_dict() == {"a": False, "b": True}


def _cell(name, step_size):
    spec = canonical(nagbench.problem(name).spec)
    return Cell(problem=spec, optimizer="gradient-descent", hyperparameters={"step_size": step_size}, budget=200)


def test_a_timing_holds_a_positive_time_for_each_repeat_or_none():
    cell = _cell("rosenbrock", 1e-3)
    job = BatchRun(load_batch([cell]))
    for _ in timing.replay(job, 0, 200):
        pass
    task = timing.Task(cell, 200, timing.point_digest(job.work.iterate), "00" * 8)
    (table,) = timing.time_tasks([task], 3)
    [row] = table.to_dict("records")
    assert row["error"] == ""
    assert len(row["samples"]) == row["repeats"] == 3
    assert all(time > 0.0 or math.isnan(time) for time in row["samples"])
    assert row["step_time"] != 0.0


def test_one_algorithm_whose_iteration_costs_more_in_one_cell_than_in_another_is_timed_again():
    """Cells of one family and dimension do the same work in an iteration; others, and short ones, are not compared."""
    names = ["rosenbrock", "rosenbrock", "rosenbrock", "easom"]
    tasks = [timing.Task(_cell(name, 1e-3 + i), 100, "", "00" * 8) for i, name in enumerate(names)]
    tasks.append(timing.Task(_cell("rosenbrock", 9.0), 10, "", "00" * 8))
    times = [1.0, 1.4, 1.6, 9.0, 9.0]
    stored = pd.DataFrame(
        {
            "cell": [task.cell.key for task in tasks], "fingerprint": "00" * 8, "machine": machine_facts()["id"],
            "iterations": [task.iterations for task in tasks], "repeats": 3, "error": "",
            "samples": [[100 * time, 100 * time, 0.0] for time in times],
        }
    )  # fmt: skip
    assert inconsistent(tasks, stored, 3) == tasks[:3]
    assert inconsistent(tasks, stored[stored.index != 2], 3) == []
    assert inconsistent(tasks, stored.iloc[:0], 3) == []
    again = pd.concat([stored, stored.iloc[:3]])
    assert inconsistent(tasks, again, 3) == []


def test_of_two_timings_of_a_cell_the_less_disturbed_and_then_the_shorter_counts(tmp_path):
    """Whatever the order of the parts is."""
    sweep = nagbench.sweep(
        problems=["rosenbrock"], optimizers=["gradient-descent"], modes=["default"], budget=100, out=tmp_path / "s",
        timing=False, curves=False, jobs=1,
    )  # fmt: skip
    cell, fingerprint = sweep.plan["cell"][0], sweep.plan["fingerprint"][0]
    common = {"cell": cell, "fingerprint": fingerprint, "machine": "m", "iterations": 100, "repeats": 3, "error": ""}
    for wall, disturbed in ((1.0, 3), (2.0, 0), (3.0, 0), (9.0, 1)):
        sweep.store.append("timings", pd.DataFrame([{**common, "wall_time": wall, "disturbed": disturbed}]))
    assert nagbench.load(tmp_path / "s").timings["wall_time"].tolist() == [2.0]

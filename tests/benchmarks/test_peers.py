"""The peers' loops: that they walk the same path as the closed form, and what the table says of them."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import rosen_der

import nagbench

ROOT = Path(__file__).parents[2]
os.environ.setdefault("KERAS_BACKEND", "jax")

from benchmarks.peers import cases, command, measure, stream, table  # noqa: E402
from benchmarks.peers.numpy_loop import InPlace  # noqa: E402

BOWL = cases.Case("bowl", nagbench.problem("bowl"), 1e-2)
VALLEY = cases.Case("rosenbrock", nagbench.problem("rosenbrock"), 1e-4)
QUADRATIC = cases.Case("quadratic", nagbench.problem("quadratic", dimension=67, condition=10.0), 1e-2)
PEERS, _ = command.installed()


class HeavyBall(InPlace):
    """The gradient at x instead of at the look-ahead point: another method, close by."""

    def advance(self, iterations):
        for _ in range(iterations):
            self.v[:] = self.case.momentum * self.v - self.case.step_size * self.case.gradient(self.x)
            self.x += self.v


class Still(InPlace):
    def advance(self, iterations):
        pass


class Broken(InPlace):
    def advance(self, iterations):
        raise ArithmeticError("no gradient here")


@pytest.mark.parametrize("case", [BOWL, QUADRATIC], ids=["bowl", "quadratic"])
def test_reference_is_the_power_of_the_linear_map(case):
    s, m, start = case.step_size, case.momentum, case.problem.start
    for eigenvalue, first, last in zip(case.eigenvalues, start, cases.reference(case, 50), strict=True):
        step = np.array([[1 - s * eigenvalue, m * (1 - s * eigenvalue)], [-s * eigenvalue, m * (1 - s * eigenvalue)]])
        assert last == pytest.approx((np.linalg.matrix_power(step, 50) @ [first, 0.0])[0], rel=1e-12)


def test_rosenbrock_slopes_are_those_of_scipy():
    for point in ([-1.2, 1.0], [1.0, 1.0], [0.3, -2.0]):
        assert cases.rosenbrock_slopes(*point) == pytest.approx(rosen_der(point), rel=1e-14)


@pytest.mark.parametrize("case", [BOWL, VALLEY, QUADRATIC], ids=lambda case: case.name)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_walks_the_reference_path(peer, case):
    loop = peer.build(case)
    assert measure.disagreement(loop, case) == ""
    loop.advance(10)
    further = cases.reference(case, measure.CHECKED + 10)
    np.testing.assert_allclose(loop.iterate(), further, rtol=1e-9)


@pytest.mark.parametrize("case", [BOWL, VALLEY, QUADRATIC], ids=lambda case: case.name)
@pytest.mark.usefixtures("needs_cc")
def test_nagbench_and_strict_c_agree_bit_for_bit(case):
    by_name = {peer.name: peer.build(case) for peer in PEERS}
    ends = []
    for name in (
        "nagbench",
        "nagbench, counting",
        "C -O2, function pointers",
        "C -O3 -march=native, function pointers",
    ):
        by_name[name].reset()
        by_name[name].advance(500)
        ends.append(by_name[name].iterate().tobytes())
    assert len(set(ends)) == 1


@pytest.mark.parametrize("loop", [HeavyBall, Still])
def test_another_method_is_an_error_and_not_timed(loop):
    (samples,) = measure.measure(VALLEY, [measure.Peer("impostor", loop)], 2, 1e-4)
    assert "off by" in samples.error
    assert samples.wall == []


def test_a_peer_that_raises_is_an_error_and_the_others_go_on():
    peers = [measure.Peer("broken", Broken), measure.Peer("nagbench", InPlace)]
    broken, fine = table.rows_of(BOWL, measure.measure(BOWL, peers, 3, 1e-4))
    assert broken.error == "ArithmeticError: no gradient here"
    assert np.isnan(broken.median)
    assert fine.error == ""
    assert fine.repeats == 3
    assert 0 < fine.minimum <= fine.median
    assert fine.ratio == 1.0


def test_a_pause_makes_no_block_shorter(monkeypatch):
    monkeypatch.setattr(measure, "_once", lambda loop, iterations: (1.0 + 1e-6 * iterations, 1e-6 * iterations))
    (samples,) = measure.measure(BOWL, [measure.Peer("paused", InPlace)], 1, 0.06)
    assert samples.iterations == pytest.approx(60_000)


def test_step_sizes_keep_timed_blocks_clear_of_denormal_numbers():
    """The fastest mode of each quadratic shrinks by its spectral radius an iteration; a block has some 1e7 at n = 2."""
    for case in cases.make_cases((1_000,)):
        if case.valley:
            continue
        s, m, top = case.step_size, case.momentum, case.eigenvalues.max()
        step = np.array([[1 - s * top, m * (1 - s * top)], [-s * top, m * (1 - s * top)]])
        iterations = 1e7 if case.n == 2 else 3e5
        assert iterations * np.log(np.abs(np.linalg.eigvals(step)).max()) > np.log(1e-150)


def test_the_triad_moves_what_the_loop_moves():
    triad = stream.Triad(
        cases.Case("quadratic", nagbench.problem("quadratic", dimension=300, condition=10.0), 1e-5), 11, 5
    )
    assert triad.arrays[0].size == 500
    assert triad.per_iteration * 500 * 4 == pytest.approx(300 * 11)
    triad.reset()
    triad.advance(1)
    np.testing.assert_array_equal(triad.iterate(), 4.0)


def test_aligned_arrays_lie_on_cache_lines_and_apart():
    arrays = cases.aligned(4, 1001)
    starts = np.array([array.ctypes.data for array in arrays])
    assert (starts % 64 == 0).all()
    assert (np.diff(starts) >= 8 * 1001).all()
    assert len(set(starts % 4096)) == 4


def _rows():
    peers = [measure.Peer("nagbench", InPlace), measure.Peer("slow", InPlace), measure.Peer("wrong", InPlace)]
    samples = [
        measure.Samples(peers[0], None, 10, wall=[1e-6, 2e-6, 4e-6], cpu=[1e-6, 2e-6, 4e-6]),
        measure.Samples(peers[1], None, 5, wall=[3e-6, 3e-6, 3e-6], cpu=[6e-6, 6e-6, 6e-6]),
        measure.Samples(peers[2], error="x is off"),
    ]
    return table.rows_of(VALLEY, samples)


def test_rows_hold_median_minimum_spread_ratio_and_threads():
    fast, slow, wrong = _rows()
    assert (fast.median, fast.minimum, fast.ratio, fast.cpu) == (2e-6, 1e-6, 1.0, 1.0)
    assert fast.iqr == pytest.approx(1.5e-6)
    assert (slow.ratio, slow.cpu) == pytest.approx((1.5, 2.0))
    assert wrong.error == "x is off"


def test_formats_carry_the_same_numbers():
    rows, facts = _rows(), {"processor": "any", "versions": {"numpy": "2"}}
    as_json = json.loads(table.render(rows, facts, "json"))
    assert as_json["processor"] == "any"
    assert [row["median"] for row in as_json["rows"]] == [2e-6, 3e-6, None]
    as_csv = list(csv.DictReader(io.StringIO(table.render(rows, facts, "csv"))))
    assert [float(row["median"]) for row in as_csv[:2]] == [2e-6, 3e-6]
    for style in ("table", "md"):
        text = table.render(rows, facts, style)
        assert "rosenbrock, n = 2" in text
        assert "2.00 µs" in text
        assert "error: x is off" in text
    assert "| slow | 3.00 µs | 3.00 µs | 0.00 ns | 1.50 | 2.00 |" in table.render(rows, facts, "md")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.567e-9, "4.57 ns"), (9.996e-7, "1.00 µs"), (1.5e-5, "15.0 µs"), (0.1234, "123 ms"), (12.0, "12.0 s")],
)
def test_durations_have_three_digits(seconds, text):
    assert table.duration(seconds) == text


def test_what_is_not_installed_is_left_out_and_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    peers, missing = command.installed()
    assert missing["c"] == "(no C compiler)"
    assert "torch" in missing
    assert [peer.name for peer in peers][:3] == ["nagbench", "nagbench, counting", "NumPy, in place"]


@pytest.mark.slow
def test_the_command_prints_every_peer_on_every_case_on_one_thread():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", "--quick", "--sizes", "1e3", "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    rows = json.loads(done.stdout)["rows"]
    assert {(row["case"], row["n"]) for row in rows} == {("bowl", 2), ("rosenbrock", 2), ("quadratic", 1000)}
    assert len(rows) == 3 * len(PEERS) + 2
    assert all(row["error"] == "" and row["median"] > 0 for row in rows)
    assert all(row["cpu"] < 1.2 for row in rows)


@pytest.mark.slow
def test_only_the_loops_asked_for_run_beside_the_bare_replay():
    done = CliRunner().invoke(command.main, ["--quick", "--sizes", "1e3", "--only", "counting", "--format", "json"])
    rows = json.loads(done.stdout)["rows"]
    assert [row["peer"] for row in rows] == 3 * ["nagbench", "nagbench, counting"]


def test_a_text_in_no_loops_name_is_a_usage_error():
    done = CliRunner().invoke(command.main, ["--sizes", "1e3", "--only", "nagbench, conting"])
    assert done.exit_code == 2
    assert "no loop's name contains 'nagbench, conting'; did you mean 'nagbench, counting'?" in done.output


def test_sizes_that_are_no_numbers_are_a_usage_error():
    done = CliRunner().invoke(command.main, ["--sizes", "many"])
    assert done.exit_code == 2
    assert "'many' is not a list of numbers" in done.output


def test_the_table_goes_between_the_marks_and_the_rest_stays():
    document = "a\n<!-- peers -->\nold\n<!-- end of peers -->\nb\n"
    assert command.between_marks(document, "new\n") == "a\n<!-- peers -->\nnew\n<!-- end of peers -->\nb\n"
    with pytest.raises(click.UsageError, match="no lines"):
        command.between_marks("a\nb\n", "new\n")

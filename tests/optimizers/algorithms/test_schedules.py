"""Schedules: against PyTorch's schedulers and the published methods, on both engines, and how they travel as text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinned import thinned
from trajectories import ROSENBROCK_START, first_difference, rosenbrock
from tunings import ONE_START

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.batches import batch_of
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.experiments.plan import make_plan
from nagbench.experiments.plan_table import cell_of_row, plan_schema, plan_table
from nagbench.experiments.serialize import spec_to_toml, text_of_optimizer
from nagbench.experiments.specification import validate_spec
from nagbench.optimizers.registry import algorithms
from nagbench.optimizers.schedules import MOMENTA, STEP_SIZES

STEPS, PERIOD = 60, 40
ENGINES = ("numba", "python")


def run(text, engine="numba", steps=STEPS):
    return nagbench.run("rosenbrock", text, budget=steps, tolerance=1e-300, path=True, engine=engine).path


def torch_path(optimizer, scheduler):
    """PyTorch's parameters after each step, the scheduler stepped after the optimizer as its users do."""
    torch = pytest.importorskip("torch")
    p = torch.tensor(ROSENBROCK_START, dtype=torch.float64, requires_grad=True)
    chosen = optimizer(torch.optim, [p])
    schedule = scheduler(torch.optim.lr_scheduler, chosen)
    points = [ROSENBROCK_START]
    for _ in range(STEPS):
        p.grad = torch.tensor(rosenbrock(p.detach().numpy()), dtype=torch.float64)
        chosen.step()
        schedule.step()
        points.append(p.detach().numpy().copy())
    return np.array(points)


SCHEDULERS = {
    "step": ("schedule_period=15,schedule_factor=0.3", lambda s, o: s.StepLR(o, 15, gamma=0.3)),
    "inverse": ("schedule_period=40", lambda s, o: s.LambdaLR(o, lambda k: 1 / (1 + k / PERIOD))),
    # PyTorch's goes up again after its period, ours stays.
    "cosine": ("schedule_period=60,schedule_factor=0.1", lambda s, o: s.CosineAnnealingLR(o, 60, eta_min=1e-4)),
    "warmup": ("schedule_warmup=20", lambda s, o: s.LinearLR(o, 1 / 20, total_iters=19)),
    "warmup-stable-decay": (
        "schedule_warmup=10,schedule_period=45,schedule_decay=20,schedule_factor=0.1",
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 1 / 10, total_iters=9), s.LinearLR(o, 1.0, 0.1, total_iters=20)], milestones=[25]
        ),
    ),
}
RISING = {"warmup", "warmup-stable-decay"}
OPTIMIZERS = {
    "gradient-descent:step_size=1e-3": lambda o, p: o.SGD(p, lr=1e-3),
    "adam:step_size=1e-3": lambda o, p: o.Adam(p, lr=1e-3),
    "qhm:step_size=1e-2,momentum=0.9,nu=0.9": lambda o, p: o.SGD(p, lr=1e-3, momentum=0.9, nesterov=True),
}


class TestStepSizes:
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("word", SCHEDULERS)
    @pytest.mark.parametrize("text", OPTIMIZERS)
    def test_as_pytorchs_schedulers(self, text, word, engine):
        pairs, scheduler = SCHEDULERS[word]
        ours = run(f"{text},schedule={word},{pairs}", engine)
        np.testing.assert_allclose(ours, torch_path(OPTIMIZERS[text], scheduler), rtol=0, atol=1e-12)
        assert first_difference(ours, run(text, engine), 1e-9) is not None

    def test_cosine_stays_at_its_end(self):
        optimizer = nagbench.optimizer("adam:step_size=2,schedule=cosine,schedule_period=10,schedule_factor=0.25")
        assert [optimizer.hyper_at(k)[0] for k in (10, 11, 1000)] == [0.5, 0.5, 0.5]
        assert optimizer.hyper_at(0)[0] == 2.0
        assert optimizer.hyper_at(5)[0] == pytest.approx(1.25)

    @given(st.floats(1.0, 1e4), st.floats(1.0, 1e4), st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 10**5))
    def test_a_warm_up_rises_and_a_decay_falls(self, warmup, decay, factor, k):
        period = warmup + decay + 100.0
        words = {
            "schedule_warmup": warmup,
            "schedule_decay": decay,
            "schedule_period": period,
            "schedule_factor": factor,
        }
        optimizer = nagbench.optimizer("gradient-descent", step_size=0.3, schedule="warmup-stable-decay", **words)
        now, later = optimizer.hyper_at(k)[0], optimizer.hyper_at(k + 1)[0]
        assert 0.0 <= now <= 0.3 * (1 + 1e-12)
        if k + 2 <= warmup:
            assert later > now
        elif k >= warmup:
            assert later <= now * (1 + 1e-12)
        assert optimizer.hyper_at(int(period) + 1)[0] == pytest.approx(0.3 * factor)

    @given(st.sampled_from(sorted(set(STEP_SIZES) - RISING - {"constant"})), st.floats(1.0, 1e6), st.integers(0, 10**7))
    def test_they_start_at_the_step_size_and_never_rise(self, word, period, k):
        optimizer = nagbench.optimizer("gradient-descent", step_size=0.3, schedule=word, schedule_period=period)
        now, later = optimizer.hyper_at(k)[0], optimizer.hyper_at(k + 1)[0]
        assert optimizer.hyper_at(0)[0] == 0.3
        assert 0.0 <= later <= now * (1 + 1e-12) <= 0.3 * (1 + 1e-12)


class TestMomenta:
    def test_sutskevers_is_the_method_of_that_name(self):
        """Bit for bit, across three of its rises."""
        pairs = "step_size=1e-3,momentum=0.8"
        theirs = run(f"nesterov-sutskever:{pairs}", steps=800)
        ours = run(f"nesterov:{pairs},momentum_schedule=sutskever", steps=800)
        assert ours.tobytes() == theirs.tobytes()

    @pytest.mark.parametrize("form", ["nesterov", "nesterov-two-sequence"])
    def test_the_convex_one_is_the_method_for_convex_functions(self, form):
        """y = x⁺ + k/(k + 3)·(x⁺ − x), which is x + m_{k+1}·v with m_k = (k − 1)/(k + 2)."""
        theirs = run("nesterov-convex:step_size=1e-4")
        ours = run(f"{form}:step_size=1e-4,momentum=0.999999,momentum_schedule=convex")
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("word", [word for word in MOMENTA if word != "constant"])
    def test_both_forms_stay_one_trajectory(self, word):
        pairs = f"step_size=1e-3,momentum=0.9,momentum_schedule={word}"
        pairs += ",momentum_period=20" if "momentum_period" in MOMENTA[word].parameters else ""
        both = [run(f"{form}:{pairs}") for form in ("nesterov", "nesterov-two-sequence")]
        np.testing.assert_allclose(*both, rtol=0, atol=1e-12)

    def test_pytorch_takes_the_present_momentum_twice_and_so_parts_after_a_change(self):
        """p ← p − s·g + m_{k+1}·v_{k+1} looks ahead with the momentum that is to come; m_k twice is another method."""
        torch = pytest.importorskip("torch")
        momenta = [nagbench.optimizer("momentum:momentum_schedule=sutskever,momentum_period=20,momentum=0.9").hyper_at(k)[1]
                   for k in range(STEPS + 1)]  # fmt: skip
        p = torch.tensor(ROSENBROCK_START, dtype=torch.float64, requires_grad=True)
        sgd = torch.optim.SGD([p], lr=1e-3, momentum=0.9, nesterov=True)
        theirs = [ROSENBROCK_START]
        for k in range(STEPS):
            sgd.param_groups[0]["momentum"] = momenta[k]
            p.grad = torch.tensor(rosenbrock(p.detach().numpy()), dtype=torch.float64)
            sgd.step()
            theirs.append(p.detach().numpy().copy())
        x, v, scheduled = ROSENBROCK_START, np.zeros(2), [ROSENBROCK_START]
        for k in range(STEPS):
            v = momenta[k] * v - 1e-3 * rosenbrock(scheduled[-1])
            x = x + v
            scheduled.append(x + momenta[k + 1] * v)
        ours = nagbench.run(
            "rosenbrock", "nesterov:step_size=1e-3,momentum=0.9,momentum_schedule=sutskever,momentum_period=20",
            budget=STEPS, tolerance=1e-300,
        )  # fmt: skip
        np.testing.assert_allclose(ours.query, scheduled[-1], rtol=0, atol=1e-12)
        # Momentum ½ up to iteration 19; p₂₀ is the first to look ahead with ¾.
        assert first_difference(np.array(scheduled), np.array(theirs)) == 20

    def test_demon_is_the_heavy_ball_with_the_papers_momentum(self):
        x, v, points = ROSENBROCK_START, np.zeros(2), [ROSENBROCK_START]
        for k in range(STEPS):
            left = 1 - k / PERIOD
            m = 0.9 * left / ((1 - 0.9) + 0.9 * left) if k < PERIOD else 0.0
            v = m * v - 1e-3 * rosenbrock(x)
            x = x + v
            points.append(x)
        ours = run(f"momentum:step_size=1e-3,momentum=0.9,momentum_schedule=demon,momentum_period={PERIOD}")
        np.testing.assert_allclose(ours, points, rtol=0, atol=1e-12)

    @given(
        st.sampled_from(sorted(set(MOMENTA) - {"constant"})), st.floats(0.0, 0.9999), st.integers(0, 10**6)
    )  # fmt: skip
    def test_they_stay_between_0_and_the_momentum(self, word, momentum, k):
        optimizer = nagbench.optimizer("nesterov", momentum=momentum, momentum_schedule=word)
        now, following = optimizer.hyper_at(k)[1:]
        assert 0.0 <= now <= momentum
        assert following == optimizer.hyper_at(k + 1)[1]


BOTH = "step_size=1e-3,schedule=cosine,schedule_period=100,momentum_schedule=demon,momentum_period=80"
LISTED = "gradient-descent:schedule=[constant,cosine],step_size=0.1"
SCHEDULED = [name for name, method in algorithms().items() if method.schedulable]


class TestRuns:
    @pytest.mark.parametrize("name", thinned(SCHEDULED))
    def test_every_method_replays_to_where_its_count_ended(self, name):
        problem = nagbench.problem("rosenbrock")
        kinds = algorithms()[name].schedulable
        optimizer = nagbench.optimizer(f"{name}:{BOTH if len(kinds) == 2 else BOTH.partition(',momentum')[0]}")
        batch = LoadedBatch(
            problem, optimizer.method, [make_cell(problem, optimizer, budget=150, tolerances=(1e-300,))]
        )
        counts, job = count(batch), BatchRun(batch)
        list(replay(job, 0, 150))
        assert point_digest(job.work.iterate) == point_digest(counts.points[0, -1])

    def test_engines_agree(self):
        compiled, plain = (run(f"nesterov:momentum=0.9,{BOTH}", engine, 150) for engine in ENGINES)
        np.testing.assert_allclose(compiled, plain, rtol=0, atol=1e-12)

    def test_a_bundle_follows_one_schedule_and_has_the_keys_of_its_cells(self):
        problem = nagbench.problem("rosenbrock")
        texts = [f"nesterov:{BOTH}", f"nesterov:momentum=0.5,{BOTH}"]
        listed = [make_cell(problem, nagbench.optimizer(text), budget=200) for text in texts]
        bundle = batch_of(listed, ["step_size", "momentum"])
        assert bundle.keys == [cell.key for cell in listed]
        assert [cell.key for cell in bundle[1:]] == [listed[1].key]
        together = count(LoadedBatch(problem, algorithms()["nesterov"], bundle))
        for i, cell in enumerate(listed):
            alone = count(LoadedBatch(problem, algorithms()["nesterov"], [cell]))
            assert together.points[i].tobytes() == alone.points[0].tobytes()
        with pytest.raises(ValueError, match="the same schedules"):
            batch_of([listed[0], make_cell(problem, nagbench.optimizer("nesterov"), budget=200)], bundle.names)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_they_depend_on_k_and_are_never_called_stalled(self, engine):
        problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
        for pairs, status in (("", "stalled"), (",schedule=inverse", "budget")):
            found = nagbench.run(problem, f"gradient-descent:step_size=1e-17{pairs}", budget=30, engine=engine)
            assert found.status == status

    def test_no_count_is_predicted_for_them(self):
        assert nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3").predicted_iterations is not None
        assert nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3,schedule=step").predicted_iterations is None


class TestText:
    def test_without_a_schedule_nothing_is_added_to_a_cell(self):
        problem = nagbench.problem("bowl")
        plain = make_cell(problem, nagbench.optimizer("nesterov:step_size=0.1,momentum=0.5"))
        named = nagbench.optimizer("nesterov:step_size=0.1,momentum=0.5,schedule=constant,momentum_schedule=constant")
        assert dict(plain.hyperparameters) == {"step_size": 0.1, "momentum": 0.5}
        assert make_cell(problem, named).key == plain.key

    def test_a_cell_says_all_that_decides(self):
        problem = nagbench.problem("bowl")
        short, whole = (
            make_cell(problem, nagbench.optimizer(f"gradient-descent:step_size=0.1,schedule=step{rest}"))
            for rest in ("", ",schedule_period=1000,schedule_factor=0.1")
        )
        assert short.key == whole.key
        assert json.loads(json.dumps(dict(short.hyperparameters))) == {
            "step_size": 0.1, "schedule": "step", "schedule_period": 1000.0, "schedule_factor": 0.1,
        }  # fmt: skip

    @pytest.mark.parametrize("text", ["adam:schedule=cosine", f"nesterov:momentum=0.9,{BOTH}"])
    def test_the_text_form_gives_it_back(self, text):
        optimizer = nagbench.optimizer(text)
        assert nagbench.optimizer(text_of_optimizer(optimizer)).hyperparameters == optimizer.hyperparameters
        assert nagbench.optimizer(str(optimizer)).hyperparameters == optimizer.hyperparameters

    def test_in_a_specification_and_the_tables(self, tmp_path):
        spec = validate_spec(
            {
                "problems": ["bowl"], "modes": ["tuned"], "trials": 2, **ONE_START, "timing": False, "budget": 200,
                "optimizers": ["gradient-descent", LISTED, "nesterov:schedule=step"],
            }
        )  # fmt: skip
        file = tmp_path / "spec.toml"
        file.write_text(spec_to_toml(spec))
        done = nagbench.sweep(file, out=tmp_path / "out")
        runs = nagbench.load(tmp_path / "out").runs
        assert len(runs) == len(done.runs) == 2 * (2 + 2 + 2)
        words = runs.groupby(["variant", "schedule"], dropna=False)["cell"].nunique().to_dict()
        assert {(variant, word) for variant, word in words if isinstance(word, str)} == {
            (LISTED, "cosine"), ("nesterov:schedule=step", "step"),
        }  # fmt: skip
        assert set(runs.loc[runs["schedule"] == "step", "schedule_period"]) == {1000.0}
        assert "cosine" in done.report(tmp_path / "report.html").read_text(encoding="utf-8")

    def test_the_step_size_is_tuned_under_a_schedule_and_a_row_gives_its_cell_back(self):
        optimizers = ["adam:schedule=inverse", "nesterov"]
        plan = make_plan(
            validate_spec(
                {"problems": ["bowl"], "optimizers": optimizers, "modes": ["tuned"], "trials": 4, **ONE_START}
            )
        )
        rows = [row for lot in plan for row in plan_table(lot, plan_schema(plan)).to_pylist()]
        assert [row["schedule"] for row in rows] == ["inverse"] * 4 + [None] * 4
        assert len({row["step_size"] for row in rows}) == 8
        assert [cell_of_row(row).key for row in rows] == [row["cell"] for row in rows]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gradient-descent:schedule=cosin", "'cosin'; did you mean 'cosine'"),
        ("gradient-descent:schedul=cosine", "did you mean 'schedule'"),
        ("gradient-descent:schedule=0.5", "unknown schedule of gradient-descent '0.5'"),
        ("gradient-descent:schedule_period=5", "no schedule that takes it"),
        ("gradient-descent:schedule=inverse,schedule_factor=0.5", "schedule_factor is given, but no schedule"),
        ("gradient-descent:schedule=step,schedule_period=0", "at least 1"),
        ("gradient-descent:schedule=step,schedule_factor=1", "below 1"),
        ("gradient-descent:momentum_schedule=demon", "unknown hyperparameter of gradient-descent 'momentum_schedule'"),
        ("nesterov-sutskever:momentum_schedule=demon", "does not ask for the momentum of the next iteration"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(nagbench.UsageError) as error:
        nagbench.optimizer(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)

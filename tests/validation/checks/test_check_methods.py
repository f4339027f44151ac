"""Every check of a method catches one that is broken in the way that it is there for, and passes a sound one."""

from dataclasses import replace

import numpy as np
import pytest

from nagbench import Optimizer
from nagbench.core.asking import ask_gradient
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import find_algorithm
from nagbench.validation.checks import check_method
from nagbench.validation.checks.methods import AlgorithmProbe, composite, theory

STEP = step_size(0.01, tuning=(1e-2, 4.0), unit="1/L")
MOMENTUM = fraction(0.9, tuning=(0.0, 0.999))


def heavy_ball(k, gradient, iterate, query, slots, hyper):
    velocity = slots[0]
    for i in range(iterate.size):
        velocity[i] = hyper[1] * velocity[i] - hyper[0] * gradient[i]
        iterate[i] += velocity[i]


def polyak(L, mu):
    return find_algorithm("momentum").theory(L, mu)


def sound(**changes):
    """The heavy ball, right in all that it declares."""
    facts = {
        "name": "sound", "update": heavy_ball, "hyperparameters": {"step_size": STEP, "momentum": MOMENTUM}, "slots": 1,
        "theory": polyak,
    }  # fmt: skip
    return Optimizer(Method(**{**facts, **changes}))


def findings(optimizer, seed=0):
    return {check.check: check for check in check_method(optimizer, seed=seed)}


def test_a_sound_method_passes_all():
    assert {check.status for check in findings(sound()).values()} == {"passed"}


def ignores_momentum(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        slots[0, i] -= hyper[0] * gradient[i]
        iterate[i] += slots[0, i]


def reads_a_third(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    iterate[0] += hyper[2]


def normalises_in_place(k, gradient, iterate, query, slots, hyper):
    gradient /= np.sqrt((gradient * gradient).sum())
    heavy_ball(k, gradient, iterate, query, slots, hyper)


def decays_its_step(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    hyper[0] *= 0.999


def writes_query(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    query[:] = iterate


def forgets_part_of_query(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    for i in range(1, iterate.size):
        query[i] = iterate[i] + hyper[1] * slots[0, i]


def remembers_in_query(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        slots[0, i] = hyper[1] * slots[0, i] - hyper[0] * gradient[i]
        iterate[i] = query[i] + slots[0, i]
        query[i] = iterate[i] + hyper[1] * slots[0, i]


def uses_a_second_slot(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    slots[1] += 1.0


def of_two_variables(k, gradient, iterate, query, slots, hyper):
    for i in range(2):
        slots[0, i] = hyper[1] * slots[0, i] - hyper[0] * gradient[i]
        iterate[i] += slots[0, i]


def slows_down(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        slots[0, i] = hyper[1] * slots[0, i] - hyper[0] / (1.0 + k) * gradient[i]
        iterate[i] += slots[0, i]


def trembles(k, gradient, iterate, query, slots, hyper):
    heavy_ball(k, gradient, iterate, query, slots, hyper)
    iterate[0] += 1e-12 * np.random.standard_normal()


_MEMORY = {}


def remembers_other_runs(k, gradient, iterate, query, slots, hyper):
    """The largest step size that it has ever seen."""
    _MEMORY["step"] = max(_MEMORY.get("step", 0.0), hyper[0])
    heavy_ball(k, gradient, iterate, query, slots, [_MEMORY["step"], hyper[1]])


def halves_in_python_only(k, gradient, iterate, query, slots, hyper):
    """A whole number to the power −1: ½ in Python, a whole number again when compiled."""
    half = 2 ** (iterate.size - 3)
    for i in range(iterate.size):
        slots[0, i] = hyper[1] * slots[0, i] - half * hyper[0] * gradient[i]
        iterate[i] += slots[0, i]


def ascends(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        slots[0, i] = hyper[1] * slots[0, i] + hyper[0] * gradient[i]
        iterate[i] += slots[0, i]


def looks_away(k, f, iterate, query, slots, hyper):
    slots[0, 0] *= 0.5


def moves(k, f, iterate, query, slots, hyper):
    iterate[0] -= f


def slows_where_f_rose(k, f, iterate, query, slots, hyper):
    if f > slots[1, 0]:
        slots[0, :] = 0.0
    slots[1, 0] = f


def test_a_method_that_observes_f_passes_all():
    """Polyak's step size is above 2/L, so without momentum it diverges; 1/L is not."""
    found = findings(sound(slots=2, observe=slows_where_f_rose, theory=lambda L, mu: {"step_size": 1.0 / L}))
    assert {check.status for check in found.values()} == {"passed"}


def with_hyper(**hyperparameters):
    return sound(hyperparameters={"step_size": STEP, "momentum": MOMENTUM, **hyperparameters})


BROKEN = [
    ("hyperparameters", with_hyper(momentum=fraction(0.9, tuning=(0.9, 0.5))), "range of momentum, (0.9, 0.5), is empty"),
    ("hyperparameters", with_hyper(step_size=step_size(-0.01, tuning=(0.1, 1.0), unit="1")), "default is not valid"),
    ("hyperparameters", with_hyper(step_size=Hyperparameter(default=0.1, high_bound=1.0, tuning=(0.1, 2.0))), "high end"),
    ("use", sound(update=ignores_momentum), "momentum makes no difference"),
    ("use", sound(update=reads_a_third), "reads beyond its hyperparameters"),
    ("use", sound(observe=looks_away), "f makes no difference"),
    ("use", sound(next_momentum=True), "the last number of hyper makes no difference"),
    ("inputs", sound(observe=moves), "observe writes to iterate in iteration 0"),
    ("use", sound(update=uses_a_second_slot), "or its 1 slots"),
    ("inputs", sound(update=normalises_in_place), "the update writes to gradient in iteration 0"),
    ("inputs", sound(update=decays_its_step), "the update writes to hyper in iteration 0"),
    ("query", sound(update=writes_query), "look_ahead is not set, but iteration 0 writes to the query point"),
    ("query", sound(update=forgets_part_of_query, look_ahead=True), "does not write coordinate 0 of the query point"),
    ("query", sound(update=remembers_in_query), "look_ahead is not set, but iteration 0 reads the query point"),
    ("slots", sound(update=uses_a_second_slot), "slots=1 is declared, but slot 1 is written"),
    ("slots", sound(slots=2), "slots=2 is declared, but slot 1 is never written"),
    ("coordinates", sound(update=of_two_variables), "coordinate 2 of 5 does not move"),
    ("autonomous", sound(update=slows_down), "autonomous is set, but iteration 0 depends on its number"),
    ("determinism", sound(update=trembles), "the same run again differs from the first in iteration 0"),
    ("state", sound(update=remembers_other_runs), "a run after others differs from the first"),
    ("engines", sound(update=halves_in_python_only), "relative deviation of the engines"),
    ("engines", sound(update=remembers_other_runs), "on engine numba it does not run"),
    ("bowl", sound(update=ascends), "diverged in iteration"),
    ("theory", sound(theory=lambda L, mu: {"step_size": 4.0, "momentum": 0.9}), "ends diverged"),
    ("theory", sound(theory=lambda L, mu: {"step_size": 1.0 / L, "momentum": 1.0 - mu / 1e6}), "ends budget"),
    ("theory", sound(theory=lambda L, mu: {"step": 1.0 / L}), "did you mean 'step_size'"),
    ("theory", sound(theory=lambda L, mu: {"step_size": 1.0 / 0}), "ZeroDivisionError"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "optimizer", "said"), BROKEN, ids=[f"{c}-{i}" for i, (c, _, _) in enumerate(BROKEN)])
def test_a_broken_method_is_caught(check, optimizer, said):
    _MEMORY.clear()
    found = findings(optimizer)[check]
    assert found.status == "failed"
    assert said in found.detail
    assert "\n" not in found.detail


def test_there_is_a_broken_method_for_every_check():
    assert {check for check, _, _ in BROKEN} == set(findings(sound()))


def test_values_that_are_given_are_the_ones_that_are_checked():
    assert findings(Optimizer(sound().method, {"step_size": 3.0}))["bowl"].status == "failed"
    assert findings(sound())["bowl"].status == "passed"


def test_a_method_that_could_be_autonomous_is_told_so():
    told = findings(Optimizer(replace(sound().method, autonomous=False)))["autonomous"]
    assert (told.status, told.detail.partition(":")[2]) == ("passed", " stalls will not be detected")


def stays_outside(k, oracle, gradient, iterate, query, slots, hyper):
    ask_gradient(oracle, iterate, gradient)
    for i in range(iterate.size):
        iterate[i] -= hyper[0] * gradient[i]


def plain_steps(k, gradient, iterate, query, slots, hyper):
    for i in range(iterate.size):
        iterate[i] -= hyper[0] * gradient[i]


class TestComposite:
    """Proximal steps on a quadratic in a box, also of a method that promises 1/k² and no more."""

    @pytest.mark.parametrize(
        ("name", "said"),
        [("fista-monotone", "mapping of 1e-8"), ("ac-sa", "≤ L‖x₀ − x*‖²/(2k)"), ("pogm", "after k = 16383")],
    )
    def test_sound_methods_pass(self, name, said):
        found = composite(AlgorithmProbe(Optimizer(find_algorithm(name)), 0))
        assert (found.status, said in found.detail) == ("passed", True)

    def test_one_that_takes_no_proximal_step_fails(self):
        planted = replace(find_algorithm("ac-sa"), update=stays_outside, theory=None)
        assert composite(AlgorithmProbe(Optimizer(planted), 0)).status == "failed"


@pytest.mark.parametrize("name", ["silver-steps", "pogm"])
def test_methods_that_promise_no_linear_rate_meet_the_bound_of_gradient_descent(name):
    found = theory(AlgorithmProbe(Optimizer(find_algorithm(name)), 0))
    assert (found.status, "≤ L‖x₀ − x*‖²/(2k)" in found.detail) == ("passed", True)


def test_a_slow_step_is_not_excused():
    slow = sound(hyperparameters={"step_size": STEP}, theory=lambda L, mu: {"step_size": 1e-6 / L}, update=plain_steps)
    assert theory(AlgorithmProbe(slow, 0)).status == "failed"

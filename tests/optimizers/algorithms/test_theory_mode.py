"""The mode theory where f is convex and no more, and what it says of pairs for which there is no tuning."""

import numpy as np
import pytest
from tunings import ONE_START

import nagbench
from nagbench.experiments.modes import theory_of
from nagbench.experiments.plan import make_plan, missing_theory_message
from nagbench.experiments.specification import validate_spec
from nagbench.experiments.stages import Progress
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import algorithms, find_algorithm

# L known and μ = 0, L and μ > 0 known, L not known.
FLAT, ROUND, UNKNOWN = "huber", "bowl", "rosenbrock"


class TestTunings:
    def test_gradient_descent_takes_the_step_that_is_safe_for_convex_functions(self):
        assert theory_of(find_algorithm("gradient-descent"), nagbench.problem(FLAT, L=4.0)) == {"step_size": 0.25}
        assert theory_of(find_algorithm("gradient-descent"), nagbench.problem(ROUND)) == {"step_size": 0.5}

    @pytest.mark.parametrize("name", [name for name, method in algorithms().items() if method.theory])
    def test_every_method_has_valid_values_for_it_or_none(self, name):
        found = find_algorithm(name).theory(4.0, 0.0)
        # The primal step of Chambolle and Pock leaves room for the dual one, and that of AC-SA is half of a gradient step.
        expected = {"step_size": 0.125 if name in ("chambolle-pock", "ac-sa") else 0.25}
        assert found is None or expected.items() <= nagbench.optimizer(name, **found).hyperparameters.items()

    def test_which_have_some(self):
        some = {name for name, method in algorithms().items() if method.theory and method.theory(4.0, 0.0)}
        assert some == {
            "gradient-descent", "fista", "fista-gradient-restart", "fista-function-restart", "nesterov-convex",
            "nesterov-estimate-sequence", "ogm", "ista", "forward-backward", "silver-steps", "ogm-g", "pogm",
            "fista-monotone", "optista", "chambolle-pock", "ac-sa",
        }  # fmt: skip

    def test_a_users_tuning_that_does_not_think_of_it_has_none(self):
        from dataclasses import replace

        divides = replace(find_algorithm("gradient-descent"), theory=lambda L, mu: {"step_size": 1.0 / (L / mu)})
        is_not_valid = replace(find_algorithm("momentum"), theory=lambda L, mu: {"momentum": 1.0 - mu / L})
        assert theory_of(divides, nagbench.problem(FLAT)) is None
        assert theory_of(divides, nagbench.problem(ROUND)) == {"step_size": 1.0}
        assert theory_of(is_not_valid, nagbench.problem(FLAT)) is None
        assert theory_of(is_not_valid, nagbench.problem(ROUND)) == {"momentum": 0.0}

    def test_none_where_convexity_is_not_known(self):
        for name in algorithms():
            assert theory_of(find_algorithm(name), nagbench.problem(UNKNOWN)) is None

    def test_it_converges_on_convex_problems_of_the_collection(self):
        for problem in ("huber-10", "logcosh-2", "log-sum-exp"):
            sweep = make_plan(
                validate_spec({"problems": [problem], "optimizers": ["fista", "ogm"], "modes": ["theory"]})
            )
            for lot in sweep:
                (cell,) = lot.cells
                optimizer = nagbench.optimizer(cell.optimizer, **cell.hyperparameters)
                run = nagbench.run(problem, optimizer, tolerance=1e-2, relative=True)
                assert run.status == "converged"


class TestWhatIsLeftOut:
    def plan(self, **given):
        return make_plan(validate_spec({"trials": 2, **ONE_START, "budget": 10, **given}))

    def test_is_named_in_one_line(self):
        told = missing_theory_message(
            self.plan(problems=[FLAT, ROUND, UNKNOWN], optimizers=["fista", "nesterov", "adam"], modes=["theory"])
        )
        assert told.count("\n") == 0
        for pair in ("huber × nesterov, adam", "bowl × adam", "rosenbrock × fista, nesterov, adam"):
            assert pair in told

    def test_nothing_is_said_where_nothing_is_missing_or_theory_was_not_asked_for(self):
        assert missing_theory_message(self.plan(problems=[FLAT], optimizers=["fista"], modes=["theory"])) == ""
        assert missing_theory_message(self.plan(problems=[UNKNOWN], optimizers=["adam"])) == ""
        assert missing_theory_message(self.plan(problems=[UNKNOWN], optimizers=["adam"], modes=["tuned"])) == ""
        given = ["adam:step_size=1,beta1=0,beta2=0.9", "fista"]
        assert "adam" not in missing_theory_message(self.plan(problems=[FLAT], optimizers=given, modes=["theory"]))

    def test_a_sweep_warns(self, tmp_path):
        class Listener(Progress):
            lines = ()

            def warn(self, message):
                self.lines = (*self.lines, message)

        listener = Listener()
        nagbench.sweep(
            problems=[ROUND, FLAT], optimizers=["nesterov"], modes=["theory"], timing=False, budget=50, out=tmp_path / "out",
            progress=listener,
        )  # fmt: skip
        assert listener.lines == ("no theoretical tuning, so left out of mode theory: huber × nesterov",)

    def test_a_sweep_of_nothing_else_is_refused(self):
        with pytest.raises(nagbench.UsageError, match="theory needs a convex problem"):
            self.plan(problems=[FLAT], optimizers=["nesterov"], modes=["theory"])


def test_a_bound_may_belong_to_the_interval():
    closed, open_ = (Hyperparameter(default=0.5, high_bound=1.0, closed_above=closed) for closed in (True, False))
    assert closed.check("m", "q", 1.0) == 1.0
    with pytest.raises(nagbench.UsageError, match="at least 0 and at most 1"):
        closed.check("m", "q", np.nextafter(1.0, 2.0))
    with pytest.raises(nagbench.UsageError, match="at least 0 and below 1"):
        open_.check("m", "q", 1.0)
    assert find_algorithm("nesterov-estimate-sequence").theory(2.0, 2.0)["q"] == 1.0

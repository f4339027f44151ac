"""A user's own optimizers, in each of the ways in which there are any."""

import json
import sys

import numpy as np
import pytest
from command_line import nag
from paths import path

import nagbench
from nagbench.core.errors import UsageError
from nagbench.optimizers.registry import lookup_algorithm
from nagbench.validation.checks import check

VALUES = {"step_size": 1e-3, "momentum": 0.8}


@pytest.mark.parametrize("name", ["ball", "ball_in_place", "Ball", "chained"])
def test_all_of_them_are_the_heavy_ball(name):
    np.testing.assert_allclose(path(f"own_code:{name}", **VALUES), path("momentum", **VALUES), rtol=0, atol=1e-12)


def test_a_transformation_that_is_made_already_has_no_hyperparameters():
    assert dict(lookup_algorithm("own_code:FIXED").hyperparameters) == {}
    ours = path("momentum", problem="bowl", step_size=0.1, momentum=0.9)
    np.testing.assert_allclose(path("own_code:FIXED", problem="bowl"), ours, rtol=0, atol=1e-12)


def test_hyperparameters_go_by_our_names_and_keep_their_defaults():
    given = {key: hyper.default for key, hyper in lookup_algorithm("own_code:Ball").hyperparameters.items()}
    assert np.isnan(given.pop("step_size"))
    assert given == {"momentum": 0.9, "beta1": 0.5, "beta2": 0.25}
    assert lookup_algorithm("own_code:ball").hyperparameters["momentum"].tuning == (0.5, 0.99)
    assert list(lookup_algorithm("torch.optim:Adamax").hyperparameters) == [
        "step_size",
        "beta1",
        "beta2",
        "epsilon",
        "weight_decay",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("own_code:Ball", r"^own_code:Ball: lr has no default and must be given$"),
        ("own_code:Ball:step_size=1,momentum=0.125", r"^own_code:Ball: its class refuses .*not this one$"),
        ("own_code:chained:momentum=3", r"^own_code:chained: raised ValueError: momentum is large$"),
        ("own_code:ball:speed=3", r"^unknown hyperparameter of own_code:ball 'speed'"),
        ("own_code:ball:step_size=-1", r"allowed: a number above 0"),
        ("own_code:nothing_of_it", r"^own_code:nothing_of_it: returned float, expected an Optax transformation"),
        ("own_code:NUMBER", r"'own_code:NUMBER' is of type int; expected a function"),
        ("own_code:absent", r"'own_code:absent' cannot be imported"),
    ],
)
def test_what_makes_no_optimizer_is_said_in_one_line(text, said):
    with pytest.raises(UsageError, match=said):
        nagbench.optimizer(text)


def test_a_run_tells_what_an_optimizer_did():
    shrunk = nagbench.run("bowl", "own_code:shrinks")
    assert (shrunk.status, shrunk.error) == (
        "error", "OptimizerError: own_code:shrinks returned x of shape (1,), expected (2,)",
    )  # fmt: skip
    assert nagbench.run("bowl", "own_code:vanishes").status == "diverged"
    assert "gradient is not to be written to" in nagbench.run("bowl", "own_code:doubles_the_gradient").error


BROKEN = [
    ("shrinks", "output", "returned x of shape (1,), expected (5,)"),
    ("vanishes", "output", "x is not finite after iteration 0"),
    ("vanishes", "bowl", "diverged in iteration 1"),
    ("remembers", "state", "a run after others differs from the first in iteration 0"),
    ("trembles", "determinism", "the same run again differs from the first in iteration 0"),
    ("doubles_the_gradient", "gradient", "the gradient is not to be written to"),
    ("stays", "coordinates", "coordinate 0 of 5 does not move"),
]


@pytest.mark.parametrize(("name", "of", "said"), BROKEN)
def test_check_names_what_is_wrong(name, of, said):
    (found,) = check(f"own_code:{name}")
    row = next(row for row in found if row.check == of)
    assert (row.subject, row.status) == (f"own_code:{name}", "failed")
    assert said in row.detail


@pytest.mark.parametrize(
    ("text", "optimizer"),
    [("own_code:ball", False), ("own_code:Ball:step_size=0.1", False), ("own_code:FIXED", False),
     ("own_code:chained", True), ("torch/sgd-nesterov", False), ("torch/adam-foreach", False), ("optax/adam", False)],
)  # fmt: skip
def test_check_passes_what_is_sound(text, optimizer):
    (found,) = check(text, optimizer=optimizer)
    assert [row.check for row in found if row.status == "failed"] == []
    assert len(found) == 9


def test_from_a_specification_and_the_command_line_without_touching_the_package(folder):
    source = "def descent(x, gradient, state, step_size=0.25):\n    x -= step_size * gradient\n"
    (folder / "mine.py").write_text(source)
    (folder / "study.toml").write_text('problems = ["bowl"]\noptimizers = ["mine:descent", "gradient-descent:step_size=0.25"]\n'
                                       'modes = ["default"]\ntiming = false\n')  # fmt: skip
    done = nag("sweep", "study.toml", "--out", "r", "--no-report", "--format", "json", "-q")
    assert done.returncode == 0, done.stderr
    rows = {row["optimizer"]: row for row in json.loads(done.stdout) if row["tolerance"] == 1e-6}
    assert rows["mine:descent"]["iterations"] == rows["gradient-descent"]["iterations"]
    assert (rows["mine:descent"]["library"], rows["mine:descent"]["engine"]) == ("own", "mixed")


def test_an_edited_optimizer_makes_its_results_stale(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    module = folder / "edited_optimizer.py"
    settings = {
        "problems": ["bowl"], "optimizers": ["edited_optimizer:descent"], "modes": ["default"], "timing": False,
        "out": folder / "r",
    }  # fmt: skip
    counts = []
    for step_size in (0.25, 0.25, 0.125):
        module.write_text(f"def descent(x, gradient, state):\n    x -= {step_size} * gradient\n")
        sys.modules.pop("edited_optimizer", None)
        counts.append(int(nagbench.sweep(**settings).runs["iterations"].max()))
    assert counts[0] == counts[1] < counts[2]

"""The atlas of equivalence: what it finds in installed packages, its JSON, and the equalities that it expects."""

import json

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from nagbench.cli.main import cli
from nagbench.optimizers.algorithm import shapes_of_blocks
from nagbench.optimizers.registry import algorithms
from nagbench.problems.lookup import problem
from nagbench.validation.atlas.atlas import check_expectations, make_atlas, read_expectations, schema
from nagbench.validation.atlas.charting import RECIPES
from nagbench.validation.atlas.members import package_of
from nagbench.validation.atlas.sheets import packages, sheets
from nagbench.validation.atlas.structured import _bfloat16, _quasi_newton
from nagbench.validation.equivalence.lockstep import target_of

# The packages that the tests install.
HERE = {"nagbench", "torch", "optax", "keras", "scipy"}


def invoked(*words):
    return CliRunner().invoke(cli, ["verify", "--atlas", *map(str, words)], catch_exceptions=False)


@pytest.fixture(scope="module")
def atlas():
    return make_atlas(["adan", "radam"])


def chart_of(atlas, sheet, configuration="same values", precision="float64"):
    return dict(atlas.places())[f"{sheet} · {configuration} · {precision}"]


def reasons(chart, a, b):
    return " ".join(f"{reason.trait} {reason.a} {reason.b}" for reason in chart.reasons(a, b))


class TestFindings:
    def test_optax_adan_departs_from_the_formula_of_its_authors(self, atlas):
        """The report optax#1715: the weight of the gradient difference is 1 − β₂, from the second step on."""
        chart = chart_of(atlas, "adan")
        assert not chart.together("adan", "optax:adan")
        assert [found.step for found in chart.differences] == [2]
        assert "1 − β₂" in reasons(chart, "adan", "optax:adan")

    def test_forms_tell_where_epsilon_stands(self, atlas):
        chart = chart_of(atlas, "radam")
        assert chart.together("radam", "torch.optim:RAdam")
        assert reasons(chart, "torch.optim:RAdam", "optax:radam").startswith("ε:")

    def test_no_difference_is_unexplained(self, atlas):
        assert all(found.reasons for _, chart in atlas.places() for found in chart.differences)


class TestForms:
    @pytest.mark.parametrize(
        ("recipe", "name", "values"),
        [
            ("adam", "adamw", {"step_size": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-4, "weight_decay": 0.1}),
            ("rmsprop", "rmsprop", {"step_size": 1e-3, "decay": 0.9, "epsilon": 1e-4}),
            ("lion", "lion", {"step_size": 1e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1}),
        ],
    )
    def test_published_forms_are_those_of_our_own_algorithms(self, recipe, name, values):
        place, steps = problem("rosenbrock-10"), 20
        recipe = RECIPES[recipe]
        rows = {key: np.full(steps + 1, value) for key, value in {**recipe.neutral, **values}.items()}
        points = recipe.follow(next(recipe.choices(rows, {})), rows, target_of(place), place.start, steps)
        x, slots = place.start.copy(), np.zeros((algorithms()[name].slots, 10))
        hyper = np.array([values[key] for key in algorithms()[name].hyperparameters])
        for k in range(steps):
            algorithms()[name].update(k, place.gradient(x), x, x, slots, hyper)
        assert np.abs(points[-1] - x).max() < 1e-12

    def test_the_published_form_of_muon_is_our_own(self):
        place, method, steps = problem("factorisation:rows=4,columns=3,rank=2"), algorithms()["muon"], 20
        values = {"step_size": 1e-2, "momentum": 0.95, "epsilon": 1e-7}
        rows = {key: np.full(steps + 1, value) for key, value in values.items()}
        points = RECIPES["muon"].follow(
            next(RECIPES["muon"].choices(rows, {})), rows, target_of(place), place.start, steps
        )
        x, slots = place.start.copy(), np.zeros((1, place.dimension))
        hyper = np.array([*values.values(), 0.0, *shapes_of_blocks(method, place.blocks)])
        for k in range(steps):
            method.update(k, place.gradient(x), x, x, slots, hyper)
        assert np.abs(points[-1] - x).max() < 1e-11

    def test_rounding_to_bfloat16_is_that_of_pytorch(self):
        import torch

        random = np.random.default_rng(1)
        x = (random.standard_normal(4000) * 10.0 ** random.integers(-20, 20, 4000)).astype(np.float32)
        ties = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8], np.float32)
        for numbers in (x, ties):
            assert np.array_equal(_bfloat16(numbers), torch.from_numpy(numbers).bfloat16().float().numpy())

    def test_the_directions_of_lbfgs_are_those_of_the_matrix_that_it_stands_for(self):
        """Nocedal & Wright 2006, eq. 6.17, with the first matrix of eq. 7.20."""
        random = np.random.default_rng(2)
        half = random.standard_normal((6, 6))
        pairs = [(s, (half @ half.T + np.eye(6)) @ s) for s in random.standard_normal((4, 6))]
        s, y = pairs[-1]
        inverse = (s @ y) / (y @ y) * np.eye(6)
        for s, y in pairs:
            left = np.eye(6) - np.outer(s, y) / (s @ y)
            inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
        g = random.standard_normal(6)
        np.testing.assert_allclose(_quasi_newton(pairs, g), -inverse @ g, rtol=1e-10)

    def test_a_form_with_an_open_length_takes_that_of_the_steps_beside_it(self):
        place, steps = problem("rosenbrock-10"), 5
        rows, recipe = {"history": np.full(steps + 1, 10.0)}, RECIPES["lbfgs"]
        whole, target = {"length": "none"}, target_of(place)
        free = recipe.follow(whole, rows, target, place.start, steps)
        halves = [place.start]
        halves.append(halves[0] + 0.5 * (free[1] - free[0]))
        points = recipe.follow({"length": "searched"}, rows, target, place.start, 1, np.array(halves))
        np.testing.assert_allclose(points, halves, rtol=1e-12)
        astray = np.array([place.start, place.start + np.arange(10.0)])
        assert np.abs(recipe.follow({"length": "searched"}, rows, target, place.start, 1, astray) - astray).max() > 0.1


class TestJson:
    def test_it_keeps_its_schema(self, atlas):
        jsonschema.Draft202012Validator.check_schema(schema())
        jsonschema.validate(json.loads(json.dumps(atlas.to_dict(), allow_nan=False)), schema())

    def test_the_schema_allows_nothing_else(self, atlas):
        broken = atlas.to_dict()
        broken["sheets"][0]["charts"][0]["classes"][0]["joints"] = ["probably"]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema())


class TestExpectations:
    def test_those_that_nagbench_ships_name_sheets_and_members(self):
        for place, groups in read_expectations().equal.items():
            sheet, configuration, precision = place.split(" · ")
            known = {one.name: one for one in sheets()[sheet].configurations}[configuration]
            assert precision in ("float64", "float32")
            assert {name for group in groups for name in group} <= set(known.members)

    def test_they_hold_here(self, atlas):
        assert check_expectations(atlas, read_expectations()) == []

    def test_what_an_atlas_expects_holds_in_it(self, atlas):
        from nagbench.validation.atlas.atlas import Expectations

        assert check_expectations(atlas, Expectations(**atlas.expectations())) == []

    def test_a_broken_one_ends_with_1_and_says_where(self, tmp_path):
        file = tmp_path / "expected.json"
        equal = {"adan · same values · float64": [["adan", "optax:adan"]]}
        file.write_text(json.dumps({"versions": {"optax": "0.0.1"}, "equal": equal}))
        done = invoked("adan", "--against", file, "--format", "json")
        assert done.exit_code == 1
        (broken,) = json.loads(done.stdout)["broken"]
        assert (broken["a"], broken["b"]) == ("adan", "optax:adan")
        assert "from step 2 on" in broken["why"]
        assert "was 0.0.1" in broken["why"]

    def test_the_page_names_every_sheet(self):
        done = invoked("qhm", "--format", "md")
        assert done.exit_code == 0
        assert "## qhm" in done.stdout


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["rprob"], "did you mean 'rprop'"),
            (["adam", "--scenario", "constant"], "--scenario cannot be used with --atlas"),
            (["adam", "--against", "nowhere.json"], "nowhere.json: there is no such file"),
        ],
    )
    def test_they_are_one_line(self, words, said):
        from nagbench.core.errors import UsageError

        with pytest.raises(UsageError, match=said):
            invoked(*words)

    def test_options_of_the_atlas_need_it(self):
        from nagbench.core.errors import UsageError

        with pytest.raises(UsageError, match="--format md applies only to --atlas"):
            CliRunner().invoke(cli, ["verify", "adam", "--format", "md"], catch_exceptions=False)


def test_members_are_of_packages_of_the_atlas():
    members = {name for sheet in sheets().values() for one in sheet.configurations for name in one.members}
    assert {package_of(name) for name in members} <= {"nagbench", *packages()}


@pytest.mark.slow
def test_the_whole_atlas_explains_what_is_installed():
    """Of the packages of the tests, nothing stays unexplained."""
    found = make_atlas()
    assert check_expectations(found, read_expectations()) == []
    unexplained = {
        place.split(" · ")[0]
        for place, chart in found.places()
        for one in chart.differences
        if not one.reasons and all(package_of(chart.classes[at].names[0]) in HERE for at in (one.a, one.b))
    }
    assert unexplained == set()

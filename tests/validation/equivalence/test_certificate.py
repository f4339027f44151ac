"""What `verify` takes and gives: names, JSON by its schema, tables, the picture, and mistakes in one line."""

import json
from io import StringIO

import click
import jsonschema
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from command_line import nag

import nagbench
from nagbench.cli.main import cli
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.registry import optimizers as optimizer_names
from nagbench.validation.equivalence.certificate import schema
from nagbench.validation.equivalence.classes import equivalence_classes, rifts
from nagbench.validation.equivalence.groups import GROUPS
from nagbench.validation.equivalence.lockstep import follow
from nagbench.validation.equivalence.scenarios import SCENARIOS

OURS = ("nesterov", "nesterov-two-sequence", "qhm")


def invoked(*words):
    done = CliRunner().invoke(cli, ["verify", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(scope="module")
def few():
    return nagbench.verify("nesterov", "qhm", "formula/cs231n")


class TestJson:
    def test_it_keeps_its_schema(self, few):
        jsonschema.Draft202012Validator.check_schema(schema())
        jsonschema.validate(json.loads(few.to_json()), schema())

    def test_a_run_that_ends_in_nan_keeps_it_too(self):
        found = json.loads(nagbench.verify("momentum", "planted:breaks").to_json())
        jsonschema.validate(found, schema())
        assert "inf" in {pair["distance"] for trial in found["trials"] for pair in trial["pairs"]}

    def test_the_schema_knows_the_scenarios_and_nothing_else(self, few):
        assert schema()["$defs"]["trial"]["properties"]["scenario"]["enum"] == list(SCENARIOS)
        broken = few.to_dict()
        broken["trials"][0]["pairs"][0]["verdict"] = "probably"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema())

    def test_the_command_prints_it(self):
        found = json.loads(invoked(*OURS, "--scenario", "step-drop", "--format", "json"))
        jsonschema.validate(found, schema())
        assert [trial["scenario"] for trial in found["trials"]] == ["step-drop"]
        assert found["changed_at"] == 30

    def test_it_says_what_the_table_says(self, few):
        rows = [pair for trial in few.to_dict()["trials"] for pair in trial["pairs"]]
        assert [row["verdict"] for row in rows] == few.pairs["verdict"].tolist()
        assert [row["mapped"] is None for row in rows] == few.pairs["mapped_verdict"].isna().tolist()


class TestNames:
    def test_groups(self):
        found = nagbench.verify("lion", scenarios=["constant"])
        assert {trial.group.name for trial in found.trials} == {"lion"}

    def test_several_implementations_are_compared_with_one_another(self, few):
        assert {frozenset((p.a, p.b)) for t in few.trials for p in t.pairs} == {
            frozenset(pair) for pair in (("nesterov", "qhm"), ("nesterov", "formula/cs231n"), ("qhm", "formula/cs231n"))
        }

    @pytest.mark.slow
    def test_one_is_compared_with_its_group(self):
        found = nagbench.verify("nesterov-two-sequence", scenarios=["constant"])
        assert found.trials[0].implementations[0].name == "nesterov-two-sequence"
        assert {"nesterov", "qhm"} < {implementation.name for implementation in found.trials[0].implementations}

    def test_a_name_of_nobody(self):
        done = nag("verify", "nestorov")
        assert (done.returncode, done.stdout) == (2, "")
        assert "'nesterov'" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--scenario", "step-dorp"), "step-drop"),
            (("--problem", "rosenbroc"), "rosenbrock"),
            (("--set", "step_sise=1"), "step_size"),
            (("--set", "step_size"), "NAME=VALUE"),
            (("--set", "step_size=fast"), "fast"),
            (("--steps", "1"), "1"),
            (("planted:nobody",), "planted:nobody"),
            (("planted:nothing",), "temperature"),
            (("planted:reordered:momentun=0.8", "momentum"), "'momentum'"),
        ],
    )
    def test_mistakes(self, words, said):
        with pytest.raises((nagbench.UsageError, click.ClickException)) as raised:
            CliRunner().invoke(cli, ["verify", *words], catch_exceptions=False, standalone_mode=False)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_every_member_of_every_group_exists(self):
        known = {*optimizer_names(), "formula/ruder", "formula/cs231n", "formula/bengio"}
        assert {member.name for group in GROUPS.values() for member in group.members} <= known


class TestMissingLibraries:
    @pytest.fixture
    def without_keras(self, monkeypatch):
        def find(name, found=find_algorithm):
            if name.startswith("keras/"):
                raise nagbench.UsageError(f"optimizer {name}: keras is not installed: pip install 'nagbench[keras]'")
            return found(name)

        monkeypatch.setattr("nagbench.validation.equivalence.selection.lookup_algorithm", find)

    def test_are_left_out_and_said(self, without_keras):
        done = CliRunner().invoke(cli, ["verify", "lion", "--scenario", "constant"], catch_exceptions=False)
        assert done.exit_code == 0
        assert "keras/lion" not in done.stdout
        assert "left out keras/lion" in done.stderr
        assert "nagbench[keras]" in done.stderr

    def test_are_an_error_where_they_are_named(self, without_keras):
        with pytest.raises(nagbench.UsageError, match="not installed"):
            nagbench.verify("keras/lion")


class TestAnybodysOptimizer:
    def test_is_recognised(self):
        """Nobody said that it is Nesterov's method: it has a step size and a momentum."""
        found = nagbench.verify("planted:nesterov_at_p", scenarios=["constant", "step-drop"])
        forms = {(t.group.name, t.scenario.name): t.implementations[0].forms for t in found.trials}
        assert forms["nesterov", "step-drop"] == ("nesterov buffer", "nesterov average")
        assert forms["momentum", "constant"] == ()

    def test_beside_a_named_one(self):
        pairs = nagbench.verify("planted:nesterov_at_p", "nesterov", scenarios=["step-drop"]).pairs
        assert pairs[["mapped_verdict", "mapped_parts_at"]].to_numpy().tolist() == [["different", 31]]
        assert "m·s_k/s_{k−1}" in pairs.loc[0, "explanation"]

    def test_classes_of_pytorch_and_transformations_of_optax(self):
        found = nagbench.verify(
            "planted:TorchNesterov", "planted:optax_nesterov", "nesterov", scenarios=["step-drop"]
        ).trials[0]
        buffer, velocity = ("nesterov buffer", "nesterov average"), ("nesterov velocity", "nesterov look-ahead")
        assert [implementation.forms for implementation in found.implementations] == [buffer, buffer, velocity]

    def test_with_hyperparameters_of_its_own(self):
        pairs = nagbench.verify("planted:reordered:momentum=0.8", "momentum", scenarios=["constant"]).pairs
        assert pairs.loc[0, "verdict"] == "different"

    @pytest.mark.slow
    def test_on_the_command_line(self):
        told = invoked("momentum", "planted:forgets", "--scenario", "constant")
        assert "from step 18 on" in told
        assert "different from step" not in told
        assert "different from step 18" in invoked("momentum", "planted:forgets", "--scenario", "constant", "--pairs")
        assert "no explanation is known" in told


class TestSettings:
    def test_replace_the_groups(self, monkeypatch):
        followed = []

        def watch(method, schedule, target, start, steps, *noise):
            followed.append((method.name, schedule, steps))
            return follow(method, schedule, target, start, steps, *noise)

        monkeypatch.setattr("nagbench.validation.equivalence.lockstep.follow", watch)
        nagbench.verify("qhm", "nesterov", scenarios=["constant"], hyperparameters={"momentum": 0.5}, steps=10)
        ran = [(schedule, steps) for name, schedule, steps in followed if name in {"qhm", "nesterov"}]
        assert len(ran) == 8
        for schedule, steps in ran:
            np.testing.assert_array_equal(schedule["momentum"], 0.5)
            assert steps == 10

    def test_problem(self):
        found = nagbench.verify("momentum", "qhm", problem="bowl", hyperparameters={"step_size": 0.1})
        assert (found.problem, found.dimension) == ("bowl", 2)
        assert "constant" in found.pairs["scenario"].tolist()


class TestBundles:
    def test_hold_all_implementations_once_and_only_those_that_coincide(self):
        for trial in nagbench.verify("nesterov", scenarios=["step-drop", "constant"]).trials:
            found = equivalence_classes(trial)
            names = [name for bundle in found for name in bundle.names]
            assert sorted(names) == sorted(implementation.name for implementation in trial.implementations)
            verdicts = {frozenset((p.a, p.b)): p.best.verdict for p in trial.pairs}
            for bundle in found:
                inside = {verdicts[frozenset((a, b))] for a in bundle.names for b in bundle.names if a != b}
                assert "different" not in inside
            across = {verdicts[frozenset((p.a, p.b))] for _, _, pairs in rifts(trial, found) for p in pairs}
            assert across <= {"different"}
            assert (len(found) > 1) == bool(across)


class TestOutput:
    def test_table(self):
        told = invoked(*OURS, "--pairs")
        assert "A ≠ B  from step 31 on" in told
        assert "equal after x_k = p_k + m·s·b_k" in told
        assert "nesterov | qhm: different from step 1" in told

    def test_csv(self):
        table = pd.read_csv(StringIO(invoked(*OURS, "--format", "csv")))
        assert {"group", "scenario", "a", "b", "verdict", "parts_at", "mapped_verdict", "explanation"} <= set(table)
        assert set(table["scenario"]) == set(SCENARIOS) - {"dampening"}

    def test_picture(self, few, tmp_path):
        target = tmp_path / "certificate.svg"
        invoked(*OURS, "--plot", str(target))
        assert "against nesterov" in target.read_text(encoding="utf-8")
        figure = few.plot()
        assert [axes.get_title() for axes in figure.axes] == [name for name in SCENARIOS if name != "dampening"]
        # One line a pair and panel, one point a pair that parts, and the area of what is rounding.
        drop = figure.axes[1]
        parted = sum(pair.best.verdict == "different" for pair in few.trials[1].pairs)
        assert len(drop.lines) == len(few.trials[1].pairs) + parted
        assert len(drop.collections) == 1

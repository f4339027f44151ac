"""Problems and optimizers of installed packages, registered by entry points."""

import subprocess
import sys
import textwrap

import pytest

import nagbench
from nagbench import UsageError
from nagbench.core import discovery
from nagbench.core.errors import PluginWarning
from nagbench.experiments.names import code_of_spec, resolve_variants
from nagbench.experiments.specification import Spec
from nagbench.optimizers import registry as optimizer_registry
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems import registry as problem_registry
from nagbench.problems import suites
from nagbench.problems.filters import select_problems
from nagbench.problems.registry import find_family, plugin_families

WELLS = """
import numpy as np
from nagbench import Problem, family


def value(x, data, shape, rows):
    return data[0] * x[0] * x[0]


def gradient(x, data, shape, rows, out):
    out[0] = 2.0 * data[0] * x[0]


@family
def well(*, steepness=1.0):
    \"\"\"f(x) = s·x².\"\"\"
    return Problem(name="well", family="well", value_kernel=value, gradient_kernel=gradient, engine="python",
                   data=np.array([steepness]), start=np.array([1.0]), minimum=0.0, source="a plugin")
"""
STEPS = """
from nagbench import Hyperparameter, method


@method("plain", hyperparameters={"step_size": Hyperparameter(default=0.25, open_below=True, tuning=(0.1, 1.0))})
def plain(k, gradient, iterate, query, slots, hyper):
    \"\"\"x ← x − s·∇f(x).\"\"\"
    for i in range(iterate.size):
        iterate[i] -= hyper[0] * gradient[i]
"""
SUITE = """
[steep-well]
family = "wells"
parameters = { steepness = 3.0 }

[my-bowl]
family = "quadratic"
parameters = { eigenvalues = [1.0, 2.0] }
"""
CACHES = (
    discovery.find_plugins,
    problem_registry.problem_plugins,
    problem_registry.plugin_families,
    suites.plugin_suites,
    optimizer_registry.optimizer_plugins,
    optimizer_registry.plugin_algorithms,
    optimizer_registry.works,
)


def forget():
    for cache in CACHES:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "fakeplugin"]:
        del sys.modules[name]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a distribution with these entry points, the lines of each group."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name="fake-plugin", *, problems="", optimizers=""):
        package = tmp_path / "fakeplugin"
        package.mkdir(exist_ok=True)
        for file, text in (("__init__.py", ""), ("wells.py", WELLS), ("steps.py", STEPS), ("suite.toml", SUITE)):
            (package / file).write_text(text, encoding="utf-8")
        (package / "broken.py").write_text("raise RuntimeError('broken on purpose')\n", encoding="utf-8")
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        groups = {"nagbench.problems": problems, "nagbench.optimizers": optimizers}
        text = "".join(f"[{group}]\n{textwrap.dedent(lines)}\n" for group, lines in groups.items() if lines)
        (info / "entry_points.txt").write_text(text, encoding="utf-8")
        forget()
        return tmp_path

    yield install
    forget()


def test_a_family_by_its_name(install):
    install(problems="wells = fakeplugin.wells:well")
    problem = nagbench.problem("wells:steepness=2")
    assert problem.value([3.0]) == 18.0
    assert problem.family == "fakeplugin.wells:well"
    assert plugin_families()["wells"].summary == "f(x) = s·x²."


def test_a_suite_is_data_of_the_package(install):
    install(problems="wells = fakeplugin.wells:well\nmine = fakeplugin:suite.toml")
    assert nagbench.problems()[-2:] == ["steep-well", "my-bowl"]
    assert "fakeplugin.wells" not in sys.modules
    assert nagbench.problem("steep-well").value([1.0]) == 3.0
    assert nagbench.problem("my-bowl").condition == 2.0
    assert [entry.name for entry, _ in select_problems(suite="suite")] == ["steep-well", "my-bowl"]


def test_an_optimizer_by_its_name(install):
    install(optimizers="plain = fakeplugin.steps:plain")
    optimizer = nagbench.optimizer("plain:step_size=0.5")
    assert optimizer.name == "fakeplugin.steps:plain"
    assert nagbench.optimizers()[-1] == "plain"
    run = nagbench.run("quadratic:eigenvalues=[1]", optimizer)
    assert (run.status, run.iterations) == ("converged", 20)


def test_a_sweep_takes_the_names(install, tmp_path):
    install(problems="wells = fakeplugin.wells:well", optimizers="plain = fakeplugin.steps:plain")
    sweep = nagbench.sweep(
        problems=["wells"], optimizers=["plain"], modes=["default"], timing=False, out=tmp_path / "results"
    )
    assert set(sweep.runs["status"]) == {"converged"}
    assert set(sweep.runs["variant"]) == {"plain"}


def test_nothing_is_imported_before_a_name_is_looked_up(install):
    install(problems="wells = fakeplugin.wells:well", optimizers="plain = fakeplugin.steps:plain")
    nagbench.problem("bowl")
    nagbench.optimizer("nesterov")
    with pytest.raises(UsageError, match="unknown problem 'no-such'"):
        nagbench.problem("no-such")
    with pytest.raises(UsageError, match="unknown optimizer 'plane'; did you mean 'plain'"):
        nagbench.optimizer("plane")
    assert not any(name.startswith("fakeplugin") for name in sys.modules)


def test_results_cannot_have_a_plugin_imported_by_its_name(install):
    """Cells name the path of user code; the short names are for people alone."""
    install(problems="wells = fakeplugin.wells:well", optimizers="plain = fakeplugin.steps:plain")
    with pytest.raises(UsageError, match="unknown family 'wells'"):
        find_family("wells")
    with pytest.raises(UsageError, match="unknown optimizer 'plain'"):
        find_algorithm("plain")
    assert not any(name.startswith("fakeplugin") for name in sys.modules)


def test_a_plugin_that_fails_is_left_out_with_a_warning(install):
    install(
        problems="wells = fakeplugin.wells:well\nbad = fakeplugin.broken:thing\ngone = fakeplugin:no-such.toml",
        optimizers="plain = fakeplugin.steps:plain\nworse = fakeplugin.broken:thing",
    )
    with pytest.warns(PluginWarning, match=r"^plugin 'worse' of fake-plugin is left out: .*broken on purpose$"):
        assert nagbench.optimizers()[-1] == "plain"
    with pytest.warns(PluginWarning, match=r"^plugin 'bad' of fake-plugin is left out: .*broken on purpose$"):
        assert list(plugin_families()) == ["wells"]
    with pytest.warns(PluginWarning, match=r"^plugin 'gone' of fake-plugin is left out: .*no-such.toml"):
        assert "bowl" in nagbench.problems()
    with pytest.raises(UsageError, match="broken on purpose"):
        nagbench.problem("bad")


def test_a_pattern_imports_only_the_plugins_that_it_matches(install):
    install(optimizers="plain = fakeplugin.steps:plain\nworse = fakeplugin.broken:thing")
    assert [variant.label for variant in resolve_variants(["nestero?"])] == ["nesterov"]
    assert not any(name.startswith("fakeplugin.") for name in sys.modules)
    assert [variant.label for variant in resolve_variants(["pl?in"])] == ["plain"]
    assert "fakeplugin.steps" in sys.modules
    with (
        pytest.warns(PluginWarning, match="'worse' of fake-plugin is left out: .*broken on purpose"),
        pytest.raises(
            UsageError, match=r"no optimizer matches 'worse[*]' .*; worse is a plugin that cannot be imported"
        ),
    ):
        resolve_variants(["worse*"])


def test_code_of_a_spec_includes_all_problems_of_its_suites(tmp_path):
    """Every problem of a suite is built, to find mistakes, so its code runs whether or not the sweep runs the problem."""
    (tmp_path / "own.toml").write_text('[valley]\nfamily = "evil:family"\n', encoding="utf-8")
    spec = Spec(problems=("bowl",), optimizers=("nesterov",), suites=(str(tmp_path / "own.toml"),))
    assert code_of_spec(spec) == ["evil:family"]


def test_the_command_line_says_so_in_one_line(install):
    site = install(optimizers="plain = fakeplugin.steps:plain\nworse = fakeplugin.broken:thing")
    command = f"import sys; sys.path.insert(0, {str(site)!r}); from nagbench.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "list", "optimizers"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "\nplain " in done.stdout
    assert "worse" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.endswith("broken on purpose")
    assert "plugin 'worse' of fake-plugin is left out: " in line


@pytest.mark.parametrize(
    ("entries", "look", "message"),
    [
        (
            {"optimizers": "nesterov = fakeplugin.steps:plain"},
            nagbench.optimizers,
            "'nesterov' .* itself has this name",
        ),
        ({"problems": "rosenbrock = fakeplugin.wells:well"}, plugin_families, "'rosenbrock' .* itself has this name"),
        ({"problems": "with/slash = fakeplugin.wells:well"}, plugin_families, "'with/slash' .* is not of the form"),
        ({"optimizers": "module = fakeplugin.steps"}, nagbench.optimizers, "'module' .* is not of the form"),
    ],
    ids=["optimizer", "family", "characters", "no attribute"],
)
def test_a_name_that_cannot_be_used_is_refused_by_name(install, entries, look, message):
    install(**entries)
    with pytest.warns(PluginWarning, match=message):
        look()
    assert nagbench.optimizer("nesterov").method.library == "nagbench"
    assert find_algorithm("nesterov") is nagbench.optimizer("nesterov").method
    assert nagbench.problem("rosenbrock").family == "rosenbrock"


def test_a_suite_must_not_use_a_name_of_nagbench(install):
    site = install(problems="mine = fakeplugin:suite.toml")
    (site / "fakeplugin" / "suite.toml").write_text('[bowl]\nfamily = "rosenbrock"\n', encoding="utf-8")
    with pytest.warns(PluginWarning, match="'mine' of fake-plugin .*'bowl' is already in suite 'core'"):
        assert "rosenbrock" in nagbench.problems()
    assert nagbench.problem("bowl").kind == "quadratic"


def test_two_plugins_of_one_name(install):
    install("first-plugin", optimizers="plain = fakeplugin.steps:plain")
    install("second-plugin", optimizers="plain = fakeplugin.steps:other")
    with pytest.warns(
        PluginWarning, match="of (first|second)-plugin is left out: plugin 'plain' of (first|second)-plugin"
    ):
        assert list(optimizer_registry.optimizer_plugins()) == ["plain"]

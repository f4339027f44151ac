"""Every example of the README, run as it stands."""

import json
import re
import tomllib
from pathlib import Path

import command_line
import pytest
from tunings import ONE_START_OPTIONS

import nagbench
from nagbench.experiments.plan import planned_cells
from nagbench.experiments.specification import validate_spec
from nagbench.problems.suites import read_suite

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def nag(*words):
    done = command_line.nag(*words)
    assert done.returncode == 0, done.stderr
    return done


def test_python_examples(folder, capsys):
    (example,) = [block for block in blocks("python") if block.startswith("import nagbench")]
    exec(compile(example, "README.md", "exec"), {})
    assert "converged 3067" in capsys.readouterr().out
    assert nagbench.load("results/readme").missing == 0


def test_toml_examples(folder):
    spec, suite = blocks("toml")
    assert sum(1 for _ in planned_cells(validate_spec(tomllib.loads(spec)))) > 100
    (folder / "mine.toml").write_text(suite, encoding="utf-8")
    assert read_suite(folder / "mine.toml")["steep-valley"].problem().smoothness == pytest.approx(500.0)


def test_a_new_formula_as_the_readme_says(folder):
    (example,) = [block for block in blocks("python") if block.startswith("# saddle.py")]
    (folder / "saddle.py").write_text(example, encoding="utf-8")
    words = re.search(r"nagbench (run saddle\S+ \S+)", example)[1].split()
    told = json.loads(nag(*words, "--format", "json").stdout)
    assert (told["status"], told["iterate"]) == ("converged", pytest.approx([1.0, 0.0], abs=1e-5))


def test_a_new_optimizer_as_the_readme_says(folder):
    (example,) = [block for block in blocks("python") if block.startswith("# signs.py")]
    (folder / "signs.py").write_text(example, encoding="utf-8")
    words = re.search(r"nagbench (sweep .*)", example)[1].split()
    rows = json.loads(nag(*words, "--trials", "4", *ONE_START_OPTIONS, "--format", "json", "-j", "2").stdout)
    assert {row["optimizer"] for row in rows} == {"signs:sign_descent"}
    assert len({row["cell"] for row in rows}) == 4


def test_ci_runs_the_readmes_test_command():
    command = next(line for line in README.splitlines() if line.endswith("python -m pytest -n auto"))
    install, test = command.split(" && ")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert install in script
    assert script.rstrip().endswith(test)


def test_every_dependency_earns_its_place():
    listed = README.partition("## Dependencies")[2]
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        assert re.split(r"[<>=]", requirement)[0] in listed


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target

"""The README: its example runs as it stands, and what it says of the tests and of the dependencies is so."""

import re
import tomllib
from pathlib import Path

import nagbench

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example(folder, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    exec(compile(example, "README.md", "exec"), {})
    assert "converged 3067" in capsys.readouterr().out
    assert nagbench.load("results/readme").missing == 0


def test_it_is_short():
    assert len(README.splitlines()) < 120


def test_ci_runs_the_readmes_test_command():
    command = next(line for line in README.splitlines() if line.endswith("python -m pytest -n auto"))
    install, test = command.split(" && ")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert install in script
    assert script.rstrip().endswith(test)


def test_every_dependency_earns_its_place():
    listed = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        assert re.split(r"[<>=]", requirement)[0] in listed


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target

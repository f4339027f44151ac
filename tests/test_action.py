"""The action for pull requests: its script in a repository of its own, with the interpreter of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "compare_branches"
SPEC = """
problems = ["bowl"]
optimizers = ["mine:descent:step_size=0.1"]
tolerances = [1e-3]
timing = false
curves = false
moved = 0
"""
# The second is slower: it needs more iterations.
OPTIMIZER = "def descent(x, gradient, state, step_size=0.1):\n    return x - {factor} * step_size * gradient\n"


def compare_branches(place, *words):
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        ["bash", str(SCRIPT), "--python", sys.executable, *words],
        cwd=place, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path, needs_git):
    """A package whose optimizer is slower in the checkout than on the branch main."""
    needs_git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "benchmark.toml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "mine.py").write_text(OPTIMIZER.format(factor=1.0), encoding="utf-8")
    needs_git(tmp_path, "add", ".")
    needs_git(tmp_path, "commit", "-q", "-m", "The optimizer")
    (tmp_path / "mine.py").write_text(OPTIMIZER.format(factor=0.5), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_slower_optimizer_is_a_regression(repository, needs_git):
    done = compare_branches(repository, "--spec", "benchmark.toml")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("### nagbench compare: 1 regression")
    assert "mine:descent" in done.stdout
    # Nothing is left behind.
    assert len(needs_git(repository, "worktree", "list").splitlines()) == 1


def test_what_is_missing_is_one_line(repository):
    for words, message in (
        (("--spec", "none.toml"), "there is no specification none.toml"),
        (("--spec", "benchmark.toml", "--base", "none"), "there is no commit none"),
        (("--spec", "benchmark.toml", "--bas", "main"), "option --bas is not known"),
        ((), "--spec is required"),
    ):
        done = compare_branches(repository, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_action_passes_on_what_the_script_takes():
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    first = action["runs"]["steps"][0]
    assert action["runs"]["using"] == "composite"
    for name in set(action["inputs"]) - {"token"}:
        assert f"--{name} " in first["run"]
        assert f"--{name} " in SCRIPT.read_text(encoding="utf-8")
        assert first["env"][name.upper()] == f"${{{{ inputs.{name} }}}}"
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in action["inputs"])

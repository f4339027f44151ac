"""Libraries that are not installed, and those that nobody asked for."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli.main import cli
from nagbench.core.errors import UsageError
from nagbench.optimizers import adapters


@pytest.fixture
def no_keras(monkeypatch):
    """Keras cannot be found."""
    installed = adapters._is_installed
    monkeypatch.setattr(adapters, "_is_installed", lambda module: module != "keras" and installed(module))


SWEEP = ["sweep", "-p", "bowl", "--mode", "default", "--no-timing", "--no-report", "--dry-run", "--format", "csv"]


def test_list_says_how_to_get_it(no_keras):
    done = CliRunner().invoke(cli, ["list", "optimizers", "--format", "csv"])
    assert done.exit_code == 0
    lines = {line.partition(",")[0]: line for line in done.stdout.splitlines()}
    assert "not installed: pip install 'nagbench[keras]'" in lines["keras/sgd"]
    assert "not installed" not in lines["torch/sgd"]


def test_a_name_fails_with_one_line_and_a_pattern_leaves_it_out_with_one(no_keras, folder):
    with pytest.raises(
        UsageError, match=r"^optimizer keras/sgd: keras is not installed: pip install 'nagbench\[keras\]'$"
    ):
        nagbench.optimizer("keras/sgd")
    done = CliRunner().invoke(cli, [*SWEEP, "-o", "*/sgd"])
    assert done.exit_code == 0, done.output
    assert "torch/sgd" in done.stdout
    assert "keras/sgd" not in done.stdout
    assert "keras is left out, not installed: pip install 'nagbench[keras]'" in done.stderr
    with pytest.raises(UsageError, match=r"no optimizer matches 'keras/\*'.*keras/adagrad is not installed"):
        nagbench.sweep(problems=["bowl"], optimizers=["keras/*"], out=folder / "r")


def test_a_pattern_without_a_slash_stands_for_our_own(folder):
    done = CliRunner().invoke(cli, [*SWEEP, "-o", "*"])
    assert done.exit_code == 0, done.output
    assert "nesterov" in done.stdout
    assert "/" not in done.stdout.replace("1/k", "")


def test_listing_imports_no_library():
    code = "import sys; from nagbench.cli.main import cli; cli(['list', 'optimizers'], standalone_mode=False); " + (
        "print('loaded', sorted({'torch', 'keras', 'jax', 'optax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr

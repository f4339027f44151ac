"""What CONTRIBUTING.md says about the layout is so, and its examples work."""

import ast
import re
from pathlib import Path

import pytest

from nagbench.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nagbench"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LAYOUT = TEXT.partition("## How the code is laid out")[2].partition("## Add a problem")[0]


def defined(file):
    """Return the names of all functions, classes and constants in a file, methods as Class.method."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def test_the_table_lists_every_package_in_the_order_of_the_layers():
    listed = re.findall(r"^\| `(\w+)/` \|", LAYOUT, flags=re.M)
    layers = re.findall(r'^    "nagbench\.(\w+)",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    assert listed == layers[::-1]
    assert set(listed) == {file.parent.name for file in PACKAGE.glob("*/__init__.py")}


def test_files_that_are_named_exist():
    files = re.findall(r"`((?:\w+/)+\w+\.py)[`:]", LAYOUT)
    assert len(files) > 20
    assert [file for file in files if not (PACKAGE / file).is_file()] == []


@pytest.mark.parametrize(
    ("file", "names"),
    [
        *re.findall(r"^\| [^|]+ \| `([\w/]+\.py)`[^|]* \| (.*) \|$", LAYOUT, flags=re.M),
        *((file, f"`{name}`") for file, name in re.findall(r"`([\w/]+\.py): ([\w.]+)`", LAYOUT)),
    ],
)
def test_functions_are_where_the_guide_says(file, names):
    first = re.match(r"`([\w.]+)", names)[1]
    assert first in defined(file)


def test_the_example_of_a_verb_is_one():
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.S) if "@click.command" in code]
    scope = {}
    exec(compile(example, "CONTRIBUTING.md", "exec"), scope)
    assert scope["command"].name not in VERBS
    assert "Print how many cells" in scope["command"].help

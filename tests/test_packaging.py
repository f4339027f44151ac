"""What is installed: every dependency pinned, in a version that pyproject.toml allows; asv's environments hold the same."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from asv.results import get_filename
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PYTHONS = ["3.11", "3.12", "3.13"]
CUDA = re.compile("nvidia|cuda|triton")


def test_the_supported_pythons_are_declared():
    declared = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert declared == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


def direct():
    """The requirements of the package and of its extras, without those that name extras of its own."""
    texts = [*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)]
    return [found for found in map(Requirement, texts) if found.name != PROJECT["name"]]


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def chosen(name, python):
    """The versions of the pins of a package that hold on Linux in this Python."""
    there = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return [
        next(iter(pin.specifier)).version
        for pin in pins()
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and (pin.marker is None or Marker(str(pin.marker)).evaluate(there))
    ]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("wanted", direct(), ids=str)
def test_every_dependency_is_pinned_once_where_pyproject_allows_it(wanted, python):
    (version,) = chosen(wanted.name, python)
    assert wanted.specifier.contains(version)


def test_pins_are_exact_and_of_nothing_for_one_kind_of_machine():
    for pin in pins():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        assert Version(specifier.version).local is None, pin
        assert not CUDA.match(pin.name), pin


def test_what_pins_ask_for_is_pinned():
    """Of those that are installed here in the version that is pinned, as far as markers concern this machine."""
    pinned = {canonicalize_name(pin.name): next(iter(pin.specifier)) for pin in pins()}
    looked_at = 0
    for package in importlib.metadata.distributions():
        name = canonicalize_name(package.name)
        if name in pinned and pinned[name].contains(package.version):
            needs = [need for need in map(Requirement, package.requires or []) if not CUDA.match(need.name)]
            needs = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
            assert {canonicalize_name(need.name) for need in needs} <= pinned.keys(), name
            looked_at += 1
    assert looked_at


def test_environments_of_asv_hold_the_dependencies():
    settings = json.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))
    held = {canonicalize_name(name) for name in settings["matrix"]["req"]}
    assert held == {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "asv_matrix.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_stored_history_is_that_of_these_environments():
    """asv goes on with a file of its environment's name alone."""
    settings = json.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8"))
    files = [file for file in (ROOT / "results" / "asv").glob("*/*.json") if file.name != "machine.json"]
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        name = "-".join([f"virtualenv-py{content['python']}", *sorted(settings["matrix"]["req"])])
        assert content["env_name"] == name
        # asv's own rule: a long name is stored by its hash.
        assert str(file.relative_to(file.parents[1])) == get_filename(file.parent.name, content["commit_hash"], name)
        assert list(content["requirements"]) == list(settings["matrix"]["req"])
    assert files

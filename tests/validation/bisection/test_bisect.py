"""`nagbench bisect`: the version that changed something, with a package that the tests build, and mistakes in one line."""

import base64
import hashlib
import zipfile

import numpy as np
import pytest
from command_line import nag
from packaging.version import Version

from nagbench.core.errors import UsageError
from nagbench.validation.bisection import packages, search
from nagbench.validation.bisection.search import Question, bisect

STEP = """
def step(x, gradient, state, step_size=0.1):
    x -= {factor} * step_size * gradient
"""
# Version 1.3 takes another step; 1.2 cannot be imported.
FACTORS = {"1.0": "1.0", "1.1": "1.0", "1.2": "1.0 +", "1.3": "1.5", "1.4": "1.5", "1.5": "1.5"}


def build(folder, version, factor):
    """Write a wheel of a package with one module."""
    files = {
        "tinystep.py": STEP.format(factor=factor),
        f"tinystep-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: tinystep\nVersion: {version}\n",
        f"tinystep-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"tinystep-{version}.dist-info/RECORD"
    lines = [f"{name},sha256={digest(text)},{len(text)}" for name, text in files.items()]
    with zipfile.ZipFile(folder / f"tinystep-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, record: "\n".join([*lines, f"{record},,"])}.items():
            wheel.writestr(name, text)


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for version, factor in FACTORS.items():
        build(folder, version, factor)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}


def question(what="trajectory"):
    return Question("tinystep", what, "tinystep:step", "bowl", 10, 1e-6, 100, 1.5)


class TestSearch:
    """The search itself, with versions that answer at once."""

    @pytest.fixture
    def answers(self, monkeypatch):
        tried = []

        def answer(self, version):
            tried.append(str(version))
            if str(version) == "1.4":
                raise UsageError("it is broken")
            slower = 1.0 if version < Version("1.6") else 2.0
            self.tried += 1
            return {"seconds": slower, "status": "converged", "iterations": int(10 * slower),
                    "points": np.full((3, 1), slower).tolist(), "allowed": [1e-9] * 3}  # fmt: skip

        monkeypatch.setattr(search._Trier, "answer", answer)
        return tried

    @pytest.mark.parametrize("what", ["trajectory", "count", "time"])
    def test_it_finds_the_first_version_that_differs(self, answers, what):
        versions = [Version(f"1.{i}") for i in range(10)]
        found = bisect(question(what), versions, deps=False)
        assert (str(found.before), str(found.first)) == ("1.5", "1.6")
        assert found.unknown == {}
        assert len(answers) <= 7

    def test_versions_that_do_not_run_are_named_where_they_may_be_the_first(self, answers):
        versions = [Version(text) for text in ("1.3", "1.4", "1.6")]
        found = bisect(question(), versions, deps=False)
        assert (str(found.before), str(found.first)) == ("1.3", "1.6")
        assert found.unknown == {Version("1.4"): "it is broken"}

    def test_ends_that_do_the_same(self, answers):
        assert bisect(question(), [Version("1.0"), Version("1.1")], deps=False).first is None


class TestVersions:
    def test_those_between_in_both_directions(self, monkeypatch):
        said = "tinystep (1.10)\nAvailable versions: 1.10, 1.9.1, 1.9, 1.2, 1.0"
        monkeypatch.setattr(packages, "_pip", lambda *_: said)
        up = packages.released_between("tinystep", Version("1.2"), Version("1.10"))
        assert [str(one) for one in up] == ["1.2", "1.9", "1.9.1", "1.10"]
        assert packages.released_between("tinystep", Version("1.10"), Version("1.2")) == up[::-1]

    def test_an_unknown_version_is_one_line_with_the_nearest(self, index):
        done = nag("bisect", "tinystep", "1.0", "1.7", "-o", "tinystep:step", env=index)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "tinystep has no version 1.7" in done.stderr
        assert "1.5" in done.stderr

    def test_no_network_is_one_line(self):
        nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": "/dev/null",
                   "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}  # fmt: skip
        done = nag("bisect", "tinystep", "1.0", "1.5", "-o", "tinystep:step", env=nowhere)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "no network" in done.stderr

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["1.0", "1.0"], "are the same version"),
            (["1.0", "latest"], "'latest' is not a version"),
            (["1.0", "1.5", "--factor", "1"], "allowed: above 1"),
        ],
    )
    def test_mistakes(self, words, said):
        done = nag("bisect", "tinystep", *words, "-o", "tinystep:step")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr


def test_an_optimizer_that_an_installed_package_lacks_is_found_before_any_download():
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    done = nag("bisect", "optax", "0.2.7", "0.2.8", "-o", "optax:nosuch", "--dry-run", env=nowhere)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "optax has no 'nosuch'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("what", "said"), [("trajectory", "different from step 1 on"), ("count", "iterations")])
def test_a_package_of_six_versions(index, what, said):
    done = nag("bisect", "tinystep", "1.0", "1.5", "-o", "tinystep:step", "-p", "bowl", "--what", what, env=index)
    assert done.returncode == 0, done.stderr
    assert "tinystep 1.3 changed" in done.stdout
    assert said in done.stdout
    assert "6 versions from 1.0 to 1.5" in done.stderr
    assert "kB" in done.stderr
    assert "may be the first: 1.2" in done.stderr

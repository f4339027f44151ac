"""What the tests share: an empty folder, programs that a machine may lack, and an environment that is the same everywhere."""

import os
import re
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What a user, or a CI service, may have chosen for all programs: colours in pipes, what libraries compute and draw with, and
# that Python keeps no bytecode.
_CHOICES = {
    "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "KERAS_BACKEND", "JAX_ENABLE_X64", "JAX_PLATFORMS", "MPLBACKEND",
    "PYTHONDONTWRITEBYTECODE",
}  # fmt: skip
_HERE = Path(__file__).parent
_IDENTITY = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]


def pytest_configure(config):
    """Make the suite the same wherever it runs.

    Choices that hold for all programs are forgotten, and so is what git tells its hooks: with that, a git that a test
    starts would work in the repository of the hook.
    """
    # The same examples everywhere, and as much time for each as a busy machine takes.
    settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("same")
    for name in [name for name in os.environ if name.startswith("GIT_") or name in _CHOICES]:
        del os.environ[name]
    # Many tests start processes, and each of them would translate the package anew.
    sys.dont_write_bytecode = False
    # A shell starts its background jobs with Ctrl-C ignored, and what they start would ignore it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark as slow what `slow.txt` names, and of the parameters of each test of problem families four of five."""
    named = set((_HERE / "slow.txt").read_text(encoding="utf-8").splitlines())
    for item in items:
        case = getattr(getattr(item, "callspec", None), "id", "")
        # By name, so that the tests of a family keep the same problems, each of which is compiled once.
        left_out = case and item.path.parent.name == "families" and zlib.crc32(case.encode()) % 5
        if item.nodeid in named or left_out:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The sweep that nothing happened to."""
    import nagbench
    from benchmarks.hostile import SPEC

    return nagbench.sweep(**SPEC, out=tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Modules `hostile`, `nth` and `methods` to import, here and in processes that are started from here."""
    from benchmarks.hostile import HOSTILE, NTH, methods
    from nagbench.core.trust import name_code

    for name, text in (("hostile", HOSTILE), ("nth", NTH)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    methods(tmp_path)
    monkeypatch.delitem(sys.modules, "methods", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    # As a user does who writes their names: in whatever order tests run, and in whichever process.
    for module in ("hostile", "nth", "methods"):
        text = (tmp_path / f"{module}.py").read_text(encoding="utf-8")
        name_code(*(f"{module}:{name}" for name in re.findall(r"^(?:def |class )?(\w+)(?=\(| =)", text, flags=re.M)))
    return tmp_path


@pytest.fixture
def no_programs(tmp_path_factory, monkeypatch):
    """A PATH on which there is nothing: no git, no C compiler."""
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("bin")))


@pytest.fixture(scope="session")
def needs_git():
    """Run git in a folder, as nobody in particular, and give what it says. Skips the test where there is no git."""
    program = _program("git")

    def git(place, *words):
        done = subprocess.run(
            [program, "-C", str(place), *_IDENTITY, *words], check=True, capture_output=True, encoding="utf-8"
        )
        return done.stdout.strip()

    return git


@pytest.fixture(scope="session")
def needs_cc():
    """The C compiler. Skips the test where there is none."""
    return _program("cc")


@pytest.fixture(scope="session")
def needs_chromium():
    """The browser. Skips the test where there is none."""
    return _program("chromium", "chromium-browser", "google-chrome", "chrome")


def _program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs {names[0]}, which is not on the PATH of this machine")
    return found

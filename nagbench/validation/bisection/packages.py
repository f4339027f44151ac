"""Versions of a package and environments with one of them, by pip with the user's configuration."""

from __future__ import annotations

import bisect
import functools
import json
import re
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# A dependency of matplotlib, and the library for what PyPI calls a version.
from packaging.version import InvalidVersion, Version

from nagbench.core.environment import installed_versions
from nagbench.core.errors import UsageError

_SECONDS = 900
_UNREACHABLE = ("connection broken", "Connection", "Temporary failure", "Network is unreachable")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def _pip(*words: str) -> str:
    """Run pip and return what it prints. Raises UsageError with its first error in one line."""
    command = [sys.executable, "-m", "pip", *words, "--disable-pip-version-check", "--no-input"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"pip cannot be run: {error}") from None
    if done.returncode != 0:
        raise UsageError(_reason(done.stderr))
    return done.stdout


def _reason(said: str) -> str:
    """Return pip's error in one line: whether there is no network, else its own words."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any(word in line for word in _UNREACHABLE for line in lines):
        return "pip cannot reach its package index: there is no network, or the index does not answer"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return f"pip: {(errors or lines or ['it failed without a message'])[0]}"


def is_installed(package: str) -> bool:
    """Return whether the running environment has a distribution, in any version."""
    return bool(installed_versions(package))


def parse_version(text: str) -> Version:
    """Return a version. Raises UsageError if the text is not a version."""
    try:
        return Version(text)
    except InvalidVersion:
        raise UsageError(f"{text!r} is not a version; expected one as in 1.2.3") from None


def released_between(package: str, good: Version, bad: Version) -> list[Version]:
    """Return the released versions from one to another; the second may be the older one.

    Parameters
    ----------
    package
        The name of the distribution.
    good, bad
        The versions.

    Returns
    -------
    list of Version
        In order from ``good`` to ``bad``. Pre-releases are left out unless one of the two is one.

    Raises
    ------
    UsageError
        If pip does not reach an index, or if the package or one of the versions is unknown.
    """
    if not _NAME.fullmatch(package):
        raise UsageError(f"{package!r} is not the name of a package")
    pre = ["--pre"] if good.is_prerelease or bad.is_prerelease else []
    known = sorted(_known_versions(_pip("index", "versions", package, *pre)))
    for version in (good, bad):
        if version not in known:
            place = bisect.bisect(known, version)
            near = ", ".join(map(str, known[max(0, min(place - 2, len(known) - 3)) :][:3]))
            raise UsageError(f"{package} has no version {version} for this Python; the nearest are {near}")
    low, high = min(good, bad), max(good, bad)
    between = [version for version in known if low <= version <= high]
    return between if good < bad else between[::-1]


def _known_versions(text: str) -> list[Version]:
    """Return the versions that ``pip index versions`` lists."""
    line = next((line for line in text.splitlines() if line.startswith("Available versions:")), "")
    return [parse_version(word.strip()) for word in line.partition(":")[2].split(",") if word.strip()]


@functools.cache
def download_size(package: str, version: Version, *, deps: bool) -> tuple[int, int]:
    """Return how many bytes pip downloads for a version, and the number of files of unknown size; nothing is installed.

    Raises
    ------
    UsageError
        If pip cannot resolve it.
    """
    words = [] if deps else ["--no-deps"]
    report: dict[str, Any] = json.loads(
        _pip("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", *words, f"{package}=={version}")
    )
    sizes = [_size(item["download_info"]["url"]) for item in report["install"]]
    return sum(size for size in sizes if size is not None), sizes.count(None)


def _size(url: str) -> int | None:
    """Return the size of a file by its address; None if the server does not say."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "file":
            return Path(unquote(parts.path)).stat().st_size
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=20) as answer:
            length = answer.headers.get("Content-Length")
    except (OSError, ValueError):
        return None
    return int(length) if length else None


def make_environment(folder: Path, package: str, version: Version, *, deps: bool) -> Path:
    """Make a virtual environment with one version of a package.

    Parameters
    ----------
    folder
        Where to make it.
    package, version
        What to install.
    deps
        Whether to install the dependencies of this version as well; otherwise they come from the running environment, as
        everything else does.

    Returns
    -------
    Path
        Its interpreter.

    Raises
    ------
    UsageError
        If pip cannot install it.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    words = [] if deps else ["--no-deps"]
    _pip("--python", str(python), "install", "--quiet", *words, f"{package}=={version}")
    # Only now, so that pip neither sees nor touches the running environment. What the environment itself has comes first.
    lines = [f"import site; site.addsitedir({path!r})" for path in _paths_of_this_process()]
    (site / "zz_running_environment.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return python


def _paths_of_this_process() -> Sequence[str]:
    """Return the folders from which this process imports packages, without the standard library."""
    standard = {str(Path(json.__file__).parents[1]), str(Path(json.__file__).parents[1] / "lib-dynload")}
    return [path for path in sys.path if path and Path(path).is_dir() and path not in standard]

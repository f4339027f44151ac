"""The two versions of the package, each in a process of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[2]
_PLACE = ROOT / ".asv" / "gate"


def git(*words: str) -> bytes:
    """Return the output of git in the checkout; raise click.UsageError with its error message."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
    except OSError as error:
        raise click.UsageError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        raise click.UsageError(" ".join(done.stderr.decode(errors="replace").split()) or f"git {words[0]} failed")
    return done.stdout


@dataclass(frozen=True)
class Version:
    """Where a version of the package lies, and where its compiled code is kept (None: where the user keeps it)."""

    name: str
    folder: Path
    cache: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that finds this version and today's questions."""
        path = dict.fromkeys((str(self.folder), str(ROOT)))
        cache = {} if self.cache is None else {"NAGBENCH_CACHE_DIR": str(self.cache)}
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONHASHSEED": "0", **cache}


def checkout() -> Version:
    """Return the files of this checkout, committed or not."""
    return Version("here", ROOT)


def exported(commit: str) -> Version:
    """Return the package as of a commit, in a folder that the next run reuses; those of other commits are removed."""
    full = git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    place = _PLACE / full[:12]
    for other in _PLACE.glob("*"):
        if other != place:
            shutil.rmtree(other)
    folder = place / "tree"
    if not (folder / "nagbench").is_dir():
        with tarfile.open(fileobj=io.BytesIO(git("archive", full, "nagbench", "problems"))) as archive:
            archive.extractall(folder, filter="data")
    return Version(full[:12], folder)


class Side:
    """A running version that answers questions."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gate.worker"], cwd=version.folder, env=version.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Side:
        at = Path(self.ask("where")).resolve()
        if at != (self.version.folder / "nagbench").resolve():
            raise RuntimeError(f"asked for the package in {self.version.folder}, and got {at}")
        return self

    def __exit__(self, *_: object) -> None:
        # Closes the pipes, so the process reads the end of its input, and waits for it.
        self.process.__exit__(None, None, None)

    def begin(self, *question: Any) -> None:
        """Send a question."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"the process of {self.version.name} ended; what it said is above") from None

    def end(self) -> Any:
        """Return the answer to the last question."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.version.name} ended; what it said is above")
        return json.loads(line)

    def ask(self, *question: Any) -> Any:
        """Send a question and return its answer."""
        self.begin(*question)
        return self.end()


def both(base: Side, head: Side, *question: Any) -> tuple[Any, Any]:
    """Ask both sides the same question at the same time, for whatever is not timed."""
    base.begin(*question)
    head.begin(*question)
    return base.end(), head.end()

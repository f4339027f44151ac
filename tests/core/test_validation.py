"""Suites and specifications that are not what they should be: one line that names file, entry, and what is allowed."""

from __future__ import annotations

import contextlib
import io
from unittest import mock

import pytest

import nagbench
from nagbench.cli.main import main
from nagbench.problems.suites import read_suite

_KEYS = "family, parameters, start, domain, source"

_VALLEY = '[valley]\nfamily = "quadratic"\nparameters = { eigenvalues = [1.0, 2.0] }\n'

SUITES = [
    (
        '[[problem]]\nname = "steep"\nfamily = "quadratic"\n',
        ["problem: ", "[[problem]]", "did you mean [steep]?", _KEYS],
    ),
    ('[[valley]]\nfamily = "quadratic"\n', ["valley: ", "[[valley]]", "[NAME]", _KEYS]),
    ('problems = ["bowl"]\n', ["problems: not a table", "key of a specification", "nagbench sweep FILE", _KEYS]),
    ("problem = 3\n", ["problem: not a table", _KEYS]),
    ("", ["names no problem", _KEYS]),
    ("# nothing but this\n", ["names no problem"]),
    ("no toml\n", ["cannot be read", "line 1"]),
    ('[valley]\nfamly = "quadratic"\n', ["'famly'; did you mean 'family'?", "family is missing"]),
    ("[valley]\nfamily = 3\n", ["valley: family: 3 is not valid", "a text"]),
    (
        '[valley]\nfamily = "quadrtic"\n',
        ["valley: ", "'quadrtic'; did you mean 'quadratic'?", "nagbench list families"],
    ),
    (_VALLEY.replace("{ eigenvalues = [1.0, 2.0] }", "[1, 2]"), ["valley: parameters: [1, 2] is not valid", "a table"]),
    (_VALLEY + 'start = "a"\n', ["valley: start: 'a' is not valid", "a list"]),
    (_VALLEY + 'start = [1.0, "a"]\n', ["valley: start, entry 2: 'a' is not valid", "a number"]),
    (_VALLEY + "start = [1.0, true]\n", ["valley: start, entry 2: True is not valid", "a number"]),
    (_VALLEY + 'start = ["1", "2"]\n', ["valley: start, entry 1: '1' is not valid", "a number"]),
    (_VALLEY + "domain = [1, 2]\n", ["valley: domain, entry 1: 1 is not valid", "a list"]),
    (_VALLEY + "domain = [[1, 2, 3], [1, 2]]\n", ["valley: domain, entry 1: [1, 2, 3] is not valid", "2 in the list"]),
    (f"[valley]\nfamily = {list(range(100))}\n", ["valley: family: [0, 1, 2", "… is not valid"]),
]

SPECIFICATIONS = [
    ('problems = "bowl"\n', ["problems: 'bowl' is not valid", "a list"]),
    ("problems = [3]\n", ["problems, entry 1: 3 is not valid", "a text"]),
    ("[problems]\nbowl = 1\n", ["problems: {'bowl': 1} is not valid", "a list"]),
    ('modes = ["theory", "tunned"]\n', ["modes, entry 2: 'tunned' is not valid; did you mean 'tuned'?", "default"]),
    (
        'measure = "grad"\n',
        [
            "measure: 'grad' is not valid; did you mean 'gradient'?",
            "(allowed: gradient, value, distance, gradient-mapping, gap)",
        ],
    ),
    ('engine = "numbaa"\n', ["engine: 'numbaa'", "did you mean 'numba'?", "(allowed: numba, python, mixed)"]),
    ("trials = true\n", ["trials: True is not valid", "a number"]),
    ("tolerances = [true]\n", ["tolerances, entry 1: True is not valid", "a number"]),
    ("trials = 2.5\n", ["trials: 2.5 is not valid", "a whole number"]),
    ("budget = 1e17\n", ["budget: 1e+17 is not valid", "allowed: below 9007199254740992"]),
    ("budget = 1e300\n", ["budget: 1e+300 is not valid", "allowed: a whole number below 2**53"]),
    ("budget = nan\n", ["budget: nan is not valid", "a finite number"]),
    ("oracles = []\n", ["oracles: [] is not valid", "at least 1 in the list"]),
    ('name = "a b"\n', ["name: 'a b' is not valid", "letters"]),
    ('relative = "perhaps"\n', ["relative: 'perhaps' is not valid", "true or false"]),
    ('budget = "10"\n', ["budget: '10' is not valid", "a number"]),
    ('trials = "4"\n', ["trials: '4' is not valid", "a number"]),
    ('tolerances = ["1e-3"]\n', ["tolerances, entry 1: '1e-3' is not valid", "a number"]),
    ('timing = "no"\n', ["timing: 'no' is not valid", "true or false"]),
    ("relative = 1\n", ["relative: 1 is not valid", "true or false"]),
    ("jobs = 3\n", ["unknown key 'jobs' (known: budget"]),
    (_VALLEY, ["is a suite of problems", "--suite", "valley"]),
    ('problems = ["bowl"', ["cannot be read"]),
]


def _said(*words):
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch("sys.argv", ["nagbench", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exit_info,
    ):
        main()
    assert exit_info.value.code == 2
    assert out.getvalue() == ""
    (line,) = err.getvalue().splitlines()
    assert "Input should" not in line
    assert "Model" not in line
    return line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "parts"), SUITES)
def test_what_is_wrong_with_a_suite_is_one_line(text, parts, folder):
    (folder / "mine.toml").write_text(text)
    line = _said("sweep", "--suite", "mine.toml", "-p", "valley")
    assert [part for part in ["mine.toml", *parts] if part not in line] == [], line


@pytest.mark.parametrize(("text", "parts"), SPECIFICATIONS)
def test_what_is_wrong_with_a_specification_is_one_line(text, parts, folder):
    (folder / "study.toml").write_text(text)
    line = _said("sweep", "study.toml", "--dry-run")
    assert [part for part in ["study.toml", *parts] if part not in line] == [], line


def test_a_byte_order_mark_is_no_mistake(folder):
    (folder / "mine.toml").write_bytes(b"\xef\xbb\xbf" + _VALLEY.encode())
    assert list(read_suite(folder / "mine.toml")) == ["valley"]


def test_text_in_another_encoding_is_told_so(folder):
    (folder / "mine.toml").write_text(_VALLEY, encoding="utf-16")
    assert "mine.toml cannot be read: it is not text in UTF-8" in _said("sweep", "--suite", "mine.toml")


def test_only_a_file_whose_stem_is_alike_is_suggested(folder):
    (folder / "study.toml").write_text("")
    assert _said("sweep", "stdy.toml").endswith("stdy.toml: there is no such file; did you mean 'study.toml'?")
    assert _said("sweep", "mine.toml").endswith("mine.toml: there is no such file")


@pytest.mark.parametrize("kind", ["problem", "optimizer", "family"])
def test_where_too_many_names_are_known_the_command_that_lists_them_works(kind, folder, capsys):
    words = {"problem": ("show", "xyzzyq"), "optimizer": ("run", "bowl", "xyzzyq"), "family": ("check", "mine.toml")}[
        kind
    ]
    (folder / "mine.toml").write_text('[valley]\nfamily = "xyzzyq"\n')
    line = _said(*words)
    assert "did you mean" not in line
    command = line.partition("see `nagbench ")[2].partition("`")[0]
    with mock.patch("sys.argv", ["nagbench", *command.split()]), pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code in (None, 0)
    assert len(capsys.readouterr().out.splitlines()) > 20


def test_problems_and_optimizers_of_a_sweep_are_lists():
    for wrong in ({"problems": "bowl"}, {"problems": nagbench.problem("bowl")}, {"optimizers": 3}):
        (name,) = wrong
        with pytest.raises(nagbench.UsageError, match=f"^sweep: {name}: .* is not valid; allowed: a list"):
            nagbench.sweep(**wrong)
    with pytest.raises(nagbench.UsageError, match=r"^sweep: problems, entry 2: 3 is not valid; allowed: a text"):
        nagbench.sweep(problems=["bowl", 3])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wells:double_wel", "wells has no 'double_wel'; did you mean 'double_well'?"),
        ("welsl:double_well", "No module named 'welsl'; did you mean 'wells'?"),
        ("broken:double_well", "cannot be imported: ModuleNotFoundError: No module named 'xyzzyq'"),
        ("python:wells:double_wel", "wells has no 'double_wel'; did you mean 'double_well'?"),
    ],
)
def test_a_misspelt_module_or_attribute_is_told_with_the_nearest(text, said, folder):
    (folder / "wells.py").write_text("def double_well():\n    pass\n")
    (folder / "broken.py").write_text("import xyzzyq\n")
    assert said in _said("run", text, "nesterov")
    if not text.startswith("python:"):
        assert said in _said("run", "bowl", text)

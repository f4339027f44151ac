"""What somebody's results may name: nothing that is not meant for a bench is called."""

import pytest

import nagbench
from nagbench import UsageError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("os:abort", "os is a module of Python itself"),
        ("psutil:os.abort", "os is a module that psutil only imports"),
        ("click.types:t.cast", "typing is a module that click.types only imports"),
        ("click.core:update_wrapper", "functools.update_wrapper of Python itself"),
        ("click:edit", "of an installed package"),
        ("numpy:save", "of an installed package"),
    ],
)
def test_no_optimizer(text, said):
    with pytest.raises(UsageError, match=said):
        nagbench.optimizer(text)


def test_those_of_libraries_are_optimizers():
    pytest.importorskip("torch")
    pytest.importorskip("optax")
    assert nagbench.optimizer("torch.optim:Adamax").method.library == "torch"
    assert nagbench.optimizer("optax:adabelief:step_size=0.1").method.library == "optax"


@pytest.mark.parametrize("text", ["python:psutil:os.abort", "torch:psutil:os.abort"])
def test_no_module_of_a_module(text):
    with pytest.raises(UsageError, match=r"os is a module that psutil only imports"):
        nagbench.problem(text, start=[1.0])


def test_installed_functions_of_x_are_given_numbers_alone(tmp_path):
    pytest.importorskip("joblib")
    file = tmp_path / "written"
    with pytest.raises(UsageError, match=r"python:joblib:dump: filename=.* is not made of numbers"):
        nagbench.problem("python:joblib:dump", start=[1.0, 2.0], filename=str(file))
    with pytest.raises(UsageError, match=r"python:joblib:dump: compress=.* is not made of numbers"):
        nagbench.problem("python:joblib:dump", start=[1.0], compress=[str(file)])
    assert nagbench.problem("python:scipy.optimize:rosen:gradient=rosen_der,start=[1,1]").value([1.0, 1.0]) == 0.0
    assert not file.exists()


def test_installed_functions_make_no_model(tmp_path):
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="'torch:numpy:savetxt' is of an installed package"):
        nagbench.problem("torch:numpy:savetxt", fname=str(tmp_path / "written"), X=[1.0, 2.0])
    assert not (tmp_path / "written").exists()

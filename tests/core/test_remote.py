"""A function that is marked runs where the user code of its arguments lives, and its callers need not know."""

import os

import pytest

from nagbench.core.remote import UserCode, call_path, resolve_remote_call, user_code_among
from nagbench.engine.fingerprints import files_of
from nagbench.execution.sandbox import sandboxed
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.remote import MethodReference
from nagbench.optimizers.stability import stability_limit

ROSENBROCK = '{"family":"rosenbrock","parameters":{"dimension":2}}'


def test_without_user_code_nothing_runs_elsewhere(monkeypatch):
    with sandboxed() as present:
        monkeypatch.setattr(present, "call", lambda *_: pytest.fail("another process was asked"))
        names = [name for name, _ in files_of(ROSENBROCK, "nesterov")]
    assert "nagbench.optimizers.algorithms.nesterov" in names


def test_user_code_is_that_of_problems_algorithms_and_optimizers():
    one, two = (MethodReference(name, UserCode(f"optimizer {name}", name)) for name in ("a:b", "c:d"))
    assert user_code_among(3.0, {"step_size": 1.0}, os) is None
    assert user_code_among([], one, rows=two) == UserCode("optimizer a:b", "a:b")
    assert user_code_among(one, two) == UserCode("optimizer a:b and optimizer c:d")
    assert user_code_among(type("", (), {"method": two})()) == two.user_code
    assert not hasattr(Optimizer, "user_code")


def test_a_path_leads_back_to_its_function():
    assert resolve_remote_call(call_path(stability_limit)) is stability_limit


@pytest.mark.parametrize(
    "path", ["os:system", "nagbench.core.remote:call_path", "nagbench.core.remote:nothing", "nagbench"]
)
def test_what_is_not_marked_is_not_called(path):
    with pytest.raises(ValueError, match="is not a remote call of nagbench"):
        resolve_remote_call(path)

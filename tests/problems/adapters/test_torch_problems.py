"""Problems that are a PyTorch module, against PyTorch."""

import importlib
import sys

import numpy as np
import pytest
from user_code import TORCH, again

import nagbench
from nagbench import UsageError
from nagbench.problems.adapters._common import FunctionError


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_a_module_whose_forward_is_f(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:Bowl:scale=3")
    for built in (problem, again(problem)):
        assert built.start.tolist() == [1.0, -2.0]
        assert (built.value([0.5, 2.0]), built.gradient([0.5, 2.0]).tolist()) == (12.75, [3.0, 12.0])
    run = nagbench.run(problem, "nesterov:step_size=0.1,momentum=0.5")
    assert run.status == "converged"


def test_a_model_with_loss_and_data_is_what_torch_computes_in_double_precision(torch, module):
    name = module(TORCH)
    problem = nagbench.problem(f"torch:{name}:net:hidden=6")
    torch.manual_seed(0)
    model, loss, (inputs, targets) = importlib.import_module(name).net(hidden=6)
    model = model.double()
    flat = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    assert (problem.dimension, problem.row_count) == (6 * 5 + 6 + 6 * 2 + 2, 60)
    assert problem.start.tolist() == flat.tolist()
    rows = np.array([3, 17, 40])
    for chosen in (np.arange(60), rows):
        model.zero_grad()
        expected = loss(model(inputs[chosen].double()), targets[chosen])
        expected.backward()
        values, slopes = problem.evaluate(problem.start, rows=() if chosen.size == 60 else chosen)
        assert values[0] == pytest.approx(expected.item(), rel=1e-14)
        slope = np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
        np.testing.assert_allclose(slopes[0], slope, rtol=1e-12, atol=1e-16)


def test_mini_batches_of_a_module_with_its_data(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:ridge")
    run = nagbench.run(problem, "gradient-descent:step_size=0.05", oracle="minibatch:20", budget=300, tolerance=1e-12)
    exact = nagbench.run(problem, "gradient-descent:step_size=0.05", tolerance=1e-10)
    assert run.gradient_evaluations == pytest.approx(100.0)
    assert exact.status == "converged"
    assert 0.0 < run.value - exact.value < 0.1 * problem.value(problem.start)


def test_parameters_that_are_frozen_or_shared_are_not_in_x_or_only_once(torch, module):
    name = module(TORCH)
    assert nagbench.problem(f"torch:{name}:frozen").dimension == 3 * 2 + 2
    assert nagbench.problem(f"torch:{name}:tied").dimension == 5 * 5 + 5 * 2 + 2


def test_building_leaves_torch_as_it_was(torch, module):
    name = module(TORCH)
    torch.manual_seed(5)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    problem = nagbench.problem(f"torch:{name}:net")
    problem.evaluate(problem.start)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("no_loss", "expected a module, \\(module, data\\) or \\(model, loss, data\\)"),
        ("nothing", "returned \\(NoneType\\)"),
        ("fixed", "no parameters to train"),
        ("uneven", "\\[3, 4\\] rows"),
        ("broken", "cannot be made: OSError: no data"),
        ("net:hidden=x", "cannot be made: TypeError"),
        ("net:hiden=3", "did you mean 'hidden'"),
        ("net:start=[1,2]", "start has 2 coordinates, expected 34"),
    ],
)
def test_what_is_no_torch_problem(torch, module, attribute, said):
    with pytest.raises(UsageError, match=said):
        nagbench.problem(f"torch:{module(TORCH)}:{attribute}")


def test_a_loss_that_is_not_one_number(torch, module):
    problem = nagbench.problem(f"torch:{module(TORCH)}:many")
    with pytest.raises(FunctionError, match="the value has shape"):
        problem.value(problem.start)


def test_without_torch_the_command_that_installs_it_is_told(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"PyTorch is not installed: pip install 'nagbench\[torch\]'"):
        nagbench.problem(f"torch:{module(TORCH)}:net")

"""Sixty steps on Rosenbrock, beside the same methods as PyTorch ships them."""

import numpy as np
import pytest

import nagbench

torch = pytest.importorskip("torch")
STEPS = 60


def torch_path(make):
    """The parameters after each step, the start first, and the optimizer; the gradient is written out by hand."""
    p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = make([p])
    points, buffers = [p.detach().numpy().copy()], [np.zeros(2)]
    for _ in range(STEPS):
        optimizer.zero_grad()
        x, y = p.detach().numpy()
        p.grad = torch.tensor([-400.0 * x * (y - x * x) - 2.0 * (1.0 - x), 200.0 * (y - x * x)], dtype=torch.float64)
        optimizer.step()
        points.append(p.detach().numpy().copy())
        buffer = optimizer.state[p].get("momentum_buffer")
        buffers.append(np.zeros(2) if buffer is None else buffer.numpy().copy())
    return np.array(points), np.array(buffers)


def our_path(name, engine, **hyperparameters):
    optimizer = nagbench.optimizer(name, **hyperparameters)
    return nagbench.run("rosenbrock", optimizer, budget=STEPS, tolerance=1e-300, path=True, engine=engine).path


@pytest.mark.parametrize("engine", ["numba", "python"])
class TestAgainstTorch:
    def test_gradient_descent(self, engine):
        theirs, _ = torch_path(lambda p: torch.optim.SGD(p, lr=1e-3))
        np.testing.assert_allclose(our_path("gradient-descent", engine, step_size=1e-3), theirs, rtol=0, atol=1e-12)

    def test_momentum(self, engine):
        theirs, _ = torch_path(lambda p: torch.optim.SGD(p, lr=1e-4, momentum=0.9))
        np.testing.assert_allclose(
            our_path("momentum", engine, step_size=1e-4, momentum=0.9), theirs, rtol=0, atol=1e-12
        )

    def test_nesterov_is_at_the_other_point_of_the_same_trajectory(self, engine):
        """x_k = p_k + m·lr·b_k, with PyTorch's parameters p and momentum buffer b."""
        lr, m = 1e-4, 0.9
        points, buffers = torch_path(lambda p: torch.optim.SGD(p, lr=lr, momentum=m, nesterov=True))
        ours = our_path("nesterov", engine, step_size=lr, momentum=m)
        np.testing.assert_allclose(ours, points + m * lr * buffers, rtol=0, atol=1e-12)
        assert np.abs(ours - points).max() > 1e-3

    def test_rmsprop(self, engine):
        theirs, _ = torch_path(lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-8))
        ours = our_path("rmsprop", engine, step_size=1e-3, decay=0.9, epsilon=1e-8)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)

    def test_adam(self, engine):
        theirs, _ = torch_path(lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.9, 0.999), eps=1e-8))
        ours = our_path("adam", engine, step_size=1e-2, beta1=0.9, beta2=0.999, epsilon=1e-8)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)

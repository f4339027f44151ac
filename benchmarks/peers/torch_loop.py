"""torch.optim.SGD(nesterov=True), as its users run it: a gradient in `.grad`, then `step()`.

The gradient is written by hand and in place, since autograd would cost more than all the rest. PyTorch's parameter is
the look-ahead point p; x = p + m·s·b with its momentum buffer b.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.cases import Case, Floats
from benchmarks.peers.measure import Peer

_IMPLEMENTATIONS = ("single-tensor", "foreach", "fused")


def peers() -> list[Peer]:
    """SGD's three implementations. Raises ImportError without PyTorch."""
    import torch

    torch.set_num_threads(1)
    return [Peer(f"PyTorch SGD, {name}", lambda case, name=name: Sgd(case, name)) for name in _IMPLEMENTATIONS]


class Sgd:
    """One parameter tensor of float64 on the CPU."""

    def __init__(self, case: Case, implementation: str) -> None:
        import torch

        self.case, self.implementation = case, implementation
        self.p = torch.zeros(case.n, dtype=torch.float64, requires_grad=True)
        self.p.grad = torch.zeros_like(self.p)
        gradient = _rosenbrock if case.valley else _diagonal
        self.gradient: Callable[[], None] = gradient(torch, self.p.detach(), self.p.grad, case)
        self.reset()

    def reset(self) -> None:
        import torch

        self.p.detach().copy_(torch.from_numpy(self.case.problem.start))
        self.optimizer = torch.optim.SGD(
            [self.p],
            lr=self.case.step_size,
            momentum=self.case.momentum,
            nesterov=True,
            foreach=self.implementation == "foreach",
            fused=self.implementation == "fused",
        )

    def advance(self, iterations: int) -> None:
        step, gradient = self.optimizer.step, self.gradient
        for _ in range(iterations):
            gradient()
            step()

    def iterate(self) -> Floats:
        buffer = self.optimizer.state[self.p]["momentum_buffer"]
        x = self.p.detach() + self.case.momentum * self.case.step_size * buffer
        return np.asarray(x.numpy())


def _diagonal(torch: Any, p: Any, g: Any, case: Case) -> Callable[[], None]:
    eigenvalues = torch.tensor(case.eigenvalues)

    def gradient() -> None:
        torch.mul(eigenvalues, p, out=g)

    return gradient


def _rosenbrock(torch: Any, p: Any, g: Any, case: Case) -> Callable[[], None]:
    (a, b), (ga, gb) = p, g

    def gradient() -> None:
        torch.mul(a, a, out=gb)
        torch.sub(b, gb, out=gb)
        gb.mul_(200.0)
        torch.mul(gb, a, out=ga)
        ga.mul_(-2.0).add_(a, alpha=2.0).sub_(2.0)

    return gradient

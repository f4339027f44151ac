"""Modules as users write them, and a problem built again as another process does."""

from nagbench.core.canonical import canonical
from nagbench.engine import fingerprints, lookup


def again(problem):
    """The problem as another process builds it, from its plain data."""
    fingerprints.clear_caches()
    return lookup.problem_of(canonical(problem.spec))


VALLEY = """
import numpy as np

def valley(x, steepness=100.0):
    return (1 - x[0]) ** 2 + steepness * (x[1] - x[0] ** 2) ** 2

def slope(x, steepness=100.0):
    across = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 4 * steepness * x[0] * across, 2 * steepness * across])

def known(x):
    return valley(x)

valley.start = [-1.2, 1.0]
known.start, known.gradient, known.minimum, known.minimizers = [-1.2, 1.0], slope, 0.0, [1.0, 1.0]
known.domain, known.kind, known.source = [(-2, 2), (-1, 3)], "nonconvex", "a test"
pair = valley, slope
"""

TORCH = """
import torch
from torch import nn

class Bowl(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.place, self.scale = nn.Parameter(torch.tensor([1.0, -2.0])), scale

    def forward(self):
        return self.scale * (self.place ** 2).sum()

def data():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(60, 5, generator=generator)
    return inputs, (inputs[:, 0] * inputs[:, 1] > 0).long()

def net(hidden=4):
    return nn.Sequential(nn.Linear(5, hidden), nn.Tanh(), nn.Linear(hidden, 2)), nn.CrossEntropyLoss(), data()

class Ridge(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Linear(5, 1, bias=False)

    def forward(self, inputs, targets):
        return ((self.weights(inputs)[:, 0] - targets) ** 2).mean() + 0.1 * (self.weights.weight ** 2).sum()

def ridge():
    return Ridge(), data()

def frozen():
    model = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    return model, nn.CrossEntropyLoss(), data()

def tied():
    first, second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
    second.weight = first.weight
    return nn.Sequential(first, second, nn.Linear(5, 2)), nn.CrossEntropyLoss(), data()

def no_loss():
    return nn.Linear(5, 2), data()[0], 3

def nothing():
    return None

def fixed():
    return nn.Tanh()

def uneven():
    return nn.Linear(5, 2), nn.CrossEntropyLoss(), (torch.zeros(3, 5), torch.zeros(4, dtype=torch.long))

def broken():
    raise OSError("no data")

def many():
    return nn.Linear(5, 1), nn.MSELoss(reduction="none"), (torch.zeros(3, 5), torch.zeros(3, 1))
"""

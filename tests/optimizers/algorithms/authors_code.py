"""The first iterates of optimizers by their authors' own code, stored in authors_iterates.json with the versions.

`python tests/optimizers/algorithms/authors_code.py` computes those again whose packages are installed.
"""

import importlib
import importlib.metadata
import json
from pathlib import Path

import numpy as np

EIGENVALUES, START, STEPS = [1.0, 4.0, 9.0], [1.0, -2.0, 0.5], 20
STORED = Path(__file__).with_name("authors_iterates.json")
_ADAM = {"betas": (0.9, 0.99)}

# Ours: the package on PyPI, the class, the arguments of the class, and ours.
CASES = {
    "schedule-free-sgd": ("schedulefree", "schedulefree:SGDScheduleFreeReference", {"lr": 0.1, "weight_decay": 0.01},
                          {"step_size": 0.1, "weight_decay": 0.01}),
    "schedule-free-adamw": ("schedulefree", "schedulefree:AdamWScheduleFreeReference",
                            {"lr": 0.1, "weight_decay": 0.01, **_ADAM},
                            {"step_size": 0.1, "weight_decay": 0.01, "beta2": 0.99}),
    "prodigy": ("prodigyopt", "prodigyopt:Prodigy", {"lr": 1.0, "d0": 1e-3, "weight_decay": 0.01, **_ADAM},
                {"initial_distance": 1e-3, "weight_decay": 0.01, "beta2": 0.99}),
    "dog": ("dog-optimizer", "dog:DoG", {"reps_rel": 1e-3}, {"initial_distance": 1e-3}),
    "adabelief": ("adabelief-pytorch", "adabelief_pytorch:AdaBelief",
                  {"lr": 0.1, "eps": 1e-12, "rectify": False, "weight_decay": 0.0, "print_change_log": False, **_ADAM},
                  {"step_size": 0.1, "epsilon": 1e-12, "beta2": 0.99}),
    "d-adaptation-sgd": ("dadaptation", "dadaptation:DAdaptSGD", {"lr": 1.0, "d0": 1e-3, "momentum": 0.5},
                         {"initial_distance": 1e-3, "momentum": 0.5}),
    "momo": ("momo-opt", "momo:Momo", {"lr": 1.0, "beta": 0.9}, {}),
    "adan": ("pytorch_optimizer", "pytorch_optimizer:Adan", {"lr": 0.1}, {"step_size": 0.1}),
    "ademamix": ("pytorch_optimizer", "pytorch_optimizer:AdEMAMix",
                 {"lr": 0.1, "betas": (0.9, 0.99, 0.999), "alpha": 3.0, "weight_decay": 0.0},
                 {"step_size": 0.1, "beta2": 0.99, "beta3": 0.999, "alpha": 3.0}),
    "adopt": ("pytorch_optimizer", "pytorch_optimizer:ADOPT", {"lr": 0.1, "betas": (0.9, 0.99), "weight_decay": 0.0},
              {"step_size": 0.1, "beta2": 0.99}),
}  # fmt: skip


def first_iterates(name):
    """Return the iterates of the author's class in a plain training loop, shape (STEPS + 1, 3)."""
    import torch

    _, path, arguments, _ = CASES[name]
    module, attribute = path.split(":")
    x, scales = (
        torch.nn.Parameter(torch.tensor(START, dtype=torch.float64)),
        torch.tensor(EIGENVALUES, dtype=torch.float64),
    )
    optimizer = getattr(importlib.import_module(module), attribute)([x], **arguments)
    averages, points = hasattr(optimizer, "train"), [np.array(START)]

    def closure():
        optimizer.zero_grad()
        loss = 0.5 * (scales * x * x).sum()
        loss.backward()
        return loss

    for _ in range(STEPS):
        if averages:
            optimizer.train()
        optimizer.step(closure)
        if averages:
            optimizer.eval()
        points.append(x.detach().numpy().copy())
    return np.array(points)


if __name__ == "__main__":
    found = json.loads(STORED.read_text()) if STORED.exists() else {}
    for name, (package, path, arguments, _) in CASES.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = {
            "from": f"{path} of {package} {version}", "arguments": {key: str(value) for key, value in arguments.items()},
            "iterates": first_iterates(name).tolist(),
        }  # fmt: skip
    STORED.write_text(json.dumps(found, indent=1) + "\n")

"""Problems that are a PyTorch module: `torch:package.module:attribute`, the gradient by autograd.

The attribute is a function, or a class of modules, whose result defines f:

* a module whose ``forward()`` returns f as a tensor of one number, or
* a module and its data, a tuple of tensors with one row an example: ``forward(*rows)`` returns the mean over the rows,
or
* a model, a loss and the data, the targets last: f is ``loss(model(*inputs), targets)``, again a mean over the rows.

x holds the module's parameters one after another, flat and in double precision, in the order of ``parameters()``. The
function is called with torch's seed set to 0, so that the start is the same wherever the problem is built again.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from nagbench.core.discovery import import_object, is_unmarked
from nagbench.core.environment import one_torch_thread
from nagbench.core.errors import UsageError, one_line
from nagbench.problems.adapters._common import make_kernels, read_facts
from nagbench.problems.problem import Floats, Ints, Problem
from nagbench.problems.registry import Family, adapter

_INSTALL = "PyTorch is not installed: pip install 'nagbench[torch]'"


@adapter("torch")
def torch_family(path: str) -> Family:
    """Return the family of a function, or a class of modules, at "package.module:attribute"."""
    name = f"torch:{path}"
    _import_torch(name)
    factory = import_object("problem", path)
    if not callable(factory):
        raise UsageError(f"problem {name!r} is not a function that returns a module")

    def build(**parameters: Any) -> Problem:
        return _problem(name, factory, parameters, path.partition(":")[0])

    if is_unmarked(path, factory):
        raise UsageError(f"problem {name!r} is of an installed package and is not marked with nagbench.family")
    try:
        vars(build)["__signature__"] = inspect.signature(factory)
    except (TypeError, ValueError) as error:
        raise UsageError(f"problem {name!r} is not a function that returns a module: {error}") from None
    build.__doc__ = inspect.getdoc(factory)
    return Family(name, build)


def _import_torch(name: str) -> Any:
    try:
        import torch
    except ImportError:
        raise UsageError(f"{name}: {_INSTALL}") from None
    return torch


def _problem(name: str, factory: Any, parameters: dict[str, Any], home: str) -> Problem:
    torch = _import_torch(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            made = factory(**parameters)
        except Exception as error:
            raise UsageError(f"{name} cannot be made: {one_line(error)}") from error
    function = _FlatModule(name, *_split_parts(name, made))
    value, gradient = make_kernels(name, function.value, function.gradient)
    return Problem(
        name=name,
        family=name,
        value_kernel=value,
        gradient_kernel=gradient,
        start=function.start,
        row_count=function.row_count,
        blocks=function.blocks,
        engine="python",
        modules=tuple(dict.fromkeys([home, factory.__module__, *function.modules])),
        **read_facts(name, factory, function.start.size),
    )


def _split_parts(name: str, made: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the module whose forward returns f, and its data."""
    import torch

    parts = made if isinstance(made, tuple) else (made,)
    module, data = parts[0], parts[-1] if len(parts) > 1 else ()
    known = isinstance(module, torch.nn.Module) and isinstance(data, tuple | list) and len(parts) <= 3
    if not known or (len(parts) == 3 and not (callable(parts[1]) and len(data) >= 2)):
        shape = ", ".join(type(part).__name__ for part in parts)
        raise UsageError(
            f"{name} returned ({shape}), expected a module, (module, data) or (model, loss, data) with data = "
            "(inputs, targets)"
        )
    return _append_loss(*parts[:2]) if len(parts) == 3 else module, _tensors(name, data)


def _append_loss(model: Any, loss: Any) -> Any:
    import torch

    class WithLoss(torch.nn.Module):
        """The loss of a model on the targets, the last of the data."""

        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = model, loss

        def forward(self, *batch: Any) -> Any:
            return self.loss(self.model(*batch[:-1]), batch[-1])

    return WithLoss()


def _tensors(name: str, data: Any) -> tuple[Any, ...]:
    """Return data as tensors with the same number of rows, in double precision. Raises UsageError."""
    import torch

    try:
        tensors = [torch.as_tensor(part).detach() for part in data]
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name}: its data are no tensors: {one_line(error)}") from None
    counts = {part.shape[0] if part.ndim else 0 for part in tensors}
    if data and (len(counts) != 1 or 0 in counts):
        raise UsageError(f"{name}: its data have {sorted(counts)} rows, expected the same number of at least 1 in each")
    return tuple(part.double() if part.is_floating_point() else part for part in tensors)


class _FlatModule:
    """A module as a function of one flat vector of its parameters. The module itself is never changed."""

    def __init__(self, name: str, module: Any, data: tuple[Any, ...]) -> None:
        self._module, self._data = module.double(), data
        trained = {key: p for key, p in module.named_parameters() if p.requires_grad}
        if odd := [key for key, p in trained.items() if not p.is_floating_point()]:
            raise UsageError(
                f"{name}: its parameter {odd[0]} is of type {trained[odd[0]].dtype}; x is real: give the real and the "
                "imaginary part as two parameters"
            )
        if not trained:
            raise UsageError(f"{name}: its module has no parameters to train")
        self._shapes = {key: tuple(p.shape) for key, p in trained.items()}
        self._sizes = [p.numel() for p in trained.values()]
        self.start: Floats = np.concatenate([p.detach().numpy().ravel() for p in trained.values()])
        # None if all parameters are vectors.
        self.blocks = tuple(self._shapes.values()) if any(len(shape) > 1 for shape in self._shapes.values()) else ()
        self.row_count = int(data[0].shape[0]) if data else 0
        homes = {type(part).__module__ for part in module.modules()}
        self.modules = sorted(home for home in homes if not f"{home}.".startswith(("torch.", f"{__name__}.")))

    def value(self, x: Floats, rows: Ints) -> Any:
        """Return f(x) over some rows of the data, or all."""
        import torch

        with torch.no_grad(), one_torch_thread():
            return self._loss(torch.from_numpy(x), rows).numpy()

    def gradient(self, x: Floats, rows: Ints) -> Any:
        """Return ∇f(x) over some rows of the data, or all."""
        import torch

        with one_torch_thread():
            point = torch.from_numpy(x).requires_grad_()
            return torch.autograd.grad(self._loss(point, rows), point)[0].numpy()

    def _loss(self, point: Any, rows: Ints) -> Any:
        import torch

        pieces = torch.split(point, self._sizes)
        values = {key: piece.view(shape) for (key, shape), piece in zip(self._shapes.items(), pieces, strict=True)}
        chosen = torch.from_numpy(rows)
        batch = tuple(part[chosen] for part in self._data) if rows.size else self._data
        return torch.func.functional_call(self._module, values, batch)

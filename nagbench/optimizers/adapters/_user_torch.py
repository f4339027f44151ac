"""A user's classes of ``torch.optim.Optimizer``, driven as a training loop drives them.

Every iteration hands over a fresh gradient as ``backward`` does after ``zero_grad``, calls ``step()``, and reads x back
from the parameters, so that a class may rebind ``p.grad`` or ``p.data`` and keep either. A class with ``train()`` and
``eval()`` takes its gradients at the parameters of ``train()`` and is tested at those of ``eval()``. One that needs a
closure asks for values and gradients itself.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nagbench.core.errors import one_line
from nagbench.optimizers.adapters._common import follow_schedule
from nagbench.optimizers.adapters._parameters import Signature, Style, find_style, split
from nagbench.optimizers.algorithm import Blocks, Method, RunContext, Step
from nagbench.optimizers.errors import OptimizerError
from nagbench.problems.problem import Floats

# Way to be driven: the step needs a closure.
_CLOSURE = 1
_AVERAGE = "the parameters of eval()"


def is_torch_class(thing: Any) -> bool:
    """Tell whether an object is a class of PyTorch optimizers. PyTorch is not imported for that."""
    home = ("torch.optim.optimizer", "Optimizer")
    return inspect.isclass(thing) and any((base.__module__, base.__qualname__) == home for base in thing.__mro__)


class _Parameters:
    """Parameters of PyTorch that hold a copy of x, and the optimizer that moves them."""

    def __init__(self, kind: type[Any], arguments: Mapping[str, Any], x: Floats, blocks: Blocks) -> None:
        import torch

        self._torch, self._shapes = torch, blocks
        self._all = [torch.nn.Parameter(torch.from_numpy(piece.copy())) for piece in split(blocks, x)]
        self.optimizer = _construct(kind, self._all, arguments)
        self._averages = all(callable(getattr(self.optimizer, mode, None)) for mode in ("train", "eval"))
        self._resets = kind.zero_grad is not torch.optim.Optimizer.zero_grad
        if self._averages:
            self.optimizer.train()

    def set_gradient(self, gradient: Floats) -> None:
        """Give every parameter a gradient of its own, as ``zero_grad`` and ``backward`` do."""
        if self._resets:
            self.optimizer.zero_grad()
        for parameter, piece in zip(self._all, split(self._shapes, gradient.copy()), strict=True):
            parameter.grad = self._torch.from_numpy(piece)

    def share(self, x: Floats, gradient: Floats) -> None:
        """Hold x and the gradient in these arrays from now on."""
        pieces = zip(self._all, split(self._shapes, x), split(self._shapes, gradient), strict=True)
        for parameter, piece, slope in pieces:
            parameter.data, parameter.grad = self._torch.from_numpy(piece), self._torch.from_numpy(slope)

    def change(self, arguments: Mapping[str, Any]) -> None:
        """Give the optimizer other hyperparameters."""
        for group in self.optimizer.param_groups:
            group.update({key: value for key, value in arguments.items() if key in group})

    def read(self, out: Floats) -> None:
        """Write x to an array. Raises OptimizerError if it is no longer real numbers of this number."""
        found = np.concatenate([parameter.detach().numpy().ravel() for parameter in self._all])
        if found.dtype.kind != "f" or found.size != out.size:
            raise OptimizerError(f"the parameters are {found.size} values of type {found.dtype} after a step")
        out[:] = found

    def read_average(self, out: Floats) -> None:
        """Write the parameters of ``eval()`` to an array, and go on with those of ``train()``, to the bit."""
        if not self._averages:
            return
        kept = [parameter.detach().clone() for parameter in self._all]
        self.optimizer.eval()
        self.read(out)
        self.optimizer.train()
        with self._torch.no_grad():
            for parameter, before in zip(self._all, kept, strict=True):
                parameter.copy_(before)


def _construct(kind: type[Any], parameters: list[Any], arguments: Mapping[str, Any]) -> Any:
    """Return the optimizer of parameters.

    A class that takes no plain list is given groups that say which parameters Muon's step is for, the matrices.
    """
    try:
        return kind(parameters, **arguments)
    except Exception:
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups = [{"params": chosen, "use_muon": use} for chosen, use in ((matrices, True), (others, False)) if chosen]
        with contextlib.suppress(Exception):
            return kind(groups, **arguments)
        raise


def _style(kind: type[Any], arguments: Mapping[str, Any]) -> Style:
    return find_style((0, _CLOSURE), functools.partial(_try, kind, arguments))


def _try(kind: type[Any], arguments: Mapping[str, Any], shape: tuple[int, ...], closure: int) -> bool:
    """Make two steps; return whether the optimizer has ``train()`` and ``eval()``."""
    gradient, x = np.array([0.3, -0.2, 0.1, 0.5, -0.4, 0.2]), np.linspace(-1.0, 1.0, 6)
    made = _Parameters(kind, arguments, x, (shape,))
    for _ in range(2):
        if closure:
            made.optimizer.step(_closure(made, lambda _: 0.5, lambda _: gradient, x.size))
        else:
            made.set_gradient(gradient)
            made.optimizer.step()
    made.read(x)
    return made._averages


def _closure(made: _Parameters, value: Any, gradient: Any, size: int) -> Callable[[], Any]:
    """Return a closure that evaluates f and ∇f at the parameters, as the loop of an author does."""
    import torch

    point = np.empty(size)

    def closure() -> Any:
        made.read(point)
        made.set_gradient(gradient(point))
        return torch.tensor(value(point), dtype=torch.float64)

    return closure


@dataclass(frozen=True)
class _TorchSession:
    """The sessions of a class whose step needs no closure.

    Parameters
    ----------
    name, kind, signature
        Its path, the class and its hyperparameters.
    averages
        Whether it has ``train()`` and ``eval()``.
    shared
        Whether one array holds x and one the gradient in all iterations. Only `nagbench check` asks for this, to
        compare.
    """

    name: str
    kind: type[Any]
    signature: Signature
    averages: bool
    shared: bool = False

    def __call__(self, iterate: Floats, gradient: Floats, hyper: Floats, context: RunContext) -> Step:
        """Begin a run."""
        made = _Parameters(self.kind, self.signature.arguments(hyper.tolist()), iterate, context.blocks)
        out = context.query if self.averages else iterate
        if self.shared:
            made.share(out, gradient)

        def advance() -> None:
            if not self.shared:
                made.set_gradient(gradient)
            try:
                made.optimizer.step()
            except Exception as error:
                raise OptimizerError(f"{self.name} raised {one_line(error)}") from error
            if not self.shared:
                made.read(out)
            made.read_average(iterate)

        return follow_schedule(hyper, lambda now: made.change(self.signature.arguments(now.tolist())), advance)


def torch_algorithm(name: str, kind: type[Any], signature: Signature) -> Method:
    """Return the algorithm of a class of ``torch.optim.Optimizer``.

    Parameters
    ----------
    name
        Its path.
    kind
        The class.
    signature
        Its hyperparameters.
    """
    style = Style() if signature.needed else _style(kind, signature.arguments(signature.examples()))

    def drive(
        value: Any, gradient: Any, start: Floats, hyper: Floats, most: int, iterated: Any, blocks: Blocks = ()
    ) -> Floats:
        made, x = _Parameters(kind, signature.arguments(hyper.tolist()), start, blocks or (start.shape,)), start.copy()
        closure = _closure(made, value, gradient, start.size)
        for _ in range(most):
            made.optimizer.step(closure)
            made.read(x)
            made.read_average(x)
            if iterated and iterated(x):
                break
        return x

    def refuses(values: Mapping[str, float]) -> str | None:
        why = signature.missing(values)
        if why is None and (refusal := _constructor_refusal(kind, signature.arguments(values.values()), style)):
            return signature.refusal(values, refusal)
        return why

    return Method(
        **signature.facts(name, kind),
        library="torch",
        session=None if style.way else _TorchSession(name, kind, signature, style.averages),
        driver=drive if style.way == _CLOSURE else None,
        look_ahead=style.averages and not style.way,
        tested_at=_AVERAGE if style.averages else "x",
        contextual=True,
        matrices=style.matrices,
        refuses=refuses,
        modules=(name.partition(":")[0], kind.__module__),
        distributions=("torch",),
    )


def _constructor_refusal(kind: type[Any], arguments: Mapping[str, Any], style: Style) -> str:
    """Return the error that a class raises for its arguments, or in its first steps in any case; empty if none."""
    try:
        _Parameters(kind, arguments, np.zeros(4), ((2, 2) if style.matrices else (4,),))
    except Exception as error:
        return one_line(error)
    if not style.refusal:
        return ""
    now = _style(kind, arguments)
    return now.refusal if now.refusal else "" if now == Style() else style.refusal

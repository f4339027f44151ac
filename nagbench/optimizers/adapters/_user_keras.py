"""Classes of Keras optimizers, a user's and Keras's own with any of their options, as "keras.optimizers:Adam".

They run as those of `keras` do: a step on one variable, on the backend that Keras has.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nagbench.core.errors import one_line
from nagbench.optimizers.adapters import keras
from nagbench.optimizers.adapters._parameters import Parameter, Signature
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.hyperparameters import Hyperparameter

_HOME = "keras.src.optimizers."
# What its trainer does with these is no part of a step.
_TRAINER = ("use_ema", "ema_momentum")


def is_keras_class(thing: Any) -> bool:
    """Tell whether an object is a class of Keras optimizers. Keras is not imported for that."""
    if not inspect.isclass(thing) or thing.__name__ in ("Optimizer", "LossScaleOptimizer"):
        return False
    return any(base.__module__.startswith(_HOME) and base.__name__ == "BaseOptimizer" for base in thing.__mro__)


def prepare_import(path: str) -> None:
    """Choose the backend of Keras before a path that lies in Keras is imported."""
    if path.partition(":")[0].partition(".")[0] == "keras":
        keras.load_keras()


def keras_algorithm(name: str, kind: type[Any], signature: Signature) -> Method:
    """Return the algorithm of a class of Keras optimizers.

    Parameters
    ----------
    name
        Its path.
    kind
        The class.
    signature
        Its hyperparameters.
    """
    signature = _with_decay(kind, signature)

    def refuses(values: Mapping[str, float]) -> str | None:
        if (why := signature.missing(values)) is not None:
            return why
        try:
            kind(**signature.arguments(values.values()))
        except Exception as error:
            return signature.refusal(values, one_line(error))
        return None

    return Method(
        **signature.facts(name, kind),
        library="keras",
        session=keras.make_class_session(kind, signature),
        refuses=refuses,
        modules=(name.partition(":")[0], kind.__module__, keras.__name__),
        distributions=("keras",),
    )


def _with_decay(kind: type[Any], signature: Signature) -> Signature:
    """Return the signature without what concerns the trainer, and with the weight decay, whose default is None."""
    found = tuple(parameter for parameter in signature.parameters if parameter.own not in _TRAINER)
    if "weight_decay" in inspect.signature(kind).parameters and all(p.own != "weight_decay" for p in found):
        optional = replace(Hyperparameter(default=0.0), default=float("nan"), optional=True)
        found = (*found, Parameter("weight_decay", "weight_decay", None, optional))
    return replace(signature, parameters=found)

"""What stays in single precision where the rest of a model is in half."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_single_precision(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function whose tensors are float32, under ``torch.autocast``, too.

    Encoders and projections of texts may run in bfloat16, which has eight bits for a
    number: two of three scores would be tied in it, and sums over a history would stop
    growing. Sums, scores and softmaxes of a catalogue are for this decorator.

    Args:
        function: What computes; its tensors are those given by position.
    """

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not any(map(torch.is_autocast_enabled, ("cpu", "cuda"))):
            return function(*args, **kwargs)
        with (
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            return function(*map(_single, args), **kwargs)  # type: ignore[arg-type]

    return run


def _single(value: object) -> object:
    if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16):
        return value.float()
    return value

"""What tells a transform from others, down to the values that it holds."""

import hashlib
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from pathlib import PurePath
from types import MethodType, NoneType

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.transforms import BaseTransform

_PLAIN = (
    *(NoneType, bool, int, float, complex, str, bytes, range, slice),
    *(date, time, timedelta, Enum, PurePath),
    *(np.generic, np.dtype, torch.dtype, torch.device),
)  # their repr says all


class _UnknownError(TypeError):
    """Nothing is known of what a value holds."""


def identity(value: object) -> str | None:
    """A text that differs for values that differ in anything they hold.

    That is known of plain values, containers, arrays and tensors, of modules,
    transforms and dataclasses, of whatever has a ``fingerprint``, and of their methods.
    Of anything else a ``repr`` proves nothing: most abbreviate, or show a name alone.

    Returns:
        The text, or None where a value may differ and nobody could tell, as of a
        function, whose code changes without its name.
    """
    try:
        return _describe(value)
    except (_UnknownError, RecursionError):  # the latter of what holds itself
        return None


def _describe(value: object) -> str:
    own = getattr(value, "fingerprint", None)
    content = repr(own) if isinstance(own, str) and own else _content(value)
    return f"{_name(type(value))}({content})"


def _content(value: object) -> str:
    """What is in a value of a known kind."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, type):
        return _name(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_describe(k)}: {_describe(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_describe, value))
    if isinstance(value, Set):
        return ", ".join(sorted(map(_describe, value)))
    if isinstance(value, Tensor):
        return _of_tensor(value)
    if isinstance(value, np.ndarray):
        return _of_array(value)
    return _content(_parts(value))


def _parts(value: object) -> dict[str, object]:
    """What a value is made of, by name."""
    if isinstance(value, BaseTransform | nn.Module):
        return vars(value)
    if isinstance(value, MethodType):
        return {value.__func__.__qualname__: value.__self__}
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise _UnknownError(f"{_name(type(value))} is of no known kind")


def _of_tensor(value: Tensor) -> str:
    if value.layout != torch.strided:
        raise _UnknownError(f"a tensor of layout {value.layout} has no bytes in a row")
    flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return f"{list(value.shape)}, {value.dtype}, {_sha256(flat.numpy())}"


def _of_array(value: np.ndarray) -> str:
    content = _content(value.tolist()) if value.dtype.hasobject else _sha256(value)
    return f"{value.shape}, {value.dtype}, {content}"


def _sha256(value: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

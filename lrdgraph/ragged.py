"""Indices: ranges of different lengths, few out of many, the best of each owner."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

_FEW = 8  # times fewer indices than marks: sorting them costs less


def ragged_arange(start: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Ranges ``start[i], ..., start[i] + length[i] - 1`` laid end to end.

    Args:
        start: First element of each range, with shape ``[M]``.
        length: Number of elements of each range, with shape ``[M]``.

    Returns:
        The owner ``i`` of each element, and the element; both ``[sum(length)]``.
    """
    owner = torch.repeat_interleave(length)
    first = length.cumsum(0) - length
    shift = (start - first).index_select(0, owner)
    return owner, shift + torch.arange(owner.numel(), device=length.device)


def starts(owner: Tensor, size: int) -> Tensor:
    """Where the elements of each owner begin, and where the last one's end.

    Args:
        owner: Owner of each element, ascending, with shape ``[M]``.
        size: Number of owners.

    Returns:
        Places with shape ``[size + 1]``.
    """
    count = torch.bincount(owner, minlength=size)
    return torch.cat([count.new_zeros(1), count.cumsum(0)])


def relabel(size: int, *index: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The different indices below ``size`` of some tensors, and each in their places.

    Args:
        size: What all of them are below, but for ``size`` itself, which is padding and
            becomes the number ``n`` of different ones.
        *index: Indices of any shape.

    Returns:
        The indices ``[n]``, ascending, and the tensors with their places.
    """
    present = torch.zeros(size + 1, dtype=torch.bool, device=index[0].device)
    for one in index:
        present[one.flatten()] = True
    present[size] = False
    place = present.cumsum(0) - 1
    place[size] += 1
    return present.nonzero().squeeze(-1), [place[one] for one in index]


def distinct(index: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """:meth:`torch.Tensor.unique` of indices below ``size``, with the inverse.

    Args:
        index: Indices of any shape.
        size: What all of them are below. Unless there are few indices, a mark is kept
            for each, and nothing sorted.

    Returns:
        The different indices, ascending, and the place of each index among them.
    """
    if index.numel() < size // _FEW:
        found, place = index.unique(return_inverse=True)
        return found, place
    present = torch.zeros(size, dtype=torch.bool, device=index.device)
    present[index.flatten()] = True
    place = present.cumsum(0) - 1
    return present.nonzero().squeeze(-1), place[index]


def ascending(index: Tensor) -> Tensor:
    """Indices ``[M]``, sorted: on a processor by NumPy, five times as fast there."""
    if index.device.type != "cpu":
        return index.sort().values
    return torch.from_numpy(np.sort(index.numpy()))


def find(key: Tensor, wanted: Tensor) -> Tensor:
    """Place of each wanted key among ascending ones, -1 where there is none."""
    if not key.numel():
        return torch.full_like(wanted, -1)
    place = torch.searchsorted(key, wanted).clamp(max=key.numel() - 1)
    return torch.where(key[place] == wanted, place, -1)


def largest(owner: Tensor, value: Tensor, k: int) -> Tensor:
    """Places of the ``k`` largest values of each owner, or of all where it has fewer.

    Args:
        owner: Whose each value is, in any order, with shape ``[M]``.
        value: The values, with shape ``[M]``; of equal ones, earlier ones are taken.
        k: Number of places at most.

    Returns:
        Places, ascending.
    """
    order = value.argsort(descending=True, stable=True)
    order = order[owner[order].argsort(stable=True)]
    grouped = owner[order]
    rank = torch.arange(len(order), device=order.device)
    rank = rank - torch.searchsorted(grouped, grouped)
    return order[rank < k].sort().values


def by_parts(function: Callable[[Tensor], Tensor], index: Tensor, size: int) -> Tensor:
    """A function of many indices, which holds what it needs for some at a time.

    Args:
        function: From indices ``[m]`` to rows ``[m, ...]``, each its index's alone.
        index: Indices with shape ``[M]``.
        size: Largest ``m``.

    Returns:
        Rows with shape ``[M, ...]``.
    """
    first = function(index[:size])
    rows = first.new_empty(len(index), *first.shape[1:])
    rows[:size] = first
    for start in range(size, len(index), size):
        rows[start : start + size] = function(index[start : start + size])
    return rows

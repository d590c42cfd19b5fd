"""Ranges of different lengths, without a loop."""

import torch
from torch import Tensor


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

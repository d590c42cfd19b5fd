"""Dropout whose noise takes a processor little time to draw."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """:class:`torch.nn.Dropout`, with 16 random bits a number on a processor.

    PyTorch draws a double for each there, which takes longer than the layer before.
    Four numbers share 64 bits here, so that ``p`` is rounded to 16 bits; what is kept
    is scaled by the rounded one, and stays the same on average. Elsewhere than on a
    processor it is PyTorch's own.

    Args:
        p: Probability of a number to become 0.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  as PyTorch calls it
        """Numbers of any shape, of which some are 0 in training."""
        lost = round(self.p * 2**16)
        if not self.training or not 0 < lost < 2**16 or input.device.type != "cpu":
            return super().forward(input)
        words = torch.empty(-(-input.numel() // 4), dtype=torch.long)
        bits = words.random_(-(2**63), None).view(torch.int16)[: input.numel()]
        kept = torch.empty(input.shape, dtype=input.dtype)
        torch.ge(bits.view(input.shape), lost - 2**15, out=kept)  # as numbers at once
        return input * kept.mul_(2**16 / (2**16 - lost))

"""Convolutions over shopping histories."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder


class Caser(HistoryEncoder):
    r"""Filters over the last items, seen as an image ``[window, C]``.

    From `"Personalized Top-N Sequential Recommendation via Convolutional Sequence
    Embedding" <https://arxiv.org/abs/1809.07426>`_: horizontal filters of every height
    up to the window, with max-pooling (equations 3 to 5), find that items follow one
    another; vertical ones (equations 6 to 8) weigh places; a fully connected layer
    (equation 9) reads both.

    Causal by itself: every slot has the image of the ``window`` items up to it, so that
    training on all slots of a history is training on the paper's sliding windows, with
    nothing computed twice. Deliberate differences to the paper and the authors' code:
    no user embedding, so that new shoppers get recommendations; what follows is the
    next item, not also those after it (``T = 1``); items are the same where they are
    read and where they are scored (theirs have a second vector there); the loss is that
    of the model; missing items are zeros instead of an embedding.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of layers; 1 in the paper.
        window: Number of last items in an image; ``L`` in the paper.
        num_horizontal: Number of horizontal filters of each height.
        num_vertical: Number of vertical filters.
        dropout: Dropout probability.

    Raises:
        ValueError: If one of the numbers but ``dropout`` is not positive.
    """

    def __init__(
        self,
        channels: int,
        max_length: int,
        num_layers: int = 1,
        *,
        window: int = 5,
        num_horizontal: int = 16,
        num_vertical: int = 4,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        sizes = (window, num_horizontal, num_vertical)
        if min(sizes) < 1:
            raise ValueError(
                "'window', 'num_horizontal' and 'num_vertical' need to be positive in "
                f"'Caser' (got {sizes})"
            )
        self.layers = nn.ModuleList(
            _CaserLayer(channels, *sizes, dropout) for _ in range(num_layers)
        )

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        for layer in self.layers:
            states = layer(states * mask.unsqueeze(-1))
        return states


class _CaserLayer(nn.Module):
    def __init__(
        self, channels: int, window: int, horizontal: int, vertical: int, dropout: float
    ) -> None:
        super().__init__()
        self.window = window
        self.horizontal = nn.ModuleList(
            nn.Conv1d(channels, horizontal, height) for height in range(1, window + 1)
        )
        self.vertical = nn.Conv1d(1, vertical, window)
        self.dropout = Dropout(dropout)
        found = window * horizontal + vertical * channels
        self.linear = nn.Linear(found, channels)

    def forward(self, states: Tensor) -> Tensor:
        image = F.pad(states.transpose(1, 2), (self.window - 1, 0))  # [B, C, W - 1 + L]
        found = [self._pooled(conv, image) for conv in self.horizontal]
        weighed = self.vertical(image.reshape(-1, 1, image.size(2)))  # [B * C, V, L]
        found.append(weighed.view(states.size(0), -1, states.size(1)))
        both = self.dropout(torch.cat(found, dim=1)).transpose(1, 2)
        return F.relu(self.linear(both))

    def _pooled(self, conv: nn.Module, image: Tensor) -> Tensor:
        """The most that a filter finds in the window of each slot, ``[B, H, L]``."""
        assert isinstance(conv, nn.Conv1d)
        places = self.window - conv.kernel_size[0] + 1
        return F.max_pool1d(F.relu(conv(image)), places, stride=1)

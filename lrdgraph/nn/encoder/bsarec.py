"""Attention, and a filter that keeps what changes slowly."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder, check_heads, feed_forward, visible
from lrdgraph.nn.history_attention import HistoryAttention


class BSARec(HistoryEncoder):
    r"""Self-attention mixed with a frequency filter.

    From `"An Attentive Inductive Bias for Sequential Recommendation beyond the
    Self-Attention" <https://arxiv.org/abs/2312.10325>`_ (its frequency rescaler and
    attentive inductive bias): a layer is

    .. math:: \alpha\, (\text{low}(X) + \beta^2 (X - \text{low}(X)))
        + (1 - \alpha)\, \text{attention}(X)

    where ``low`` keeps the ``cutoff // 2 + 1`` lowest frequencies of a discrete Fourier
    transform over the slots, and :math:`\beta` is learned for each channel; each half
    has its own residual and norm, and the feed-forward layers follow.

    The transform sees all slots, later ones too. The authors train on the last slot of
    each prefix; here all slots are trained at once, so ``low`` is a causal convolution:
    each slot has exactly what the transform of its own prefix, padded to
    ``max_length``, has in the last slot (:func:`low_pass`). One layer computes what
    theirs does; in a deeper one, theirs sees the whole prefix from each of its slots.
    Further deliberate differences to the authors' code: padding is 0 to the filter
    (theirs is an embedding with a position, and results depend on it), there is dropout
    between the feed-forward layers, too, and the loss is that of the model, which
    leaves out items of the history.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of layers.
        num_heads: Number of attention heads.
        cutoff: Cut-off of the filter, ``c`` in the paper.
        alpha: Share of the filter, :math:`\alpha`; the rest is attention's.
        dropout: Dropout probability.

    Raises:
        ValueError: If ``max_length``, ``num_layers`` or ``num_heads`` is not positive,
            if ``num_heads`` does not divide ``channels``, or if ``cutoff`` is negative.
    """

    def __init__(
        self,
        channels: int,
        max_length: int,
        num_layers: int = 1,
        *,
        num_heads: int = 2,
        cutoff: int = 5,
        alpha: float = 0.7,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        check_heads(self, channels, num_heads)
        if cutoff < 0:
            raise ValueError(f"'cutoff' needs to be at least 0 (got {cutoff})")
        self.position = nn.Embedding(max_length, channels)
        nn.init.normal_(self.position.weight, std=0.02)
        self.norm = nn.LayerNorm(channels)
        self.dropout = Dropout(dropout)
        low = low_pass(max_length, cutoff // 2 + 1)
        self.layers = nn.ModuleList(
            _BSARecLayer(channels, num_heads, low, alpha, dropout)
            for _ in range(num_layers)
        )

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        position = self.position.weight[self.max_length - mask.size(1) :]
        hidden = self.dropout(self.norm(states + position))
        allowed = visible(mask)
        for layer in self.layers:
            hidden = layer(hidden * mask.unsqueeze(-1), allowed)
        return hidden


def low_pass(length: int, num_frequencies: int) -> Tensor:
    r"""Keeps the lowest frequencies of each prefix, as a matrix ``[L, L]``.

    Times ``x [L, C]``, its row ``t`` is what the inverse transform of the lowest
    frequencies of ``x[: t + 1]``, padded with zeros on the left to ``L``, has in its
    last slot: the Dirichlet kernel
    :math:`\frac{1}{L} \sum_{|k| < K} \cos(2 \pi k (t - s) / L)` of the lag.

    Args:
        length: Number of slots ``L``.
        num_frequencies: Number of frequencies ``K``, the constant one included.
    """
    slot = torch.arange(length)
    lag = slot.unsqueeze(1) - slot
    frequency = torch.arange(min(num_frequencies, length // 2 + 1))
    # All but the constant, and the highest of an even length, stand for two.
    twice = (frequency > 0) & (2 * frequency < length)
    waves = torch.cos(2 * pi / length * lag.unsqueeze(-1) * frequency)
    return ((1 + twice.float()) * waves).sum(dim=-1).tril() / length


class _BSARecLayer(nn.Module):
    low: Tensor

    def __init__(
        self, channels: int, num_heads: int, low: Tensor, alpha: float, dropout: float
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.register_buffer("low", low, persistent=False)
        self.beta = nn.Parameter(torch.randn(channels))
        self.attention = HistoryAttention(channels, num_heads, dropout)
        self.dropout = Dropout(dropout)
        self.feed_forward = feed_forward(channels, 4 * channels, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(self, states: Tensor, allowed: Tensor) -> Tensor:
        filter_norm, attention_norm, last_norm = self.norms
        filtered = filter_norm(states + self.dropout(self._filter(states)))
        attended = self.dropout(self.attention(states, allowed))
        attended = attention_norm(states + attended)
        mixed = self.alpha * filtered + (1 - self.alpha) * attended
        result: Tensor = last_norm(mixed + self.feed_forward(mixed))
        return result

    def _filter(self, states: Tensor) -> Tensor:
        """Low frequencies, and high ones as strong as is learned."""
        length = states.size(1)
        low = self.low[:length, :length] @ states
        return low + self.beta.square() * (states - low)

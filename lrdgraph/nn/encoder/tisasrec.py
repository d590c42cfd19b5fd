"""Attention that knows how much time lies between two purchases."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder, check_heads, feed_forward, visible


class TiSASRec(HistoryEncoder):
    r"""Self-attention with an embedding of each time interval.

    From `"Time Interval Aware Self-Attention for Sequential Recommendation"
    <https://doi.org/10.1145/3336191.3371786>`_, its section on time interval-aware
    self-attention, for a slot :math:`i` and an earlier one :math:`j`:

    .. math::
        e_{ij} &= \frac{x_i W^Q (x_j W^K + r^K_{ij} + p^K_j)^\top}{\sqrt{C / H}}

        z_i &= \sum_j \text{softmax}_j(e_{ij})\, (x_j W^V + r^V_{ij} + p^V_j)

    in each of ``H`` heads, with embeddings :math:`p` of places and :math:`r` of
    :func:`intervals`.

    Deliberate differences to the authors' code: the unit of time is the smallest gap of
    the shopper up to the slot that asks, among the last ``max_length`` purchases
    (theirs is that of the whole history, with validation and test); units are whole, as
    in the paper (theirs rounds times first); layers are those of
    :class:`CausalTransformer`, with its differences to SASRec's code, which theirs goes
    on from, and feed-forward layers four times as wide as
    states; the loss is that of the model. Embeddings are added up per
    interval instead of per pair of slots: the same sum without a tensor
    ``[B, L, L, C]``, so that dropout takes parts of an interval from all pairs at once.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of layers.
        num_heads: Number of attention heads.
        max_interval: The longest interval that is told apart, in units; ``k`` in the
            paper.
        dropout: Dropout probability.

    Raises:
        ValueError: If ``max_length``, ``num_layers`` or ``num_heads`` is not positive,
            or if ``num_heads`` does not divide ``channels``.
    """

    def __init__(
        self,
        channels: int,
        max_length: int,
        num_layers: int = 1,
        *,
        num_heads: int = 2,
        max_interval: int = 256,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        check_heads(self, channels, num_heads)
        self.max_interval = max_interval
        self.position = _KeysAndValues(max_length, channels, dropout)
        self.interval = _KeysAndValues(max_interval + 1, channels, dropout)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(
            _TiSASRecLayer(channels, num_heads, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(channels)

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`."""
        if time is None:
            raise ValueError(
                "'time' needs to be given to 'TiSASRec', [B, L] in seconds (got None)"
            )
        hidden, allowed = self.dropout(states), visible(mask)
        positions = [p[self.max_length - mask.size(1) :] for p in self.position()]
        apart = intervals(time, mask, self.max_interval)
        embedded = self.interval()
        for layer in self.layers:
            hidden = layer(hidden, allowed, positions, apart, embedded)
        result: Tensor = self.norm(hidden)
        return result


def intervals(time: Tensor, mask: Tensor, longest: int) -> Tensor:
    """Personalised intervals: time between two slots, in units of the shopper.

    The unit of a slot is the smallest gap, above 0, between two purchases in a row up
    to it. Before there is one, all is at once.

    Args:
        time: When each item was bought, with shape ``[B, L]``; whole units count.
        mask: True where a slot holds an item, with shape ``[B, L]``.
        longest: The interval that longer ones count as.

    Returns:
        Whole units between each slot and each earlier one, 0 for later ones, with shape
        ``[B, L, L]``.
    """
    time, never = time.long(), torch.iinfo(torch.long).max
    gap = time.diff(dim=1, prepend=time[:, :1])
    before = mask.roll(1, dims=1)
    unit = gap.where(mask & before & (gap > 0), never).cummin(dim=1).values
    apart = time.unsqueeze(2) - time.unsqueeze(1)
    return (apart // unit.unsqueeze(2)).clamp(0, longest)


class _KeysAndValues(nn.Module):
    """Two embeddings of the same things, ``[num, C]`` each."""

    def __init__(self, num: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.key, self.value = (
            nn.Parameter(0.02 * torch.randn(num, channels)) for _ in range(2)
        )
        self.dropout = Dropout(dropout)

    def forward(self) -> list[Tensor]:
        return [self.dropout(self.key), self.dropout(self.value)]


class _TiSASRecLayer(nn.Module):
    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value, self.out = (
            nn.Linear(channels, channels) for _ in range(4)
        )
        self.dropout = Dropout(dropout)
        self.feed_forward = feed_forward(channels, 4 * channels, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(
        self,
        states: Tensor,
        allowed: Tensor,
        position: list[Tensor],
        apart: Tensor,
        interval: list[Tensor],
    ) -> Tensor:
        attention_norm, last_norm = self.norms
        normed = attention_norm(states)
        query, key, value = (
            self._heads(part)
            for part in (
                self.query(normed),
                self.key(normed) + position[0],
                self.value(normed) + position[1],
            )
        )  # [B, H, L, C / H] each
        apart = apart.unsqueeze(1).expand(-1, self.num_heads, -1, -1)  # [B, H, L, L]
        interval_key, interval_value = (self._heads(part) for part in interval)
        of_interval = query @ interval_key.transpose(-1, -2)  # [B, H, L, K + 1]
        logits = query @ key.transpose(-1, -2) + of_interval.gather(-1, apart)
        logits = logits / query.size(-1) ** 0.5
        logits = logits.masked_fill(~allowed.unsqueeze(1), -torch.inf)
        weight = self.dropout(logits.softmax(dim=-1))
        per_interval = torch.zeros_like(of_interval).scatter_add(-1, apart, weight)
        attended = weight @ value + per_interval @ interval_value
        states = states + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        result: Tensor = states + self.feed_forward(last_norm(states))
        return result

    def _heads(self, states: Tensor) -> Tensor:
        """``[..., L, C]`` to ``[..., H, L, C / H]``."""
        return states.unflatten(-1, (self.num_heads, -1)).transpose(-2, -3)

"""Attention among the purchases of a history."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout


class HistoryAttention(nn.Module):
    """Multi-head self-attention, in value :class:`torch.nn.MultiheadAttention`.

    With that one, a Transformer took a quarter longer to train on a processor, most of
    it for drawing dropout; and it projects all slots where the last one asks alone.

    Args:
        channels: Size ``C`` of states.
        num_heads: Number of heads ``H``; it divides ``C``, as encoders check.
        dropout: Dropout probability of a slot's weight.
    """

    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.dropout = Dropout(dropout)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, states: Tensor, allowed: Tensor) -> Tensor:
        """What each slot takes from those that it sees, with shape ``[B, L, C]``.

        Args:
            states: States of the slots, with shape ``[B, L, C]``.
            allowed: True where a slot sees another one, ``[B, L, L]``.
        """
        heads = self.project(states).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # [B, H, L, C / H] each
        mixed = self._mix(query, key, value, allowed.unsqueeze(1))
        taken: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return taken

    def _mix(
        self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor
    ) -> Tensor:
        p = self.dropout.p if self.training else 0.0
        if p == 0 or query.device.type != "cpu":
            return F.scaled_dot_product_attention(query, key, value, allowed, p)
        logit = query * query.size(-1) ** -0.5 @ key.transpose(-1, -2)
        weight = logit.masked_fill(~allowed, -torch.inf).softmax(dim=-1)
        mixed: Tensor = self.dropout(weight) @ value
        return mixed

    def last(self, states: Tensor, allowed: Tensor) -> Tensor:
        r"""As :meth:`forward`, of the last slot alone, with shape ``[B, C]``.

        Only what asks is projected, as :math:`q^\top (K x) = (K^\top q)^\top x`; a bias
        of the keys would add the same to all slots.

        Args:
            states: States of the slots, with shape ``[B, L, C]``.
            allowed: True where the last slot sees another one, ``[B, L]``.
        """
        of_query, of_key, of_value = self._by_head(self.project.weight)  # [H, C / H, C]
        query_bias, _, value_bias = self._by_head(self.project.bias)
        query = torch.einsum("bc,hdc->bhd", states[:, -1], of_query) + query_bias
        asked = torch.einsum("bhd,hdc->bhc", query * query.size(-1) ** -0.5, of_key)
        logit = asked @ states.transpose(1, 2)  # [B, H, L]
        logit = logit.masked_fill(~allowed.unsqueeze(1), -torch.inf)
        weight = self.dropout(logit.softmax(dim=-1))
        mixed = torch.einsum("bhc,hdc->bhd", weight @ states, of_value)
        mixed = mixed + weight.sum(-1, keepdim=True) * value_bias
        taken: Tensor = self.out(mixed.flatten(1))
        return taken

    def _by_head(self, projection: Tensor) -> Tensor:
        """Of queries, keys and values, ``[3 C, ...]``, to ``[3, H, C / H, ...]``."""
        return projection.unflatten(0, (3, self.num_heads, -1))

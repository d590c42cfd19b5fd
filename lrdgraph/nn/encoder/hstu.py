"""Attention that adds up instead of averaging."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder, check_heads, visible


class HSTU(HistoryEncoder):
    r"""Hierarchical sequential transduction units: pointwise aggregated attention.

    From `"Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers
    for Generative Recommendations" <https://arxiv.org/abs/2402.17152>`_, its equations
    1 to 3:

    .. math::
        U, V, Q, K &= \text{SiLU}(\text{norm}(X) W_1)

        A &= \text{SiLU}(Q K^\top + \text{bias}_{i - j}) / L

        Y &= X + (\text{norm}(A V) \odot U)\, W_2

    Without a softmax, ten purchases of a kind weigh more than one. Deliberate
    differences to the authors' code: no bias by time, which theirs takes from when the
    *predicted* item is bought; a last norm in place of unit length; norms with weights;
    places counted from the last item (there from the first), and item vectors that are
    not multiplied by :math:`\sqrt C`; weights that start as they do in torch; the loss
    is that of the model.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of layers.
        num_heads: Number of attention heads.
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
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        check_heads(self, channels, num_heads)
        self.position = nn.Embedding(max_length, channels)
        nn.init.normal_(self.position.weight, std=0.02)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(
            _HSTULayer(channels, max_length, num_heads, dropout)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(channels)

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        position = self.position.weight[self.max_length - mask.size(1) :]
        hidden, allowed = self.dropout(states + position), visible(mask)
        for layer in self.layers:
            hidden = layer(hidden, allowed)
        result: Tensor = self.norm(hidden)
        return result


class _HSTULayer(nn.Module):
    def __init__(
        self, channels: int, max_length: int, num_heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.num_heads, self.max_length = num_heads, max_length
        self.project = nn.Linear(channels, 4 * channels, bias=False)
        self.bias = nn.Parameter(0.02 * torch.randn(max_length))  # of each lag
        self.out = nn.Linear(channels, channels)
        self.dropout = Dropout(dropout)
        self.norm, self.attended_norm = (nn.LayerNorm(channels) for _ in range(2))

    def forward(self, states: Tensor, allowed: Tensor) -> Tensor:
        gate, *parts = F.silu(self.project(self.norm(states))).chunk(4, dim=-1)
        value, query, key = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts
        )  # [B, H, L, C / H] each
        slot = torch.arange(states.size(1), device=states.device)
        lag = (slot.unsqueeze(1) - slot).clamp(min=0)
        weight = F.silu(query @ key.transpose(-1, -2) + self.bias[lag])
        weight = weight * allowed.unsqueeze(1) / self.max_length
        attended = self.attended_norm((weight @ value).transpose(1, 2).flatten(2))
        result: Tensor = states + self.out(self.dropout(gate * attended))
        return result

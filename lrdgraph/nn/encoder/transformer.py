"""A causal Transformer over shopping histories."""

import torch
from torch import Tensor, nn

NUM_GROUPS = 4
"""Groups that a batch is encoded in. More would save few slots."""


class CausalTransformer(nn.Module):
    r"""A pre-norm Transformer in which a slot sees itself and earlier ones.

    The encoder of `"Self-Attentive Sequential Recommendation"
    <https://arxiv.org/abs/1808.09781>`_, which has post-norm layers.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of Transformer layers.
        num_heads: Number of attention heads.
        dropout: Dropout probability.
    """

    def __init__(
        self,
        channels: int,
        max_length: int,
        num_layers: int = 1,
        num_heads: int = 2,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.position = nn.Embedding(max_length, channels)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            channels,
            num_heads,
            dim_feedforward=4 * channels,
            dropout=dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, num_layers, norm=nn.LayerNorm(channels), enable_nested_tensor=False
        )
        nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Encode every prefix of every history.

        Args:
            states: Item states of the history slots, with shape ``[B, L, C]``.
            mask: True where a slot holds an item, with shape ``[B, L]``; histories
                are padded on the left.

        Returns:
            User states after each slot, with shape ``[B, L, C]``; 0 after padding.

        Raises:
            ValueError: If there are more than ``max_length`` slots.
        """
        length, max_length = states.size(1), self.position.num_embeddings
        if length > max_length:
            raise ValueError(
                f"'states' needs to have at most {max_length} slots in "
                f"'CausalTransformer' (got {length})"
            )
        if torch.compiler.is_compiling():  # a fixed program has no groups to form
            return self._encode(states, mask) * mask.unsqueeze(-1)
        encoded = torch.zeros_like(states)
        # Histories of similar length go together, without the slots that none fills.
        for rows in mask.sum(dim=1).argsort().chunk(NUM_GROUPS):
            first = length - int(mask[rows].sum(dim=1).max())
            if first < length:
                part = rows.unsqueeze(1), torch.arange(first, length)
                encoded[part] = self._encode(states[part], mask[part])
        return encoded * mask.unsqueeze(-1)

    def _encode(self, states: Tensor, mask: Tensor) -> Tensor:
        position = self.position.weight[self.position.num_embeddings - mask.size(1) :]
        hidden = self.dropout(states + position)
        # Without ``is_causal``, every call would compare the mask with a causal one.
        return self.layers(hidden, self._attention_mask(mask), is_causal=False)

    def _attention_mask(self, mask: Tensor) -> Tensor:
        """True where attention is forbidden, ``[B * num_heads, L, L]``."""
        length = mask.size(1)
        causal = mask.new_ones(length, length).tril()
        # A slot always sees itself: a row without any key would give NaN.
        itself = torch.eye(length, dtype=torch.bool, device=mask.device)
        allowed = causal & (mask.unsqueeze(1) | itself)  # [B, L, L]
        return ~allowed.repeat_interleave(self.num_heads, dim=0)

"""A causal Transformer over shopping histories."""

from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder, visible


class CausalTransformer(HistoryEncoder):
    r"""A pre-norm Transformer in which a slot sees itself and earlier ones.

    The encoder of `"Self-Attentive Sequential Recommendation"
    <https://arxiv.org/abs/1808.09781>`_, which has post-norm layers and ReLU. As there,
    feed-forward layers are as wide as states.

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
        super().__init__(max_length)
        self.num_heads = num_heads
        self.position = nn.Embedding(max_length, channels)
        self.dropout = Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            channels,
            num_heads,
            dim_feedforward=channels,
            dropout=dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        layer.dropout, layer.dropout1, layer.dropout2 = (
            Dropout(dropout) for _ in range(3)
        )
        self.layers = nn.TransformerEncoder(
            layer, num_layers, norm=nn.LayerNorm(channels), enable_nested_tensor=False
        )
        nn.init.normal_(self.position.weight, std=0.02)

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        forbidden = ~visible(mask).repeat_interleave(self.num_heads, dim=0)
        # Without ``is_causal``, every call would compare the mask with a causal one.
        encoded: Tensor = self.layers(self._placed(states), forbidden, is_causal=False)
        return encoded

    def encode_last(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.last`: the last layer has one slot to compute."""
        hidden, allowed = self._placed(states), visible(mask)
        forbidden = ~allowed.repeat_interleave(self.num_heads, dim=0)
        *earlier, layer = self.layers.layers
        for below in earlier:
            hidden = below(hidden, forbidden)
        seen, last = layer.norm1(hidden), hidden[:, -1:]
        attended, _ = layer.self_attn(
            seen[:, -1:], seen, seen, ~allowed[:, -1], need_weights=False
        )
        last = last + layer.dropout1(attended)
        wide = layer.dropout(layer.activation(layer.linear1(layer.norm2(last))))
        last = last + layer.dropout2(layer.linear2(wide))
        assert self.layers.norm is not None
        encoded: Tensor = self.layers.norm(last).squeeze(1)
        return encoded

    def _placed(self, states: Tensor) -> Tensor:
        position = self.position.weight[self.max_length - states.size(1) :]
        hidden: Tensor = self.dropout(states + position)
        return hidden

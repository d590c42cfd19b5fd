"""A causal Transformer over shopping histories."""

from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder, check_heads, feed_forward, visible
from lrdgraph.nn.history_attention import HistoryAttention


class CausalTransformer(HistoryEncoder):
    r"""A pre-norm Transformer in which a slot sees itself and earlier ones.

    The encoder of `"Self-Attentive Sequential Recommendation"
    <https://arxiv.org/abs/1808.09781>`_ (self-attention and point-wise feed-forward
    layers, each with a norm before it), whose layers are as wide as states:

    .. math::
        X &\leftarrow X + \text{attention}(\text{norm}(X))

        X &\leftarrow X + W_2\, \text{GELU}(W_1\, \text{norm}(X) + b_1) + b_2

    Deliberate differences: ReLU and one head there; here attention has an output
    projection, and biases, as in the authors' code alone. That code takes keys and
    values from states without the norm, adds to the *normalised* states what they
    attend to, and multiplies item vectors by :math:`\sqrt C`.

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of Transformer layers.
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
        num_heads: int = 2,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        check_heads(self, channels, num_heads)
        self.position = nn.Embedding(max_length, channels)
        nn.init.normal_(self.position.weight, std=0.02)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(
            _TransformerLayer(channels, num_heads, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(channels)

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        hidden, allowed = self._placed(states), visible(mask)
        for layer in self.layers:
            hidden = layer(hidden, allowed)
        encoded: Tensor = self.norm(hidden)
        return encoded

    def encode_last(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.last`: the last layer has one slot to compute."""
        hidden, allowed = self._placed(states), visible(mask)
        *earlier, layer = self.layers
        for below in earlier:
            hidden = below(hidden, allowed)
        assert isinstance(layer, _TransformerLayer)
        encoded: Tensor = self.norm(layer.last(hidden, allowed[:, -1]))
        return encoded

    def _placed(self, states: Tensor) -> Tensor:
        position = self.position.weight[self.max_length - states.size(1) :]
        hidden: Tensor = self.dropout(states + position)
        return hidden


class _TransformerLayer(nn.Module):
    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = HistoryAttention(channels, num_heads, dropout)
        self.dropout = Dropout(dropout)
        self.feed_forward = feed_forward(channels, channels, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(self, states: Tensor, allowed: Tensor) -> Tensor:
        normed = self.norms[0](states)
        return self._add(states, self.attention(normed, allowed))

    def last(self, states: Tensor, allowed: Tensor) -> Tensor:
        normed = self.norms[0](states)
        return self._add(states[:, -1], self.attention.last(normed, allowed))

    def _add(self, states: Tensor, attended: Tensor) -> Tensor:
        states = states + self.dropout(attended)
        result: Tensor = states + self.feed_forward(self.norms[1](states))
        return result

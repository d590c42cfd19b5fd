"""A recurrent network over shopping histories."""

import torch
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.encoder.base import HistoryEncoder


class GRU4Rec(HistoryEncoder):
    r"""Gated recurrent units: the state after an item is that before it, updated.

    The network of `"Session-based Recommendations with Recurrent Neural Networks"
    <https://arxiv.org/abs/1511.06939>`_, its equations 2 to 5:

    .. math::
        h_t = (1 - z_t) \odot h_{t-1} + z_t \odot \hat h_t, \qquad
        \hat h_t = \tanh\big(W x_t + b + r_t \odot (U h_{t-1} + b')\big)

    with dropout on its inputs and outputs. The cell is :class:`torch.nn.GRU`: it resets
    the state after its matrix, equation 4 and the authors' code before it,
    :math:`U (r_t \odot h_{t-1})`. Further deliberate differences to the authors' code:
    the loss is that of the model (theirs compares with items of the mini-batch, by TOP1
    or BPR-max); a session is a shopper's history, trained from its start instead of in
    parallel mini-batches that carry the state along, and dropout spares the state that
    goes on to the next item; items are the same where they are
    read and where they are scored (an option of theirs, ``constrained_embedding``).

    Args:
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of recurrent layers.
        dropout: Dropout probability.

    Raises:
        ValueError: If ``max_length`` or ``num_layers`` is not positive.
    """

    def __init__(
        self,
        channels: int,
        max_length: int,
        num_layers: int = 1,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(max_length, num_layers)
        self.dropout = Dropout(dropout)
        between = dropout if num_layers > 1 else 0.0
        self.layers = nn.GRU(
            channels, channels, num_layers, batch_first=True, dropout=between
        )

    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """See :meth:`HistoryEncoder.forward`; time is not looked at."""
        # Padding goes behind the items, where the recurrence does not see it.
        padding = (~mask).sum(dim=1, keepdim=True)
        slot = torch.arange(mask.size(1), device=mask.device)
        hidden, _ = self.layers(self.dropout(_move(states, slot + padding)))
        return self.dropout(_move(hidden, slot - padding))


def _move(states: Tensor, slot: Tensor) -> Tensor:
    """The states of other slots, counted around the end, ``[B, L, C]``."""
    index = slot.remainder(states.size(1)).unsqueeze(-1)
    return states.gather(1, index.expand_as(states))

"""What all encoders of shopping histories have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout

NUM_GROUPS, GROUP_ROWS = 4, 64
"""Groups that a batch is encoded in at most, and histories in each at least. More would
save few slots, and starting smaller ones took a fifth of a step; on a GPU all go
together, as slots cost less there than more kernels do."""


class HistoryEncoder(nn.Module, ABC):
    """Encodes every prefix of every history: a slot sees itself and earlier ones.

    A subclass writes :meth:`encode`, and takes ``channels``, ``max_length``,
    ``num_layers`` and ``dropout``.

    Args:
        max_length: Number of history slots ``L`` at most.
        num_layers: Number of layers, which is checked here and not kept.

    Raises:
        ValueError: If one of them is not positive.
    """

    def __init__(self, max_length: int, num_layers: int = 1) -> None:
        super().__init__()
        for name, size in (("max_length", max_length), ("num_layers", num_layers)):
            if size < 1:
                raise ValueError(
                    f"{name!r} needs to be a positive integer in "
                    f"{type(self).__name__!r} (got {size})"
                )
        self.max_length = max_length

    def forward(
        self, states: Tensor, mask: Tensor, time: Tensor | None = None
    ) -> Tensor:
        """Encode every prefix of every history.

        Args:
            states: Item states of the history slots, with shape ``[B, L, C]``.
            mask: True where a slot holds an item, with shape ``[B, L]``; histories
                are padded on the left.
            time: When each item was bought, in seconds, with shape ``[B, L]``; None
                where nobody knows.

        Returns:
            User states after each slot, with shape ``[B, L, C]``; 0 after padding.

        Raises:
            ValueError: If there are more than ``max_length`` slots, or if there is no
                ``time`` and the encoder needs it.
        """
        self._check(states)
        if torch.compiler.is_compiling():  # a fixed program has no groups to form
            return self.encode(states, mask, time) * mask.unsqueeze(-1)
        encoded = torch.zeros_like(states)
        for part in _groups(mask):
            when = None if time is None else time[part]
            found = self.encode(states[part], mask[part], when)
            encoded[part] = found.to(encoded.dtype)  # which differ under autocast
        return encoded * mask.unsqueeze(-1)

    def last(self, states: Tensor, mask: Tensor, time: Tensor | None = None) -> Tensor:
        """As :meth:`forward`, of the last slot alone, with shape ``[B, C]``."""
        self._check(states)
        if torch.compiler.is_compiling():
            return self.encode_last(states, mask, time) * mask[:, -1:]
        encoded = torch.zeros_like(states[:, -1])
        for part in _groups(mask, NUM_GROUPS // 2):  # there is less to save
            when = None if time is None else time[part]
            found = self.encode_last(states[part], mask[part], when)
            encoded[part[0]] = found.to(encoded.dtype)
        return encoded * mask[:, -1:]

    @abstractmethod
    def encode(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """As :meth:`forward`, where anything may stand after padding."""

    def encode_last(self, states: Tensor, mask: Tensor, time: Tensor | None) -> Tensor:
        """As :meth:`last`, in the same way; all slots are encoded for it here."""
        return self.encode(states, mask, time)[:, -1]

    def _check(self, states: Tensor) -> None:
        length = states.size(1)
        if length > self.max_length:
            raise ValueError(
                f"'states' needs to have at most {self.max_length} slots in "
                f"{type(self).__name__!r} (got {length})"
            )


def _groups(
    mask: Tensor, num_groups: int = NUM_GROUPS
) -> Iterator[tuple[Tensor | slice, slice]]:
    """Rows and slots of histories of similar length, without slots that none fills."""
    if not len(mask):
        return
    length, number = mask.size(1), mask.sum(dim=1)
    num_groups = 1 if mask.is_cuda else min(num_groups, len(mask) // GROUP_ROWS)
    every = [slice(None)] if num_groups < 2 else number.argsort().chunk(num_groups)
    for rows in every:
        first = length - int(number[rows].max())
        if first < length:
            yield rows, slice(first, length)


def visible(mask: Tensor) -> Tensor:
    """Which slots each slot sees: earlier items, and always itself, ``[B, L, L]``.

    A slot that sees nothing would have no softmax.
    """
    length = mask.size(1)
    causal = mask.new_ones(length, length).tril()
    itself = torch.eye(length, dtype=torch.bool, device=mask.device)
    return causal & (mask.unsqueeze(1) | itself)


def check_heads(encoder: HistoryEncoder, channels: int, num_heads: int) -> None:
    """Whether states can be divided among the heads of attention.

    Raises:
        ValueError: If ``num_heads`` is not positive or does not divide ``channels``.
    """
    if num_heads < 1 or channels % num_heads:
        raise ValueError(
            f"'num_heads' needs to divide 'channels', {channels}, in "
            f"{type(encoder).__name__!r} (got {num_heads})"
        )


def feed_forward(channels: int, hidden: int, dropout: float) -> nn.Sequential:
    """The two layers after attention, with GELU, and dropout after each."""
    return nn.Sequential(
        nn.Linear(channels, hidden),
        nn.GELU(),
        Dropout(dropout),
        nn.Linear(hidden, channels),
        Dropout(dropout),
    )

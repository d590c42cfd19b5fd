"""The baseline that every model has to beat."""

from torch import Tensor, nn


class Popularity(nn.Module):
    """Ranks every item by its number of training interactions, for everybody.

    Args:
        count: Training interactions of each item, with shape ``[N]``.
    """

    count: Tensor

    def __init__(self, count: Tensor) -> None:
        super().__init__()
        self.num_items, self.max_length = count.numel(), 1
        self.register_buffer("count", count.float())

    def item_states(self) -> Tensor:
        """The count of every item, with shape ``[N]``."""
        return self.count

    def forward(
        self,
        history: Tensor,
        states: Tensor | None = None,
        period: Tensor | None = None,
        history_time: Tensor | None = None,
    ) -> Tensor:
        """Scores of the catalogue after ``history [B, L]``, with shape ``[B, N]``."""
        return self.count.expand(history.size(0), -1).clone()

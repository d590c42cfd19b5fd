"""The baseline that every model has to beat."""

from torch import Tensor, nn


class Popularity(nn.Module):
    """Ranks every item by how often it was bought, for everybody.

    Args:
        count: Training interactions of each item, with shape ``[N]``; or, with shape
            ``[N, T]``, what is to count in each period, such as a feature of
            :class:`~lrdgraph.transforms.Trends`.
    """

    count: Tensor

    def __init__(self, count: Tensor) -> None:
        super().__init__()
        self.num_items, self.max_length = count.size(0), 1
        self.num_periods = 0 if count.dim() == 1 else count.size(1)
        self.register_buffer("count", count.float())

    def item_states(self) -> Tensor:
        """The count of every item, with shape ``[N]`` or ``[N, T]``."""
        return self.count

    def forward(
        self,
        history: Tensor,
        states: Tensor | None = None,
        period: Tensor | None = None,
        history_time: Tensor | None = None,
    ) -> Tensor:
        """Scores of the catalogue after ``history [B, L]``, with shape ``[B, N]``.

        Args:
            history: Item indices, of which only the number of rows is read.
            states: Not read.
            period: In which each history is asked to go on, ``[B]``; None is the last.
            history_time: Not read.
        """
        if self.count.dim() == 1:
            return self.count.expand(history.size(0), -1).clone()
        last = history.new_full((len(history),), self.count.size(1) - 1)
        return self.count[:, last if period is None else period].t().contiguous()

"""What is in fashion, as a bias of items."""

import torch
from torch import Tensor, nn

from lrdgraph.nn.precision import in_single_precision


class TrendBias(nn.Module):
    """Score of an item in a period of time, from its trend: a weighted sum.

    Args:
        trend: Features of each item in each period, from
            :class:`~lrdgraph.transforms.Trends`, with shape ``[N, T, F]``.
    """

    trend: Tensor

    def __init__(self, trend: Tensor) -> None:
        super().__init__()
        self.register_buffer("trend", trend)
        self.weight = nn.Parameter(torch.zeros(trend.size(-1)))

    @in_single_precision
    def forward(self, periods: slice = slice(None)) -> Tensor:
        """Bias of each item in each of some periods, all by default, ``[N, T]``."""
        return self.trend[:, periods] @ self.weight

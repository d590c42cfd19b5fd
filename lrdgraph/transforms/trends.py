"""What is in fashion when: how often items were bought of late."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.assemble import INTERACTS
from lrdgraph.typing import TRAIN

KEPT = (0.0, 0.5, 0.8, 0.95, 1.0)
"""What is kept of a count from one period to the next, feature by feature."""


class Trends(BaseTransform):
    r"""Counts purchases of each item before each period of time, old ones for less.

    Time is cut into periods with as many training interactions each; one more, *now*,
    follows the last of them. What an item looks like in a period is counted from the
    training interactions of **earlier periods** alone: nothing from the future, and no
    interaction in its own trend. With :math:`c_p` interactions of an item in period
    :math:`p`, its features are :math:`\log(1 + \sum_{q<p} \rho^{p-1-q} c_q)` for
    :math:`\rho` in 0, .5, .8, .95 and 1, and whether it was bought at all.

    Sets ``data['item'].trend [N, num_periods + 1, 6]`` (float32) and, for every
    interaction, the ``period [M]`` (int64) that it falls into; both together are what a
    model with ``trend`` needs. Memory is ``O(N * num_periods)``.

    Args:
        num_periods: Number of periods up to the last training interaction
            (default: 64).

    Raises:
        ValueError: If ``num_periods < 1``, if the data has no split or no ``time``, or
            if no interaction is a training one.
    """

    def __init__(self, num_periods: int = 64) -> None:
        if num_periods < 1:
            raise ValueError(
                f"'num_periods' needs to be a positive integer in 'Trends' "
                f"(got {num_periods})"
            )
        self.num_periods = num_periods

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with trends; the given data is not changed."""
        store = data[INTERACTS]
        missing = [name for name in ("split", "time") if name not in store]
        trained = store.split == TRAIN if not missing else torch.zeros(0)
        if missing or not trained.any():
            raise ValueError(
                "'Trends' needs interactions with a 'time' and a 'split' that has a "
                f"training part (got {list(store)})"
            )
        store.period = self._periods(store.time, trained)
        count = torch.zeros(self.num_periods + 1, data["item"].num_nodes)
        place = store.period[trained], store.edge_index[1, trained]
        count.index_put_(place, torch.ones(1), accumulate=True)
        data["item"].trend = _features(count)
        return data

    def _periods(self, time: Tensor, trained: Tensor) -> Tensor:
        """Equal times fall into the same period."""
        known = time[trained].sort().values
        upto = torch.arange(1, self.num_periods + 1) * len(known)
        last = (upto + self.num_periods - 1) // self.num_periods - 1
        return torch.searchsorted(known[last], time)

    def __repr__(self) -> str:
        return f"Trends(num_periods={self.num_periods})"


def _features(count: Tensor) -> Tensor:
    """Features ``[N, T, 6]`` from counts ``[T, N]``, each of earlier periods."""
    sums = count.new_zeros(len(KEPT), *count.shape)
    kept = torch.tensor(KEPT).unsqueeze(1)
    for period in range(1, len(count)):
        sums[:, period] = kept * sums[:, period - 1] + count[period - 1]
    bought = (sums[-1:] > 0).float()
    return torch.cat([sums.log1p(), bought]).permute(2, 1, 0).contiguous()

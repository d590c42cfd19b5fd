"""Counting how often users went from one item to another."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.assemble import INTERACTS
from lrdgraph.ragged import ascending
from lrdgraph.typing import TRAIN, TRANSITION


class Transitions(BaseTransform):
    """Adds the relation ``transition``: pairs of items that users took in this order.

    Whenever a user's item comes at most ``window`` steps after another one, that pair
    is counted, so the first item leads to each of the ``window`` next ones. An
    interaction counts once for each different item before it, however often that item
    was repeated. Only training interactions count, and an item never leads to itself.
    Where few items have many interactions nearly all pairs occur; ``min_count`` keeps
    those that occur again.

    Sets ``edge_index [2, E]``, sorted by source, then by target, ``count [E]`` (int64),
    ``window`` and ``min_count`` on ``data['item', 'transition', 'item']``, and
    ``data['item'].count [N]`` (int64), the number of training interactions of each
    item. Memory is ``O(M * window)`` and time
    ``O(M * window^2)`` for ``M`` interactions.

    Args:
        window: Largest number of steps from the first item to the second (default: 3).
        min_count: Least count of a pair that is kept (default: 1).

    Raises:
        ValueError: If ``window`` or ``min_count`` is below 1, or if the data has no
            split yet.
    """

    def __init__(self, window: int = 3, min_count: int = 1) -> None:
        for name, value in (("window", window), ("min_count", min_count)):
            if value < 1:
                raise ValueError(
                    f"'{name}' needs to be a positive integer in 'Transitions' "
                    f"(got {value})"
                )
        self.window, self.min_count = window, min_count

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the relation; the given data is not changed."""
        interactions = data[INTERACTS]
        if "split" not in interactions:
            raise ValueError(
                "'Transitions' needs a split of the interactions, such as "
                f"'LeaveOneOut' or 'TemporalSplit' make (got {list(interactions)})"
            )
        num_items = data["item"].num_nodes
        user, item = interactions.edge_index[:, interactions.split == TRAIN]
        pairs = ascending(self._pairs(user, item, num_items))
        pair, count = pairs.unique_consecutive(return_counts=True)
        pair, count = pair[count >= self.min_count], count[count >= self.min_count]
        store = data["item", TRANSITION, "item"]
        store.edge_index = torch.stack([pair // num_items, pair % num_items])
        store.count = count
        store.window, store.min_count = self.window, self.min_count
        data["item"].count = item.bincount(minlength=num_items)
        return data

    def _pairs(self, user: Tensor, item: Tensor, num_items: int) -> Tensor:
        """Each single transition, as ``source * num_items + target``."""
        pairs = []
        for lag in range(1, self.window + 1):
            source, target = item[:-lag], item[lag:]
            counted = (user[:-lag] == user[lag:]) & (source != target)
            for nearer in range(1, lag):
                counted &= source != item[lag - nearer : -nearer]
            pairs.append(source[counted] * num_items + target[counted])
        return torch.cat(pairs)

    def __repr__(self) -> str:
        return f"Transitions(window={self.window}, min_count={self.min_count})"

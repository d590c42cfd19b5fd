"""Keeping the users and items with enough interactions."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import NodeStorage
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.assemble import INTERACTS, split_hash


class KCore(BaseTransform):
    """Drops users and items with fewer than ``k`` interactions, until none is left.

    Interactions are counted with repetitions, as Amazon's own 5-core files do, and in
    all parts of a split, so give it before the split. What stays keeps its order, ids,
    attributes and features; relations lose the pairs of dropped items. If the data has
    a split, its ``split_hash`` is renewed.

    Args:
        k: Least number of interactions; 1 drops only items that nobody has used.

    Raises:
        ValueError: If ``k < 1``, if nothing is left, or if the data has given
            negatives, which would lose items.
    """

    def __init__(self, k: int) -> None:
        if k < 1:
            raise ValueError(f"'k' needs to be a positive integer in 'KCore' (got {k})")
        self.k = k

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the k-core; the given data is not changed."""
        if given := [key for key in data["user"] if key.endswith("_negatives")]:
            raise ValueError(
                f"'KCore' needs data without given negatives (got {given})"
            )
        kept = self._kept_nodes(data)
        position = {}
        for node, mask in kept.items():
            position[node] = torch.from_numpy(np.cumsum(mask) - 1)
            _filter_nodes(data[node], mask)
        for edge_type in data.edge_types:
            source, target = data[edge_type].edge_index
            stays = torch.from_numpy(kept[edge_type[0]])[source]
            stays &= torch.from_numpy(kept[edge_type[2]])[target]
            for key, value in data[edge_type].items():
                if key != "edge_index" and torch.is_tensor(value):
                    data[edge_type][key] = value[stays]
            ends = (position[edge_type[0]][source], position[edge_type[2]][target])
            data[edge_type].edge_index = torch.stack(ends)[:, stays]
        if "split" in data[INTERACTS]:
            data.split_hash = split_hash(data)
        return data

    def _kept_nodes(self, data: HeteroData) -> dict[str, NDArray[np.bool_]]:
        """Which users and items are in the k-core, as masks by node type."""
        edges = data[INTERACTS].edge_index.numpy()
        sizes = (data["user"].num_nodes, data["item"].num_nodes)
        while True:
            degrees = [
                np.bincount(index, minlength=size)
                for index, size in zip(edges, sizes, strict=True)
            ]
            stays = (degrees[0][edges[0]] >= self.k) & (degrees[1][edges[1]] >= self.k)
            if stays.all():
                break
            edges = edges[:, stays]
        if edges.shape[1] == 0:
            raise ValueError(f"'KCore' leaves no interaction (k={self.k})")
        users, items = (degree >= self.k for degree in degrees)
        return {"user": users, "item": items}

    def __repr__(self) -> str:
        return f"KCore(k={self.k})"


def _filter_nodes(store: NodeStorage, mask: NDArray[np.bool_]) -> None:
    for key, value in list(store.items()):
        store[key] = _filter(value, mask)
    store.num_nodes = int(mask.sum())


def _filter(value: Any, mask: NDArray[np.bool_]) -> Any:
    """The entries of the kept nodes, if the value has one for each node."""
    if isinstance(value, Tensor) and value.dim() > 0 and len(value) == len(mask):
        return value[torch.from_numpy(mask)]
    if isinstance(value, list) and len(value) == len(mask):
        return [value[i] for i in np.flatnonzero(mask).tolist()]
    return value

"""Keeping the users and items with enough interactions."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage, NodeStorage
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.assemble import INTERACTS, split_hash
from lrdgraph.typing import TRANSITION


class KCore(BaseTransform):
    """Drops users and items with fewer than ``k`` interactions, until none is left.

    Interactions are counted with repetitions, as Amazon's own 5-core files do, and in
    all parts of a split, so give it before the split, and before
    :class:`Transitions` and :class:`Trends`, which count what is dropped here. What
    stays keeps its order, ids, attributes and features; relations, and the true pairs
    of a dataset that knows them, lose the pairs of dropped items. If the data has a
    split, its ``split_hash`` is renewed.

    Args:
        k: Least number of interactions; 1 drops only items that nobody has used.

    Raises:
        ValueError: If ``k < 1``, if nothing is left, or if the data has given
            negatives, which would lose items, or counts of its interactions.
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
        refuse_counted(data, "KCore")
        kept = self._kept_nodes(data)
        for node, mask in kept.items():
            _filter_nodes(data[node], mask)
        for source, relation, target in data.edge_types:
            store = data[source, relation, target]
            _filter_edges(store, kept[source], kept[target])
        if "gold_edge_index" in data:
            data.gold_edge_index, stays = _renumber(
                data.gold_edge_index, kept["item"], kept["item"]
            )
            data.gold_edge_type = data.gold_edge_type[stays]
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


def refuse_counted(data: HeteroData, transform: str) -> None:
    """What was counted would go on counting what a transform takes away.

    Raises:
        ValueError: If something was.
    """
    places = {
        TRANSITION: ("item", TRANSITION, "item") in data.edge_types,
        "count": "count" in data["item"],
        "trend": "trend" in data["item"],
        "period": "period" in data[INTERACTS],
    }
    if counted := [name for name, there in places.items() if there]:
        raise ValueError(
            f"'{transform}' needs data whose interactions have not been counted (got "
            f"{counted}): apply it before 'Transitions' and 'Trends'"
        )


def _filter_nodes(store: NodeStorage, mask: NDArray[np.bool_]) -> None:
    for key, value in list(store.items()):
        store[key] = _filter(value, mask)
    store.num_nodes = int(mask.sum())


def _filter_edges(
    store: EdgeStorage, source: NDArray[np.bool_], target: NDArray[np.bool_]
) -> None:
    edge_index, stays = _renumber(store.edge_index, source, target)
    for key, value in store.items():
        if torch.is_tensor(value):
            store[key] = value[stays] if key != "edge_index" else edge_index


def _renumber(
    edge_index: Tensor, source: NDArray[np.bool_], target: NDArray[np.bool_]
) -> tuple[Tensor, Tensor]:
    """The pairs between kept nodes, in new numbers, and which pairs ``[E]`` these are.

    Args:
        edge_index: Pairs with shape ``[2, E]``.
        source: Which of the sources are kept, one for each node.
        target: Which of the targets are kept.
    """
    ends = [torch.from_numpy(mask) for mask in (source, target)]
    stays = ends[0][edge_index[0]] & ends[1][edge_index[1]]
    places = [mask.cumsum(0) - 1 for mask in ends]
    kept = edge_index[:, stays]
    return torch.stack([places[0][kept[0]], places[1][kept[1]]]), stays


def _filter(value: Any, mask: NDArray[np.bool_]) -> Any:
    """The entries of the kept nodes, if the value has one for each node."""
    if isinstance(value, Tensor) and value.dim() > 0 and len(value) == len(mask):
        return value[torch.from_numpy(mask)]
    if isinstance(value, list) and len(value) == len(mask):
        return [value[i] for i in np.flatnonzero(mask).tolist()]
    return value

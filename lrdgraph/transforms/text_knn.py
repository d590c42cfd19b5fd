"""Pairing the items whose vectors point the same way."""

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.text.vectors import check_vectors

_ROWS = 256  # of the similarity matrix in memory at a time


class TextKNN(BaseTransform):
    """Adds the relation ``text_knn``: each item's ``k`` nearest by cosine of ``x``.

    Sets ``data['item', 'text_knn', 'item'].edge_index [2, N * k]`` from
    ``data['item'].x [N, C]``, sorted by source, then by target. Items with a zero
    vector (without text) have no neighbours and are nobody's, and if there are at most
    ``k`` others, all of them are neighbours. Of equally near items, those with the
    lower index are taken; cosines are compared to seven decimals, so that items of
    equal text are equally near.

    The search is exact and takes ``O(N^2 C)`` time and ``O(N)`` memory for a fixed
    number of rows at a time: seconds for ten thousand items. From about 10^5 items on,
    an approximate index should take its place.

    Args:
        k: Number of neighbours (default: 20).

    Raises:
        ValueError: If ``k < 1``, or if the items have no finite vectors ``[N, C]``.
    """

    def __init__(self, k: int = 20) -> None:
        if k < 1:
            raise ValueError(
                f"'k' needs to be a positive integer in 'TextKNN' (got {k})"
            )
        self.k = k

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the relation; the given data is not changed."""
        items = data["item"]
        if "x" not in items:
            raise ValueError(
                f"'TextKNN' needs vectors in data['item'].x (got {sorted(items)}); "
                f"'EmbedText' and 'SetVectors' make them"
            )
        x = check_vectors(items.x, items.id, "TextKNN")
        filled = x.abs().sum(dim=1).nonzero().flatten()
        unit = normalize(x[filled].double(), eps=0.0)
        edges = [_nearest(unit, first, self.k) for first in range(0, len(unit), _ROWS)]
        places = torch.cat([filled.new_empty(2, 0), *edges], dim=1)
        data["item", "text_knn", "item"].edge_index = filled[places]
        return data

    def __repr__(self) -> str:
        return f"TextKNN(k={self.k})"


def _nearest(unit: Tensor, first: int, k: int) -> Tensor:
    """Pairs ``[2, rows * k]`` of the rows from ``first`` on with their nearest ones."""
    similarity = (unit[first : first + _ROWS] @ unit.T).round(decimals=7).float()
    similarity.diagonal(first).fill_(-torch.inf)
    least = similarity.topk(min(k, len(unit))).values[:, -1:]
    nearer, tied = similarity > least, similarity == least
    room = k - nearer.sum(dim=1, keepdim=True)
    taken = nearer | (tied & (tied.cumsum(dim=1) <= room))
    source, target = (taken & similarity.isfinite()).nonzero(as_tuple=True)
    return torch.stack([source + first, target])

"""Pairing the items whose vectors point the same way."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform
from tqdm import tqdm

from lrdgraph.ragged import by_parts, largest
from lrdgraph.search import near, nearest, sort_into_cells
from lrdgraph.text.vectors import check_vectors
from lrdgraph.typing import TEXT_KNN

_ROWS = 256  # of the similarity matrix in memory at a time
_CELLS = 128  # searched for at a time


class TextKNN(BaseTransform):
    """Adds the relation ``text_knn``: each item's ``k`` nearest by cosine of ``x``.

    Sets ``data['item', 'text_knn', 'item'].edge_index [2, N * k]`` from
    ``data['item'].x [N, C]``, sorted by source, then by target. Items with a zero
    vector (without text) have no neighbours and are nobody's, and if there are at most
    ``k`` others, all of them are neighbours. Of equally near items, those with the
    lower index are taken; cosines are compared to seven decimals, so that items of
    equal text are equally near.

    The exact search takes ``O(N^2 C)`` time and ``O(N)`` memory for a fixed number of
    rows at a time: seconds for ten thousand items, many hours for a million. With
    ``num_probes`` the items are sorted into cells of some 64 that are near to each
    other, and those of a cell are compared with those of so many cells nearest to it
    alone. That takes ``O(num_probes N C)``, apart from the sorting (see
    :mod:`lrdgraph.search`); of equally near items, any may be taken, and an item has
    fewer than ``k`` neighbours where the cells hold fewer.

    Args:
        k: Number of neighbours (default: 20).
        num_probes: Number of cells to look into; None searches exactly. The more, the
            fewer neighbours are missed: 64 miss some 4 % among 100,000 items, and 256
            some 15 % among a million. Needs the extra ``large`` (faiss).
        max_in_degree: Number of items at most whose neighbour an item may be; those
            that it is nearest to keep it. None for any number.

    Raises:
        ValueError: If ``k``, ``num_probes`` or ``max_in_degree`` is below 1, or if
            the items have no finite vectors ``[N, C]``.
        ImportError: If ``num_probes`` is given and faiss is not installed.
    """

    def __init__(
        self,
        k: int = 20,
        num_probes: int | None = None,
        max_in_degree: int | None = None,
    ) -> None:
        self.k, self.num_probes = k, num_probes
        self.max_in_degree = max_in_degree
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise ValueError(
                    f"{name!r} needs to be a positive integer in "
                    f"{type(self).__name__!r} (got {value})"
                )

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the relation; the given data is not changed."""
        items, owner = data["item"], type(self).__name__
        if "x" not in items:
            raise ValueError(
                f"{owner!r} needs vectors in data['item'].x (got {sorted(items)}); "
                f"'EmbedText' and 'SetVectors' make them"
            )
        x = check_vectors(items.x, items.id, owner)
        filled = x.any(dim=1).nonzero().flatten()
        source, target, nearness = self._found(x, filled)
        pairs = filled[torch.stack([source, target])]
        if self.max_in_degree is not None:
            pairs = pairs[:, largest(pairs[1], nearness, self.max_in_degree)]
        data["item", TEXT_KNN, "item"].edge_index = pairs
        return data

    def _found(self, x: Tensor, rows: Tensor) -> Tensor:
        """Each of some rows with its nearest others and their nearness, ``[3, E]``."""
        if self.num_probes is not None and len(rows) > 1:
            return self._approximate(by_parts(partial(_unit, x), rows, _ROWS))
        search = partial(nearest, normalize(x[rows].double(), eps=0.0), self.k)
        found = self._map(search, _blocks(len(rows), _ROWS))
        return torch.cat([torch.empty(0, 3, dtype=torch.long), *found]).T

    def _approximate(self, unit: Tensor) -> Tensor:
        cells = sort_into_cells(unit, self.num_probes or 0)
        del unit  # cells hold the vectors once more
        blocks = _blocks(len(cells.near), _CELLS)
        found = self._map(partial(near, cells, self.k), blocks)
        bar = tqdm(found, "neighbours", len(blocks), leave=None, disable=None)
        pairs = torch.cat(list(bar))
        order = (pairs[:, 0] * len(cells.row) + pairs[:, 1]).argsort()
        return pairs[order].T

    def _map(
        self, search: Callable[[tuple[int, int]], Tensor], blocks: list[tuple[int, int]]
    ) -> Iterable[Tensor]:
        """What the search finds for each block of rows, in the order of blocks."""
        return map(search, blocks)

    def __repr__(self) -> str:
        options = "".join(
            f", {name}={value}"
            for name in ("num_probes", "max_in_degree")
            if (value := getattr(self, name)) is not None
        )
        return f"{type(self).__name__}(k={self.k}{options})"


def _blocks(number: int, size: int) -> list[tuple[int, int]]:
    """From where to where blocks of some size reach."""
    first = range(0, number, size)
    return [(start, min(start + size, number)) for start in first]


def _unit(x: Tensor, rows: Tensor) -> Tensor:
    """Some vectors with length one; short ones need double precision for a moment."""
    return normalize(x[rows].double(), eps=0.0).float()

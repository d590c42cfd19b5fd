"""Search for vectors: exact, and in cells of k-means by faiss (extra ``large``)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 256  # that are compared at a time
_SAMPLE = 39  # rows that k-means needs and looks at for each cell
_SIZE = 64  # rows of a cell, on average


def nearest(unit: Tensor, k: int, block: tuple[int, int]) -> Tensor:
    """Pairs of the rows of a block with the ``k`` others of largest inner product.

    Of equally near rows, those with the lower index are taken; products are compared to
    seven decimals.

    Args:
        unit: All rows, of length one, in double precision, with shape ``[N, C]``.
        k: Number of others for each row; all where there are fewer.
        block: The first row of the block, and the one after its last.

    Returns:
        Row, other one and nearness (of two others, the nearer one has more), whole
        numbers ``[n * k, 3]``, sorted.
    """
    first, last = block
    similarity = (unit[first:last] @ unit.T).round(decimals=7).float()
    similarity.diagonal(first).fill_(-torch.inf)
    least = similarity.topk(min(k, len(unit))).values[:, -1:]
    nearer, tied = similarity > least, similarity == least
    room = k - nearer.sum(dim=1, keepdim=True)
    taken = nearer | (tied & (tied.cumsum(dim=1) <= room))
    source, target = (taken & similarity.isfinite()).nonzero(as_tuple=True)
    nearness = _nearness(similarity[source, target])
    return torch.stack([source + first, target, nearness], dim=1)


class Cells(NamedTuple):
    """Rows, sorted into cells of some 64 that are near to each other.

    ``row [N]`` are the numbers of the rows, cell after cell, and ``unit [N, C]`` their
    vectors; ``start [M + 1]`` is where each of ``M`` cells starts, and ``near [M, P]``
    are the cells nearest to each, by the means of what they hold.
    """

    row: Tensor
    unit: Tensor
    start: Tensor
    near: Tensor


def sort_into_cells(unit: Tensor, num_probes: int) -> Cells:
    """Cells of k-means within cells of k-means, and which are near to each other.

    Two levels of about ``sqrt(N / 64)`` cells each cost ``O(N^1.5)``, and the cells
    nearest to each cell ``O(N^2)``, though 1/4096 of what comparing all rows costs.

    Args:
        unit: Vectors of length one, in single precision, with shape ``[N, C]``.
        num_probes: Number ``P`` of cells to look into for the rows of each, its own
            among them; all where there are fewer.

    Raises:
        ImportError: If faiss is not installed.
    """
    coarse = _divide(unit, round((len(unit) / _SIZE) ** 0.5))
    cell = torch.empty_like(coarse)
    for rows in coarse.argsort(stable=True).split(torch.bincount(coarse).tolist()):
        if len(rows):
            fine = _divide(unit[rows], round(len(rows) / _SIZE))
            cell[rows] = coarse[rows] * len(unit) + fine
    _, cell, size = cell.unique(return_inverse=True, return_counts=True)
    mean = unit.new_zeros(len(size), unit.size(1)).index_add_(0, cell, unit)
    mean = F.normalize(mean)
    most = min(num_probes, len(size))
    near = [(part @ mean.T).topk(most).indices for part in mean.split(_ROWS)]
    row = cell.argsort(stable=True)
    return Cells(row, unit[row], F.pad(size.cumsum(0), (1, 0)), torch.cat(near))


def near(cells: Cells, k: int, block: tuple[int, int]) -> Tensor:
    """The nearest others of the rows of a block, as far as the nearest cells tell.

    All rows of a cell are compared with all of the cells nearest to it at once.

    Args:
        cells: All rows.
        k: Number of others for each row.
        block: The first cell of the block, and the one after its last.

    Returns:
        As :func:`nearest`, cell after cell, with shape ``[m, 3]``.
    """
    first, last = block
    return torch.cat([_of_cell(cells, k, cell) for cell in range(first, last)])


def _of_cell(cells: Cells, k: int, cell: int) -> Tensor:
    near = cells.near[cell]
    spans = torch.stack([cells.start[near], cells.start[near + 1]], dim=1).tolist()
    place = torch.cat([torch.arange(*span) for span in spans])
    others = torch.cat([cells.unit[first:last] for first, last in spans])
    own = torch.arange(*cells.start[cell : cell + 2].tolist())
    found = []
    for rows in own.split(_ROWS):  # equal rows are all in one cell, however many
        similarity = cells.unit[rows[0] : rows[-1] + 1] @ others.T
        similarity[rows.unsqueeze(1) == place] = -torch.inf
        value, column = similarity.topk(min(k, len(place)))
        row, rank = value.isfinite().nonzero(as_tuple=True)
        pair = cells.row[rows[row]], cells.row[place[column[row, rank]]]
        found.append(torch.stack([*pair, _nearness(value[row, rank])], dim=1))
    return torch.cat(found)


def _nearness(similarity: Tensor) -> Tensor:
    """Inner products of unit vectors as numbers above 0, to seven decimals."""
    return ((similarity.double() + 2) * 1e7).round().long()


def _divide(unit: Tensor, num_cells: int) -> Tensor:
    """The cell of each row, by k-means, ``[n]``."""
    import faiss

    kmeans = faiss.Kmeans(
        unit.size(1),
        max(num_cells, 1),
        niter=5,
        seed=0,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_SAMPLE,
    )
    kmeans.train(unit.numpy())
    _, cell = kmeans.index.search(unit.numpy(), 1)
    return torch.from_numpy(cell[:, 0])

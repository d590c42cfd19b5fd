"""Search for vectors, exact, and approximate by faiss (the extra ``large``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    import faiss

_PER_CELL = 39  # rows that k-means needs and looks at for each cell


def nearest(unit: Tensor, k: int, block: tuple[int, int]) -> Tensor:
    """Pairs of the rows of a block with the ``k`` others of largest inner product.

    Of equally near rows, those with the lower index are taken; products are compared to
    seven decimals.

    Args:
        unit: All rows, of length one, in double precision, with shape ``[N, C]``.
        k: Number of others for each row; all where there are fewer.
        block: The first row of the block, and the one after its last.

    Returns:
        Row and other one, ``[n * k, 2]``, sorted.
    """
    first, last = block
    similarity = (unit[first:last] @ unit.T).round(decimals=7).float()
    similarity.diagonal(first).fill_(-torch.inf)
    least = similarity.topk(min(k, len(unit))).values[:, -1:]
    nearer, tied = similarity > least, similarity == least
    room = k - nearer.sum(dim=1, keepdim=True)
    taken = nearer | (tied & (tied.cumsum(dim=1) <= room))
    source, target = (taken & similarity.isfinite()).nonzero(as_tuple=True)
    return torch.stack([source + first, target], dim=1)


def near(
    index: faiss.IndexIVFFlat,
    unit: NDArray[np.float32],
    k: int,
    block: tuple[int, int],
) -> Tensor:
    """Like :func:`nearest`, as far as the nearest cells tell.

    Args:
        index: All rows in their :func:`cells`.
        unit: All rows, of length one, with shape ``[N, C]``.
        k: Number of others for each row; fewer where its cells hold fewer.
        block: The first row of the block, and the one after its last.

    Returns:
        Row and other one, ``[E, 2]``, sorted.
    """
    first, last = block
    rows = unit[first:last]
    _, target = index.search(rows, min(k + 1, len(unit)))
    source = np.arange(first, first + len(rows))[:, None]
    # The row itself may be missing among many equal ones; then the last one goes.
    other = (target != source) & (target >= 0)
    other &= other.cumsum(axis=1) <= k
    row, _ = other.nonzero()
    key = torch.from_numpy((first + row) * len(unit) + target[other]).sort().values
    return torch.stack([key // len(unit), key % len(unit)], dim=1)


def cells(
    rows: NDArray[np.float32], num_probes: int, *, euclidean: bool = False
) -> faiss.IndexIVFFlat:
    """Rows sorted into ``2 sqrt(N)`` cells of k-means, the same for the same rows.

    Args:
        rows: Vectors with shape ``[N, C]``.
        num_probes: Number of cells to search, those nearest to what is sought.
        euclidean: Whether the least distance is sought, not the largest inner product.

    Raises:
        ImportError: If faiss is not installed.
    """
    import faiss

    num_cells = max(1, min(round(2 * len(rows) ** 0.5), len(rows) // _PER_CELL))
    metric = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    flat = faiss.IndexFlat(rows.shape[1], metric)
    index = faiss.IndexIVFFlat(flat, rows.shape[1], num_cells, metric)
    index.cp.seed, index.cp.min_points_per_centroid = 0, 1
    index.cp.max_points_per_centroid, index.cp.niter = _PER_CELL, 10
    index.nprobe = min(num_probes, num_cells)
    index.train(rows)
    index.add(rows)
    return index

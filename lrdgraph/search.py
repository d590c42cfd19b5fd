"""Approximate search for vectors, by faiss (the extra ``large``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import faiss

_PER_CELL = 39  # rows that k-means needs and looks at for each cell


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

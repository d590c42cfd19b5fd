"""The best items of a large catalogue, found without scoring all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lrdgraph.nn.evaluation_mode import evaluating
from lrdgraph.nn.scoring import history_paths, last_rows
from lrdgraph.typing import TypedEdges

if TYPE_CHECKING:
    import faiss

    from lrdgraph.models import LRDRec

_OPTIONS = ("num_probes", "num_candidates")
_BITS = 4  # of a pair of channels
_LONGEST = 64  # rows at most that are no part of the cells, and always candidates
_PER_CELL = 39  # rows that k-means needs and looks at for each cell


class ItemIndex:
    r"""Finds the items that may be best after a history, and scores them exactly.

    A score is :math:`z^\top h_j + b_j`, and what comes along the typed edges of the
    history, which is never negative and reaches few items. So the best ones are next to
    the history, or have the largest inner products of :math:`(z, 1)` and
    :math:`(h_j, b_j)`. Those are sought by faiss in the nearest ones of
    :math:`2 \sqrt N` cells, in which the largest inner product is the least distance
    with one more channel ("Speeding Up the Xbox Recommender System Using a Euclidean
    Transformation for Inner-Product Spaces", Bachrach et al., RecSys 2014), and among
    rows that are rounded, four bits for two channels, of which 32 are compared at a
    time ("Accelerated Nearest Neighbor Search with Quick ADC", Andre et al.,
    ICMR 2017). The longest rows, of which a single one would make the rounding of all
    others coarse, are always candidates. What can be missed is an item without an edge
    from the history, in a cell that is not searched or not among the candidates by its
    rounded row.

    All pairs are typed once, and their weights kept: 4 bytes a pair and relation.

    Args:
        model: The trained model; what happens to it later is not noticed.
        num_probes: Number of cells to search. The more, the less is missed.
        num_candidates: Number of items that are found by rounded rows, to be scored
            exactly. Where there are no more items, all are scored, without faiss.

    Raises:
        ValueError: If ``num_probes`` or ``num_candidates`` is not positive.
        ImportError: If faiss, of the extra ``large``, is not installed and needed.
    """

    @torch.no_grad()
    def __init__(
        self, model: LRDRec, num_probes: int = 1024, num_candidates: int = 1000
    ) -> None:
        for name, value in zip(_OPTIONS, (num_probes, num_candidates), strict=True):
            if value < 1:
                raise ValueError(
                    f"{name!r} needs to be a positive integer in 'ItemIndex' "
                    f"(got {value})"
                )
        self.model, self.num_items = model, model.num_items
        self.num_candidates = num_candidates
        with evaluating(model):
            self.states, self.offsets = model.item_states(), model.item_offsets()
        self._weight = model.edge_weights()
        self._popularity, self._cells = popularity(model), None
        rows = torch.cat([self.states, self.offsets.unsqueeze(1)], dim=1)
        order = rows.square().sum(1).argsort(descending=True)
        longest = min(_LONGEST, self.num_items // 16)
        self._long, self._others = order[:longest], order[longest:].sort().values
        if num_candidates < self.num_items and len(self._others) >= 2**_BITS:
            others = _with_equal_lengths(rows[self._others])
            self._cells = _cells(others.cpu().numpy(), num_probes)

    @torch.no_grad()
    def candidates(self, history: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """What may be among the best ``k`` after each history, and its exact scores.

        Args:
            history: Item indices, padded on the left with ``N``, with shape ``[B, L]``.
            k: Number of items to seek apart from those next to the history.

        Returns:
            Scores and items, ``[B, P]``, in no order; a place that is not filled has
            the score minus infinity.
        """
        known = history.clamp(max=self.num_items - 1).unique()
        local = torch.searchsorted(known, history)  # padding stays the last
        with evaluating(self.model):
            user = self.model.last_states(self.states[known], local)
        paths = history_paths(history, last_rows(history), self.num_items)
        near = self.model.along(paths, self.edges)
        far = self._far(user, max(k, self.num_candidates))
        nothing = (history == self.num_items).all(dim=1)
        if self._popularity is not None and nothing.any():
            far[nothing] = self._popularity.topk(far.size(1)).indices
        row = torch.arange(len(far), device=far.device).repeat_interleave(far.size(1))
        key = torch.cat(
            [
                row * self.num_items + far.flatten(),
                (near.row.unsqueeze(1) * self.num_items + near.item).flatten(),
            ]
        )
        key, place = key.unique(return_inverse=True)
        sent = torch.cat([user.new_zeros(len(row)), near.value.flatten()])
        sent = user.new_zeros(len(key)).index_add(0, place, sent)
        row, item = key // self.num_items, key % self.num_items
        score = (user[row] * self.states[item]).sum(1) + self.offsets[item] + sent
        if self._popularity is not None:
            score = torch.where(nothing[row], self._popularity[item], score)
        return _by_row(row, score, item, len(history))

    def edges(self, edge_id: Tensor) -> TypedEdges:
        """What ``edges`` of the model gave for pairs ``[M]`` when this was made."""
        edge_index = self.model.graph.edge_index[:, edge_id]
        return TypedEdges(edge_index, self._weight[edge_id])

    def _far(self, user: Tensor, k: int) -> Tensor:
        """Items among which the ``k`` of largest inner products are, ``[B, P]``."""
        if self._cells is None or k >= len(self._others):
            every = torch.arange(self.num_items, device=user.device)
            return every.repeat(len(user), 1)
        asked = _even(F.pad(F.pad(user, (0, 1), value=1.0), (0, 1)))
        _, place = self._cells.search(asked.cpu().numpy(), k)
        item = self._others[torch.from_numpy(place).to(user.device)]
        few = torch.from_numpy((place < 0).any(1)).to(user.device)
        if few.any():  # the cells that were searched hold fewer
            scores = user[few] @ self.states.t() + self.offsets
            item[few] = scores.topk(k).indices
        return torch.cat([item, self._long.expand(len(user), -1)], dim=1)


def popularity(model: LRDRec) -> Tensor | None:
    """What scores items for whoever has bought nothing, ``[N]``; None: the model."""
    if model.trend is not None or not model.graph.popularity.any():
        return None
    return model.graph.popularity.log1p()


def _by_row(
    row: Tensor, score: Tensor, item: Tensor, num_rows: int
) -> tuple[Tensor, Tensor]:
    """Lists of different lengths side by side, ``[num_rows, P]`` each."""
    length = torch.bincount(row, minlength=num_rows)
    first = length.cumsum(0) - length
    place = torch.arange(len(row), device=row.device) - first[row]
    shape = num_rows, int(length.max())
    scores = score.new_full(shape, -torch.inf).index_put((row, place), score)
    return scores, item.new_zeros(shape).index_put((row, place), item)


def _with_equal_lengths(rows: Tensor) -> Tensor:
    """Rows ``[n, C]`` with one more channel: the nearest have largest products."""
    length = rows.square().sum(1)
    short = (length.max() - length).sqrt().unsqueeze(1)
    return _even(torch.cat([rows, short], dim=1))


def _even(rows: Tensor) -> Tensor:
    """Rows ``[B, C]`` of an even number of channels, which are rounded in pairs."""
    return F.pad(rows, (0, rows.size(1) % 2))


def _cells(rows: NDArray[np.float32], num_probes: int) -> faiss.IndexIVFPQFastScan:
    """Rounded rows, in ``2 sqrt(N)`` cells of k-means, the same for the same rows.

    Args:
        rows: Vectors with shape ``[N, C]``, ``C`` even, of which the nearest are
            sought.
        num_probes: Number of cells to search, those nearest to what is sought.

    Raises:
        ImportError: If faiss is not installed.
    """
    import faiss

    num_cells = max(1, min(round(2 * len(rows) ** 0.5), len(rows) // _PER_CELL))
    flat = faiss.IndexFlatL2(rows.shape[1])
    channels = rows.shape[1]
    index = faiss.IndexIVFPQFastScan(flat, channels, num_cells, channels // 2, _BITS)
    index.cp.seed, index.cp.min_points_per_centroid = 0, 1
    index.cp.max_points_per_centroid, index.cp.niter = _PER_CELL, 10
    index.nprobe = min(num_probes, num_cells)
    index.train(rows)
    index.add(rows)
    return index

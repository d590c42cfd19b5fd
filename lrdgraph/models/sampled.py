"""The softmax over a large catalogue, estimated from few of its items."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph.graph import LatentRelationGraph
from lrdgraph.nn.scoring import Paths
from lrdgraph.ragged import find, ragged_arange, starts
from lrdgraph.typing import Rows


class Asked(NamedTuple):
    """What a batch asks: ``history [B, L]``, ``P`` rows, ``target [P]``, padding."""

    history: Tensor
    rows: Rows
    target: Tensor
    num_items: int


class Common(NamedTuple):
    """Items that all histories of a batch are compared with.

    ``item [S]``, each drawn with its probability ``rate [S]``, and the ``column [N]``
    of an item among them, -1 for the others.
    """

    item: Tensor
    rate: Tensor
    column: Tensor


def draw_common(
    num_items: int, num_negatives: int, target: Tensor, in_batch: float = 0.0
) -> Common:
    """Draw items: from the batch's ``target [P]`` in part, and otherwise uniformly.

    All items if ``num_negatives`` is no fewer than there are. ``in_batch`` is the share
    that comes from the targets, popular ones more often, as they are more often there.
    """
    device = target.device
    if num_negatives >= num_items:
        item = torch.arange(num_items, device=device)
        missed = torch.zeros_like(item, dtype=torch.double)
    else:
        bought = int(in_batch * num_negatives) if target.numel() else 0
        evenly = num_negatives - bought  # one at least, or some could not be drawn
        item = torch.randint(num_items, (evenly,), device=device)
        if bought:
            place = torch.randint(len(target), (bought,), device=device)
            item = torch.cat([item, target[place]])
        item = item.unique()
        missed = torch.full_like(item, 1 - 1 / num_items, dtype=torch.double) ** evenly
        if bought:
            missed *= (1 - _share(target, item)) ** bought
    column = torch.full((num_items,), -1, device=device)
    column[item] = torch.arange(item.numel(), device=device)
    return Common(item, (1 - missed).float(), column)


def _share(target: Tensor, item: Tensor) -> Tensor:
    """What share of the targets ``[P]`` each item ``[S]`` is, in double precision."""
    known, count = target.unique(return_counts=True)
    count = torch.cat([count, count.new_zeros(1)])  # -1: not among them
    return count[find(known, item)].double() / len(target)


class Reach(NamedTuple):
    """Where the typed edges of a batch of histories lead, as far as that is looked at.

    Looked at are items that were drawn, and those that were bought next.

    Attributes:
        window: Row of the batch that each edge starts from, ``[K]``.
        slot: Its slot, ``[K]``.
        edge_id: Place of the edge in the graph, ``[K]``.
        pair: Which pair of window and item it leads to, ``[K]``, a place in ``key``.
        key: These pairs, ``window * N + item``, ascending, ``[U]``.
        chosen: Which of them were drawn, ``[U]``.
        rate: Probability of that in each window, ``[B]``.
        excluded: Which common items are next to a history, ``[B, S]``, so that they are
            not counted twice.
    """

    window: Tensor
    slot: Tensor
    edge_id: Tensor
    pair: Tensor
    key: Tensor
    chosen: Tensor
    rate: Tensor
    excluded: Tensor

    def near(self, num_items: int) -> Tensor:
        """The chosen items of each history, padded with ``N``, ``[B, M]``."""
        window, item = self._chosen(num_items)
        place = self._place(window)
        most = int(place.max()) + 1 if place.numel() else 0
        near = item.new_full((self.rate.numel(), most), num_items)
        near[window, place] = item
        return near

    def columns(self, num_items: int) -> Tensor:
        """Column of each pair in :meth:`near`, -1 for what was bought only, ``[U]``."""
        column = torch.full_like(self.key, -1)
        column[self.chosen] = self._place(self._chosen(num_items)[0])
        return column

    def _chosen(self, num_items: int) -> tuple[Tensor, Tensor]:
        key = self.key[self.chosen]
        return key // num_items, key % num_items

    def _place(self, window: Tensor) -> Tensor:
        first = starts(window, self.rate.numel())
        return torch.arange(window.numel(), device=window.device) - first[window]


def reach(
    graph: LatentRelationGraph, asked: Asked, common: Common, num_near: int
) -> Reach:
    """Draw items next to each history, and find the edges that matter.

    Costs one look at each edge that leaves a history, whatever the catalogue's size.

    Args:
        graph: The item graph.
        asked: Histories, and what followed them.
        common: What all histories are compared with.
        num_near: Number of items to draw next to each history, on average and at most.
    """
    history, rows, target, num_items = asked
    window, slot = (history < num_items).nonzero(as_tuple=True)
    owner, edge_id = graph.edges_from(history[window, slot])
    start, item = window[owner], graph.edge_index[1].index_select(0, edge_id)
    key = start * num_items + item
    rate = num_near / torch.bincount(start, minlength=len(history)).clamp(min=num_near)
    salt = torch.randint(2**62, (2,), device=key.device)
    kept = _draw(key, salt, rate[start]) | _among(
        key, item, rows.batch * num_items + target, target, num_items
    )
    column = common.column[item]
    excluded = common.item.new_zeros(len(history), len(common.item), dtype=torch.bool)
    excluded[start[column >= 0], column[column >= 0]] = True
    owner, edge_id = owner[kept], edge_id[kept]
    key, pair = key[kept].unique(return_inverse=True)
    chosen = _draw(key, salt, rate[key // num_items])
    return Reach(window[owner], slot[owner], edge_id, pair, key, chosen, rate, excluded)


def _draw(key: Tensor, salt: Tensor, rate: Tensor) -> Tensor:
    """Whether each key is drawn, by a hash, so that equal keys share their fate."""
    scattered = ((key + 1) * (2 * salt[0] + 1) + salt[1]) >> 39 & (2**24 - 1)
    return scattered < rate * 2**24


def _among(
    key: Tensor, item: Tensor, wanted: Tensor, target: Tensor, num_items: int
) -> Tensor:
    """Whether each key is wanted; a mark for each item spares most of the search."""
    mark = torch.zeros(num_items, dtype=torch.bool, device=key.device)
    mark[target] = True
    place = mark[item].nonzero().squeeze(-1)
    found = torch.zeros_like(key, dtype=torch.bool)
    found[place] = find(wanted.unique(), key[place]) >= 0
    return found


class Steps(NamedTuple):
    """Edges as rows see them, ``[M]`` each.

    The ``row``, the place of the ``edge`` in :class:`Reach`, its ``distance`` from the
    last item that the row sees, and whether it leads to what was bought next (``won``).
    """

    row: Tensor
    edge: Tensor
    distance: Tensor
    won: Tensor


def steps(reach: Reach, asked: Asked) -> Steps:
    """Every row with the edges that start from what it sees of its history."""
    rows, length = asked.rows, asked.history.size(1)
    key = rows.batch * length + rows.slot
    first = torch.searchsorted(key, reach.window * length + reach.slot)
    last = torch.searchsorted(key, (reach.window + 1) * length)
    edge, row = ragged_arange(first, last - first)
    goal = find(reach.key, rows.batch * asked.num_items + asked.target)
    won = reach.pair[edge] == goal[row]
    return Steps(row, edge, rows.slot[row] - reach.slot[edge], won)


def messages(
    step: Steps, reach: Reach, asked: Asked, table: Tensor, num_near: int
) -> Tensor:
    """What edges add to each row's target, and to the items near it.

    Args:
        step: What :func:`steps` gave.
        reach: Where edges lead.
        asked: Histories, and what followed them.
        table: What each edge of ``reach`` sends at each distance, ``[K, L]``.
        num_near: Number of columns ``M`` of :meth:`Reach.near`.

    Returns:
        Sums with shape ``[P, 1 + M]``, the target's first.
    """
    pair = reach.pair[step.edge]
    column = torch.where(step.won, 0, 1 + reach.columns(asked.num_items)[pair])
    kept = (step.won | (column > 0)).nonzero().squeeze(-1)
    cell = step.edge * table.size(1) + step.distance
    value = table.flatten().index_select(0, cell[kept])
    place = (step.row * (1 + num_near) + column)[kept]
    sent = table.new_zeros(asked.target.numel() * (1 + num_near))
    return sent.index_add(0, place, value).view(-1, 1 + num_near)


def won(step: Steps, reach: Reach, asked: Asked) -> tuple[Paths, Tensor]:
    """The paths that lead to what was bought next, and the edge of each."""
    edge = step.edge[step.won]
    item = asked.history[reach.window, reach.slot][edge]
    paths = Paths(step.row[step.won], item, step.distance[step.won])
    return paths, reach.edge_id[edge]


def sampled_cross_entropy(
    own: Tensor, common: Tensor, near: Tensor, near_rate: Tensor
) -> Tensor:
    r"""Sum over rows of an estimate of :math:`-\log\text{softmax}` of their own score.

    What the items left out would have added is made up for by those that were drawn,
    each counted :math:`1 / q` times for its probability :math:`q` (the logQ correction
    of importance sampling: Bengio & Senecal, "Adaptive Importance Sampling to
    Accelerate Training of a Neural Probabilistic Language Model", 2008), in two strata:
    the items next to a history, and all others. With every item drawn it is exact.

    Args:
        own: Score of the item that is to win each row, with shape ``[P]``.
        common: Log-sum-exp of the scores of the common items that are candidates of a
            row and not next to its history, each less the logarithm of the probability
            with which it was drawn, ``[P]``.
        near: Scores of items next to each row's history, minus infinity where one is
            no candidate, ``[P, M]``.
        near_rate: Probability of the items next to each row's history, ``[P]``.
    """
    both = torch.stack([own, common], dim=1)
    logits = torch.cat([both, near - near_rate.log().unsqueeze(1)], dim=1)
    first = torch.zeros(len(own), dtype=torch.long, device=own.device)
    return F.cross_entropy(logits, first, reduction="sum")

"""Messages from the history to the candidates along typed edges."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.precision import in_single_precision
from lrdgraph.ragged import ragged_arange
from lrdgraph.typing import Rows, TypedEdges

BLOCK = 8
"""Edges of an item that are sent together. One index stands for all of them."""

_LINE = 16  # numbers in single precision


class Paths(NamedTuple):
    """Every history item that a predicted row sees; shapes ``[Q]`` each.

    ``row`` of the prediction, ``item`` of the history, and its ``distance`` from the
    last item that the row sees (0 for that item itself).
    """

    row: Tensor
    item: Tensor
    distance: Tensor


class Messages(NamedTuple):
    """What is added to single scores, some of a row at a time, sorted by row.

    ``row`` of the prediction, ``[M]``, each ``item`` that is reached (pairs may
    repeat), ``[M, W]``, and the ``value`` added to its score, ``[M, W]``.
    """

    row: Tensor
    item: Tensor
    value: Tensor

    def add_to(self, scores: Tensor) -> Tensor:
        """Add to contiguous scores ``[P, N]``, and return in which cells, ``[M * W]``.

        Cells are counted row by row.
        """
        cell = (self.row.unsqueeze(1) * scores.size(1) + self.item).flatten()
        scores.view(-1).index_add_(0, cell, self.value.flatten())
        return cell


@in_single_precision
def inner_products(bias: Tensor, users: Tensor, items: Tensor) -> Tensor:
    """Each user's products with all items, ``[B, W]``, of which the first ``N`` count.

    Without a gradient, rows start where a line of the cache does: into rows of 12101
    numbers, the product takes twice as long as into those of 12112.

    Args:
        bias: What is added for each item, with shape ``[N]``.
        users: User states, with shape ``[B, C]``.
        items: Item states, with shape ``[C, N]``.
    """
    if torch.is_grad_enabled():
        return torch.addmm(bias, users, items)
    width = -(-len(bias) // _LINE) * _LINE
    scores = users.new_empty(len(users), width)
    torch.addmm(bias, users, items, out=scores[:, : len(bias)])
    return scores


def best(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """:func:`torch.topk` of rows, which takes a third of the time where they are long.

    The ``k`` best are in the ``k`` groups of 16 that have the largest members.

    Args:
        scores: Scores with shape ``[B, N]``.
        k: How many to find, at most ``N``.

    Returns:
        The largest scores, the first ones first, and their items, ``[B, k]`` each.
    """
    num_groups = scores.size(1) // _LINE
    if num_groups < 32 * k:
        value, item = scores.topk(k)
        return value, item
    every = torch.arange(scores.size(1), device=scores.device)
    grouped, rest = every.split([num_groups * _LINE, every.numel() % _LINE])
    largest = scores[:, : len(grouped)].unflatten(1, (_LINE, num_groups)).amax(1)
    group = largest.topk(k, sorted=False).indices
    item = grouped.view(_LINE, num_groups).t()[group].flatten(1)
    item = torch.cat([item, rest.expand(len(item), -1)], dim=1)
    value, place = scores.gather(1, item).topk(k)
    return value, item.gather(1, place)


def last_rows(history: Tensor) -> Rows:
    """One row a history ``[B, L]``: the position after its last item."""
    batch = torch.arange(history.size(0), device=history.device)
    return Rows(batch, torch.full_like(batch, history.size(1) - 1))


def history_paths(history: Tensor, rows: Rows, padding: int) -> Paths:
    """The paths of all rows.

    Args:
        history: Item indices, padded on the left, with shape ``[B, L]``.
        rows: The positions to predict after.
        padding: The index that stands for no item.
    """
    slot = torch.arange(history.size(1), device=history.device)
    seen = history[rows.batch]  # [P, L]
    visible = (seen != padding) & (slot <= rows.slot.unsqueeze(-1))
    row, column = visible.nonzero(as_tuple=True)
    return Paths(row, seen[row, column], rows.slot[row] - column)


def own_transitions(paths: Paths, window: int, num_items: int) -> Tensor:
    """Which paths' items have a counted transition of the interaction that follows.

    The target of a row was counted once for each different item among the last
    ``window`` of its history (see :class:`~lrdgraph.transforms.Transitions`).

    Returns:
        1 or 0, as floating point, with shape ``[Q]``.
    """
    key = paths.row * num_items + paths.item
    return torch.isin(key, key[paths.distance < window]).float()


class RelationalScorer(nn.Module):
    r"""Relation-aware target attention in retrieval form.

    .. math:: s_j = \sum_t \sum_r g_{r,\Delta(t)}\, w_r(t, j)

    over the history items ``t`` and the typed edges ``t -> j``: what RCF
    (`arXiv 1904.12796 <https://arxiv.org/abs/1904.12796>`_) and KDA (TOIS 2021) compute
    per candidate, as sparse messages that rank the whole catalogue at once. The gate
    :math:`g > 0` depends on the relation and on the distance :math:`\Delta` of the
    history item from the end.

    Args:
        num_relations: Number of relations ``R``.
        max_length: Number of history slots ``L``.
    """

    def __init__(self, num_relations: int, max_length: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(num_relations))
        self.decay = nn.Parameter(torch.zeros(num_relations, max_length))

    def gates(self) -> Tensor:
        """Gate of each relation at each distance, with shape ``[R, L]``."""
        kept = torch.exp(-F.softplus(self.decay))
        return F.softplus(self.strength).unsqueeze(-1) * kept

    @in_single_precision
    def forward(self, paths: Paths, edges: TypedEdges, degree: Tensor) -> Messages:
        """Send messages along all edges of all paths.

        Args:
            paths: The paths, whose ``item`` counts the distinct history items.
            edges: The typed edges of the distinct history items, item after item.
            degree: Number of edges of each distinct history item.
        """
        edge, there, number = _blocks(degree)
        weight = edges.weight.index_select(0, edge.flatten()) * there.view(-1, 1)
        target = edges.edge_index[1][edge]
        # A scalar for every distance and edge, those of a block side by side.
        table = (self.gates().t() @ weight.t()).view(-1, BLOCK)
        first = number.cumsum(0) - number
        path, block = ragged_arange(first[paths.item], number[paths.item])
        cell = paths.distance.index_select(0, path) * len(edge) + block
        # index_select, here and elsewhere: its backward pass is three times as fast as
        # that of plain indexing on a processor.
        return Messages(
            paths.row.index_select(0, path),
            target.index_select(0, block),
            table.index_select(0, cell),
        )


def _blocks(degree: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The edges of items, item after item, in blocks.

    Args:
        degree: Number of edges of each item, with shape ``[n]``.

    Returns:
        Edges with shape ``[M, BLOCK]``, an item's last one again where it has no more;
        where it has, with the same shape; and the number of blocks of each, ``[n]``.
    """
    number = (degree + BLOCK - 1) // BLOCK
    owner, block = ragged_arange(torch.zeros_like(number), number)
    place = block.unsqueeze(1) * BLOCK + torch.arange(BLOCK, device=degree.device)
    last = degree[owner].unsqueeze(1) - 1
    first = (degree.cumsum(0) - degree)[owner].unsqueeze(1)
    return first + torch.minimum(place, last), place <= last, number

"""Training on a large catalogue: a step looks at what its batch touches, and no more.

Three parts of a step of :class:`~lrdgraph.models.SASRec` and
:class:`~lrdgraph.models.LRDRec` grow with the catalogue: the states of all items, their
scores, and the relations of all pairs that leave a history. With ``num_negatives``

- scores are those of the items bought next, of that many items drawn from the whole
  catalogue, and of an eighth as many drawn next to each history, where most of what
  is likely lies: a softmax over all items is estimated from them
  (:func:`~lrdgraph.models.sampled.sampled_cross_entropy`);
- relations are those of pairs between the history and these;
- states are those of items that occur in any of this. What convolutions hear from
  neighbours is what these said when edges were typed last, without a gradient
  (the historical embeddings of "GNNAutoScale", Fey et al., ICML 2021);
- the gradient of id embeddings is sparse, for
  :class:`~lrdgraph.training.optimizing.RowAdamW`, unless several GPUs share a step or
  gradients are clipped.

Evaluation and recommendation rank the whole catalogue, as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph.models.sampled import (
    Asked,
    Common,
    Reach,
    sampled_cross_entropy,
)
from lrdgraph.nn.cross_entropy import NO_SHARE, score_log_sum_exp
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.ragged import relabel
from lrdgraph.typing import Batch, PairDraw

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph
    from lrdgraph.models.sasrec import SASRec

NEAR = 8
"""One item is drawn next to each history for so many from the whole catalogue."""


def draw_pairs(graph: LatentRelationGraph, num_pairs: int) -> PairDraw | None:
    """Pairs to learn relations from, and items to compare with, if there are any."""
    if not graph.num_latent:
        return None
    edge_id = graph.sample_pairs(num_pairs)
    negatives = torch.randint_like(edge_id[::4], graph.num_items)
    return PairDraw(edge_id, graph.edge_index[:, edge_id], negatives)


def next_item_loss(
    model: SASRec, batch: Batch, pairs: PairDraw | None = None
) -> tuple[Tensor, Tensor, PairDraw | None]:
    """Estimate the loss of the next item.

    Args:
        model: The model, with ``num_negatives``.
        batch: A training batch.
        pairs: Pairs to learn relations from, whose items are wanted, too.

    Returns:
        Cross-entropy in nats, mean over positions; the states of all items in play,
        ``[n, C]``; and the pairs in their places.
    """
    asked = Asked(*model.training_rows(batch), model.num_items)
    common = model.draw_common(asked.target)
    reach = model.reach(asked, common)
    near = asked.history[:, :0] if reach is None else reach.near(model.num_items)
    index = [asked.history, asked.target, common.item, near]
    index += [] if pairs is None else [pairs.edge_index, pairs.negatives]
    item, place = relabel(model.num_items, *index)
    states, bias = model.item_states(item), model.item_bias()[item]
    users = model.user_states(states, place[0], batch["history_time"])
    row = asked.rows.batch, asked.rows.slot
    user, of_near = users[row], _scores(users, states, bias, place[3])[row]
    own = _own_score(user, states, bias, place[1])
    own, of_near = model.with_messages(own, of_near, asked, reach)
    of_near = of_near.masked_fill(_seen(asked, near), NO_SHARE)
    no_candidates = _no_candidates(asked, common, reach)
    offset = bias[place[2]] - common.rate.log()
    of_common = score_log_sum_exp(user, states[place[2]], offset, no_candidates)
    rate = torch.ones_like(own) if reach is None else reach.rate[asked.rows.batch]
    loss = sampled_cross_entropy(own, of_common, of_near, rate)
    found = pairs and pairs._replace(edge_index=place[4], negatives=place[5])
    return loss / max(len(rate), 1), states, found


@in_single_precision
def _own_score(user: Tensor, states: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Score of what each row bought next, ``[P]``."""
    return (user * states.index_select(0, target)).sum(1) + bias[target]


@in_single_precision
def _scores(users: Tensor, states: Tensor, bias: Tensor, near: Tensor) -> Tensor:
    """Scores of what is near each history ``[B, M]``, at each slot, ``[B, L, M]``."""
    next_to = F.embedding(near, F.pad(states, (0, 0, 0, 1)))  # [B, M, C]
    return users @ next_to.mT + F.pad(bias, (0, 1))[near].unsqueeze(1)


def _no_candidates(
    asked: Asked, common: Common, reach: Reach | None
) -> Callable[[slice], Tensor]:
    """Which common items some rows are not compared with, ``[rows, S]``.

    Those that the row's history holds, its own target, and what is near its history.
    """
    history, rows, target, num_items = asked
    window, slot = (history < num_items).nonzero(as_tuple=True)
    column = common.column[history[window, slot]]
    known = column >= 0
    size = (len(history), len(common.item))
    first = torch.full(size, history.size(1), device=column.device).flatten()
    cell = (window * len(common.item) + column)[known]
    first = first.scatter_reduce(0, cell, slot[known], "amin").view(size)
    if reach is not None:
        first = first.masked_fill(reach.excluded, -1)
    first, wanted = first.short(), common.column[target]

    def of(part: slice) -> Tensor:
        out = first[rows.batch[part]] <= rows.slot[part].short().unsqueeze(1)
        column = wanted[part]
        out[(column >= 0).nonzero().squeeze(-1), column[column >= 0]] = True
        return out

    return of


def _seen(asked: Asked, near: Tensor) -> Tensor:
    """Which of the items ``near [B, M]`` a row has, or is asked for, ``[P, M]``."""
    history, rows, target, num_items = asked
    same = history.unsqueeze(2) == near.unsqueeze(1)  # [B, L, M]
    seen = same.cumsum(1, dtype=torch.short)[rows.batch, rows.slot] > 0
    shown = near[rows.batch]
    return seen | (shown == target.unsqueeze(1)) | (shown == num_items)

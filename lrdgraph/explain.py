"""Why an item was recommended: the typed edges that lead to it from the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lrdgraph.nn.evaluation_mode import evaluating
from lrdgraph.typing import TRANSITION, Reason

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph
    from lrdgraph.models import ItemIndex, LRDRec

TELLING = 0.005
"""What a path has to add to a score to be a reason: half a percent to the odds."""

LENT = "lent_transition"
"""What a reason says in place of *transition* for an item that nobody has bought yet:
shoppers went on to items that it reads like."""
LENT_TOLD = "transition, lent by items that read alike"
"""The same in words."""


@torch.no_grad()
def contributions(
    model: LRDRec, history: Tensor, item: Tensor, index: ItemIndex | None = None
) -> Tensor:
    r"""What each path adds to the scores of some items.

    The contribution of a path is :math:`g_{r,\Delta(t)}\, w_r(t, j)`: its term of the
    sum in :class:`~lrdgraph.nn.RelationalScorer`. An item that was bought several times
    is one reason, not several: its last purchase has what all of them add.

    Args:
        model: The trained model, over a graph with ``R`` relations.
        history: Item indices, padded on the left with ``N``, with shape ``[B, L]``.
        item: Indices of the items to explain, with shape ``[B, k]``.
        index: An index of the model, which knows what pairs weigh; None finds out.

    Returns:
        Contributions with shape ``[B, k, L, R]``, zero where there is no edge, and for
        all purchases of an item but the last.
    """
    length = history.size(1)
    source = history.unsqueeze(1).expand(-1, item.size(1), -1)  # [B, k, L]
    edge_id = model.graph.find(source, item.unsqueeze(-1).expand_as(source))
    place = (edge_id >= 0).nonzero(as_tuple=True)
    gates = model.scorer.gates()[:, length - 1 - place[2]].t()  # [M, R]
    with evaluating(model):
        weight = (index or model).edges(edge_id[place]).weight
    added = weight.new_zeros(*edge_id.shape, weight.size(1))
    added[place] = weight * gates
    return _to_last_purchase(added, history)


def _to_last_purchase(added: Tensor, history: Tensor) -> Tensor:
    same = history.unsqueeze(1) == history.unsqueeze(2)  # [B, L, L]
    last = (same * torch.arange(same.size(2), device=same.device)).amax(-1)
    place = last[:, None, :, None].expand_as(added)
    return torch.zeros_like(added).scatter_add(2, place, added)


def explain(
    model: LRDRec,
    history: Tensor,
    item: Tensor,
    num_reasons: int = 3,
    index: ItemIndex | None = None,
) -> list[tuple[Reason, ...]]:
    """The paths that carry most of the score of each of some items.

    Args:
        model: The trained model.
        history: Item indices, padded on the left with ``N``, with shape ``[L]``.
        item: Indices of the recommended items, with shape ``[k]``.
        num_reasons: Number of paths at most.
        index: As in :func:`contributions`.

    Returns:
        For each item its reasons, strongest first; each adds :data:`TELLING` or more.
    """
    graph = model.graph
    added = contributions(model, history[None], item[None], index)[0].flatten(1)
    best = added.topk(min(num_reasons, added.size(1)))
    row, rank = (best.values >= TELLING).nonzero(as_tuple=True)
    slot = best.indices[row, rank] // len(graph.relations)
    relation = best.indices[row, rank] % len(graph.relations)
    probability = graph.probability(graph.find(history[slot], item[row]))
    reasons: list[list[Reason]] = [[] for _ in range(item.numel())]
    for owner, source, name, sure, share in zip(
        row.tolist(),
        history[slot].tolist(),
        relation_keys(graph, relation, item[row]),
        probability.gather(1, relation.unsqueeze(1)).squeeze(1).tolist(),
        best.values[row, rank].tolist(),
        strict=True,
    ):
        reason = Reason(graph.ids[source], name, sure, share)
        reasons[owner].append(reason)
    return [tuple(paths) for paths in reasons]


def relation_name(graph: LatentRelationGraph, key: str) -> str:
    """What people call a relation or :data:`LENT`; its key, if it has no name."""
    return LENT_TOLD if key == LENT else graph.relation_names.get(key, key)


def relation_keys(
    graph: LatentRelationGraph, relation: Tensor, target: Tensor
) -> list[str]:
    """What paths go by: a relation of the graph, or :data:`LENT`.

    Args:
        graph: The graph.
        relation: Indices of relations, with shape ``[M]``.
        target: The items that the paths lead to, with shape ``[M]``.
    """
    keys = [graph.relations[index] for index in relation.tolist()]
    bought = (graph.popularity[target] > 0).tolist()
    return [
        LENT if key == TRANSITION and not known else key
        for key, known in zip(keys, bought, strict=True)
    ]

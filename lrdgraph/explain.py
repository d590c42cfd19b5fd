"""Why an item was recommended: the typed edges that lead to it from the history."""

from __future__ import annotations

import torch
from torch import Tensor

from lrdgraph.graph import LatentRelationGraph
from lrdgraph.nn.scoring import RelationalScorer
from lrdgraph.typing import Reason


@torch.no_grad()
def explain(
    graph: LatentRelationGraph,
    scorer: RelationalScorer,
    history: Tensor,
    item: int,
    num_reasons: int = 3,
) -> tuple[Reason, ...]:
    r"""The paths that carry most of an item's score.

    The contribution of a path is :math:`g_{r,\Delta(t)}\, w_r(t, j)`: its term of the
    sum in :class:`~lrdgraph.nn.RelationalScorer`.

    Args:
        graph: The item graph.
        scorer: The trained scorer.
        history: Item indices, padded on the left with ``N``, with shape ``[L]``.
        item: Index of the recommended item.
        num_reasons: Number of paths at most.
    """
    slot = (history < graph.num_items).nonzero().squeeze(-1)
    source = history[slot]
    edge_id = graph.find(source, torch.full_like(source, item))
    slot, edge_id = slot[edge_id >= 0], edge_id[edge_id >= 0]
    distance = history.numel() - 1 - slot
    share = graph(edge_id).weight * scorer.gates()[:, distance].t()  # [M, R]
    probability = graph.probability(edge_id)
    best = share.flatten().topk(min(num_reasons, int((share > 0).sum()))).indices
    num_relations = len(graph.relations)
    return tuple(
        Reason(
            graph.ids[int(history[slot[place // num_relations]])],
            graph.relations[place % num_relations],
            float(probability.flatten()[place]),
            float(share.flatten()[place]),
        )
        for place in best.tolist()
    )

"""How sure each relation is of each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lrdgraph.ragged import distinct
from lrdgraph.typing import TRANSITION

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph


@torch.no_grad()
def probability(graph: LatentRelationGraph, edge_id: Tensor | None = None) -> Tensor:
    """How sure each relation is of each pair, for reading.

    1 where a relation was observed, the source's share of transitions (0 of lent
    ones), the posterior of latent relations (0 on pairs without another reason).

    Args:
        graph: The graph.
        edge_id: Places of the pairs, with shape ``[M]``; None for all of them.

    Returns:
        Probabilities with shape ``[M, R]``.
    """
    if edge_id is None:
        edge_id = torch.arange(graph.num_edges, device=graph.x.device)
    columns = [graph.observed[edge_id]]
    if TRANSITION in graph.relations:
        columns.append(_share(graph, edge_id).unsqueeze(-1))
    if graph.num_latent:
        columns.append(graph.latent(edge_id))
    return torch.cat(columns, dim=-1)


def _share(graph: LatentRelationGraph, edge_id: Tensor) -> Tensor:
    """Share of the source's counted transitions; of lent ones nothing, ``[M]``."""
    item, place = distinct(graph.edge_index[0, edge_id], graph.num_items)
    owner, leaving = graph.edges_from(item)
    both = torch.cat([edge_id, leaving])
    count = graph.transitions[both] * (graph.popularity[graph.edge_index[1, both]] > 0)
    total = count.new_zeros(len(item)).index_add_(0, owner, count[len(edge_id) :])
    return count[: len(edge_id)] / total.clamp(min=1)[place]

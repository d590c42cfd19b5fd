"""Relations of pairs, as the DVAE infers them: with a gradient, or for very many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lrdgraph.nn.precision import in_single_precision
from lrdgraph.ragged import by_parts, distinct

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

_PAIRS = 1 << 12  # whose hidden layers a processor keeps near, without a gradient
_ITEMS = 1 << 10  # whose texts are looked at at a time, without a gradient


def infer(graph: LatentRelationGraph, edge_index: Tensor) -> Tensor:
    """``q(r | i, j)`` of any pairs of items, candidates or not, differentiable.

    Args:
        graph: The item graph.
        edge_index: Source and target of each pair, with shape ``[2, M]``.

    Returns:
        Probabilities of ``latent_relations``, with shape ``[M, K + 1]``.

    Raises:
        ValueError: If the graph has no latent relations.
    """
    return _infer(graph, edge_index, graph.facts.compare(edge_index))


def posterior(graph: LatentRelationGraph, edge_id: Tensor) -> Tensor:
    """``q(r | i, j)`` of candidate pairs ``edge_id [M]``; see :func:`infer`."""
    return _infer(graph, graph.edge_index[:, edge_id], graph.facts.shared[edge_id])


@in_single_precision
def _infer(graph: LatentRelationGraph, edge_index: Tensor, shared: Tensor) -> Tensor:
    if not graph.num_latent:
        raise ValueError("'num_latent' needs to be positive to infer (got 0)")
    item, pair = distinct(edge_index, graph.num_items)
    if torch.is_grad_enabled():
        return graph.dvae.posterior(graph.dvae.roles(graph.read(item)), pair, shared)
    roles = _roles(graph, item)
    place = torch.arange(len(shared), device=shared.device)
    return by_parts(
        lambda p: graph.dvae.posterior(roles, pair[:, p], shared[p]), place, _PAIRS
    )


def _roles(graph: LatentRelationGraph, item: Tensor) -> Tensor:
    return by_parts(lambda part: graph.dvae.roles(graph.read(part)), item, _ITEMS)


@torch.no_grad()
@in_single_precision
def static_weights(graph: LatentRelationGraph, edge_id: Tensor) -> Tensor:
    """Weights of static pairs, over all relations but *transition*.

    Without a gradient, and made to weigh very many pairs: each text is looked at once,
    and of each pair nothing is kept but the result.

    Args:
        graph: The item graph.
        edge_id: Places of static pairs, with shape ``[M]``.

    Returns:
        Weights of observed and latent relations, with shape ``[M, R]``.
    """
    every = torch.arange(graph.num_items, device=graph.x.device)
    roles = _roles(graph, every) if graph.num_latent else None

    def weigh(edge: Tensor) -> Tensor:
        weight = graph.observed[edge]
        if roles is not None:
            pair, shared = graph.edge_index[:, edge], graph.facts.shared[edge]
            latent = graph.dvae.posterior(roles, pair, shared)[:, 1:]
            weight = torch.cat([weight, latent], dim=1)
        return weight * graph.scale[edge].unsqueeze(-1)

    return by_parts(weigh, edge_id, _PAIRS)

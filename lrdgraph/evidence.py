"""What latent relations say between histories and candidates."""

from __future__ import annotations

from torch import Tensor

from lrdgraph.graph import LatentRelationGraph


def latent_evidence(
    graph: LatentRelationGraph, history: Tensor, candidates: Tensor
) -> Tensor:
    """Posterior of latent relations from each item to each candidate, differentiable.

    It is 0 for pairs that the graph does not propose, or only for transitions, as
    everywhere in the library.

    Args:
        graph: The item graph.
        history: Item indices padded with ``N``, with shape ``[B, L]``.
        candidates: Item indices with shape ``[B, Q]``.

    Returns:
        Probabilities with shape ``[B, Q, K, L]``.
    """
    size = (*candidates.shape, history.size(1))
    source = history.unsqueeze(1).expand(size).flatten()
    target = candidates.unsqueeze(2).expand(size).flatten()
    edge_id = graph.find(source, target).where(source < graph.num_items, -1)
    place = (edge_id >= 0).nonzero().squeeze(-1)
    found = graph.latent(edge_id[place])
    every = found.new_zeros(source.numel(), graph.num_latent)
    return every.index_copy(0, place, found).view(*size, -1).transpose(2, 3)

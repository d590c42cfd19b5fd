"""Whether discovery is doing well, in figures that need no truth to compare with."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from lrdgraph.graph import LatentRelationGraph


class Health(NamedTuple):
    """Figures of the posterior over the pairs of a graph.

    Attributes:
        perplexity: Of the mean posterior: how many outcomes are in use, from 1 to
            ``K + 1``.
        certainty: Median over pairs of the largest posterior, up to 1.
        information: What the relation tells of the pair and the pair of the relation,
            in bits: entropy of the mean posterior less the mean entropy.
    """

    perplexity: float
    certainty: float
    information: float

    def warning(self) -> str | None:
        """What is wrong and what to change, in plain words; None if all is well."""
        if self.perplexity < 1.5 and self.information < 0.1:
            return (
                f"discovery is collapsing: {self.perplexity:.1f} latent relations are "
                "in use, so all pairs look alike. Lower 'presence_weight', give "
                "'spread_weight' (0.1), more neighbours to TextKNN, or better texts"
            )
        if self.information < 0.1:
            return (
                f"discovery tells pairs apart by {self.information:.2f} bits only. "
                "Raise 'relation_weight', give 'information_weight' (0.3), lower "
                "'num_latent', or check that the text vectors differ between items"
            )
        return None


@torch.no_grad()
def health(graph: LatentRelationGraph, num_pairs: int = 10_000) -> Health:
    """Look at the posterior of evenly spaced pairs.

    Args:
        graph: A graph with latent relations.
        num_pairs: Number of pairs at most.

    Raises:
        ValueError: If the graph has no latent relations.
    """
    if not graph.num_latent:
        raise ValueError("'graph' needs latent relations to look at (got none)")
    places = graph.static.nonzero().squeeze(-1)
    places = places[:: 1 + (len(places) - 1) // num_pairs]
    posterior = graph.posterior(places)
    used, unsure = _entropy(posterior.mean(0)), _entropy(posterior).mean()
    return Health(
        perplexity=float(used.exp()),
        certainty=float(posterior.max(dim=1).values.median()),
        information=float((used - unsure) / log(2)),
    )


def _entropy(probability: Tensor) -> Tensor:
    """In nats, along the last dimension."""
    return torch.special.entr(probability).sum(-1)

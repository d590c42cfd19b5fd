"""Observed relations of pairs for which nobody has written them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from lrdgraph.convert.edges import check, surest
from lrdgraph.convert.tables import triples
from lrdgraph.nn.fact_dvae import FactDVAE

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph


@torch.no_grad()
def foretold(
    graph: LatentRelationGraph, min_prob: float = 0.5, top_k: int | None = None
) -> pd.DataFrame:
    """What pairs probably are, though no table says so.

    Of all candidates but steps of shoppers, those are looked at that an observed
    relation does not hold between, as far as anybody knows
    (:meth:`~lrdgraph.nn.FactDVAE.foretell`). Relations ``same_<attribute>`` are left
    out: which brands are the same, a table of items knows better.

    Args:
        graph: A graph with the objective ``'facts'``, whose relations were discovered.
        min_prob: Probability from which a pair is foretold.
        top_k: Number of pairs at most that an item starts in each relation, the surest
            ones; by default all of them.

    Returns:
        The columns ``head``, ``relation``, ``tail`` (external ids) and ``probability``,
        by relation, the surest first.

    Raises:
        ValueError: If the graph has another objective or no latent relations, if
            ``min_prob`` is not from 0 to 1, or if ``top_k`` is not positive.
    """
    check(graph, min_prob, None, top_k)
    if not graph.num_latent or not isinstance(graph.dvae, FactDVAE):
        raise ValueError(
            "'foretold' needs latent relations with the objective 'facts' (got "
            f"{graph.num_latent} with {graph.objective!r})"
        )
    pairs, edges = graph.static.nonzero().squeeze(1), {}
    probability = graph.dvae.foretell(graph.posterior(pairs))
    unknown = graph.observed[pairs][:, graph.dvae.place] == 0
    for name, sure in zip(graph.dvae.facts, (probability * unknown).t(), strict=True):
        if name.startswith("same_"):
            continue
        kept = surest(graph, pairs, sure, min_prob, top_k)
        kept = kept[sure[kept].argsort(descending=True, stable=True)]
        edges[name] = pairs[kept], sure[kept]
    return triples(graph, edges, graph.ids, list(edges))

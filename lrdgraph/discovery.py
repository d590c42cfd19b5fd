"""Discovering relations without a recommender."""

from __future__ import annotations

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
from tqdm import trange

from lrdgraph.graph import LatentRelationGraph
from lrdgraph.nn.fact_dvae import FactDVAE


def discover(
    graph: LatentRelationGraph,
    num_steps: int = 2000,
    *,
    num_pairs: int = 512,
    presence_weight: float | None = None,
    information_weight: float = 0.0,
    progress: bool = True,
) -> None:
    """Learn the latent relations of a graph from texts and from when shoppers come.

    Takes seconds, as no items are scored. What results is a graph to look at, a fixed
    graph for a recommender of your own, or a start for training with
    :class:`~lrdgraph.models.LRDRec`, which draws relations towards what helps it.

    Args:
        graph: A graph with latent relations; its DVAE is trained.
        num_steps: Number of steps; the weights of the last 50 or so are averaged.
        num_pairs: Number of pairs in a step. Time is linear in it, not in the graph.
        presence_weight: Weight of the share of pairs that have a relation, see
            :class:`~lrdgraph.models.LRDRec`; by default 0.3, and 0 with the objective
            ``'facts'``.
        information_weight: Weight of what relations tell of pairs too little, see
            :class:`~lrdgraph.models.LRDRec`. With 1, relations are distinct and certain
            where when shoppers come tells little of them; where few pairs are related
            at all, that makes relations up.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If the graph has no latent relations, if no pair was ever followed
            by a shopper and there are no facts to learn from instead, or if its
            objective needs a recommender.
    """
    if not graph.num_latent:
        raise ValueError("'graph' needs latent relations to discover (got none)")
    habits_alone = not isinstance(graph.dvae, FactDVAE)
    if habits_alone and not graph.lags[graph.static, :-1].any():
        raise ValueError(
            "discovery needs training interactions in which shoppers go from one item "
            f"of a pair to the other (got none for {int(graph.static.sum())} pairs): "
            "they may be too few, or the split may have no training part"
        )
    if presence_weight is None:
        presence_weight = graph.dvae.presence_weight
    was_training = graph.training
    dvae = graph.dvae.train()
    optimizer = torch.optim.AdamW(dvae.parameters(), lr=1e-2, weight_decay=dvae.decay)
    average = AveragedModel(dvae, avg_fn=get_ema_avg_fn(0.98))
    for _ in trange(num_steps, desc="discover", disable=not progress):
        losses = graph.relation_losses(None, num_pairs)
        loss = losses["relation"] + presence_weight * losses["presence"]
        optimizer.zero_grad()
        (loss + information_weight * losses["information"]).backward()
        optimizer.step()
        average.update_parameters(dvae)
    dvae.load_state_dict(average.module.state_dict())
    dvae.train(was_training)

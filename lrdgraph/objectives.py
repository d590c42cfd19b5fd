"""The objectives by which relations are discovered, by name, and their losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lrdgraph.candidates import Candidates
from lrdgraph.facts import typical_facts
from lrdgraph.habits import typical_habits
from lrdgraph.nn.dvae import RelationDVAE
from lrdgraph.nn.fact_dvae import FactDVAE
from lrdgraph.nn.lrd_dvae import LRDRelationDVAE
from lrdgraph.nn.pair_dvae import PairDVAE
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.nn.released_lrd import ReleasedLRD
from lrdgraph.ragged import distinct
from lrdgraph.typing import PairDraw, PairEvidence

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

OBJECTIVES = ("marginal", "facts", "lrd", "released")
"""Names of the objectives.

- ``marginal``: relations explain when shoppers come
  (:class:`~lrdgraph.nn.RelationDVAE`).
- ``facts``: and which observed relations hold (:class:`~lrdgraph.nn.FactDVAE`).
- ``lrd``: as in LRD's publication (:class:`~lrdgraph.nn.LRDRelationDVAE`).
- ``released``: as in LRD's code, for RCF and KDA (:class:`~lrdgraph.nn.ReleasedLRD`).
"""


def check_objective(objective: str) -> str:
    """The name of an objective, as it is.

    Raises:
        ValueError: If there is none of this name.
    """
    if objective not in OBJECTIVES:
        raise ValueError(
            f"'objective' needs to be one of {OBJECTIVES} (got {objective!r})"
        )
    return objective


def make_dvae(
    objective: str, candidates: Candidates, num_latent: int, state_channels: int
) -> PairDVAE:
    """An untrained DVAE with the named objective, and a first guess of its relations.

    Args:
        objective: One of :data:`OBJECTIVES`.
        candidates: The items, and the pairs to learn from.
        num_latent: Number of latent relations ``K`` besides *none*.
        state_channels: Size of an item state, from which items are reconstructed.

    Raises:
        ValueError: If ``num_latent`` is not positive, or if there are no facts to
            explain.
    """
    sizes = (candidates.x.size(1), state_channels, num_latent)
    names, num_lags = candidates.observed_relations, candidates.lags.size(1)
    if objective == "lrd":
        return LRDRelationDVAE(*sizes)
    if objective == "released":
        return ReleasedLRD(*sizes, len(names) + 1)  # and the recommender's virtual one
    if objective == "facts":
        dvae: RelationDVAE = _informed(FactDVAE(*sizes, num_lags, names), candidates)
    else:
        dvae = RelationDVAE(*sizes, num_lags)
    lags = candidates.lags[candidates.static]
    dvae.habit.data += typical_habits(lags, num_latent + 1).log()
    return dvae


def _informed(dvae: FactDVAE, candidates: Candidates) -> FactDVAE:
    """The DVAE with a first guess of the facts of its relations."""
    facts = candidates.observed[candidates.static][:, dvae.place]
    dvae.guess += typical_facts(facts, dvae.num_latent + 1).logit()
    return dvae


@in_single_precision
def relation_losses(
    graph: LatentRelationGraph,
    states: Tensor | None,
    num_pairs: int,
    drawn: PairDraw | None = None,
) -> dict[str, Tensor]:
    """The losses of discovery on sampled pairs, by name.

    Args:
        graph: A graph with latent relations.
        states: Item states to reconstruct, ``[N, C]``; None without a recommender.
        num_pairs: Number of pairs, a quarter of it that of negative items.
        drawn: The pairs, where ``states`` are those of some items alone.
    """
    dvae, others = graph.dvae, -(-num_pairs // 4)
    edge_id = graph.sample_pairs(num_pairs) if drawn is None else drawn.edge_id
    edge_index = graph.edge_index[:, edge_id]
    read, pair = _read(graph, edge_index)
    shared = graph.facts.shared[edge_id]
    posterior = dvae.training_posterior(read, pair, shared)
    if drawn is None:
        sampled = torch.randint(graph.num_items, (others,), device=read.device)
        drawn = PairDraw(edge_id, edge_index, sampled)
    known = graph.lags[edge_id], graph.chance[edge_index[1]]
    items, observed = drawn.negatives, graph.observed[edge_id]
    pairs = PairEvidence(drawn.edge_index, *known, items, observed)
    relation = dvae.relation_loss(posterior, states, pairs)
    if isinstance(dvae, FactDVAE):
        anyone = torch.randint(graph.num_items, (2, others), device=read.device)
        read, shared = graph.read(anyone.flatten()), graph.facts.compare(anyone)
        relation = relation + dvae.unrelated_loss(read, shared) / 4
    return {
        "relation": relation,
        "confidence": dvae.confidence_loss(posterior),
        "presence": dvae.presence_loss(posterior),
        "spread": dvae.spread_loss(posterior),
        "information": dvae.information_loss(posterior),
    }


def _read(graph: LatentRelationGraph, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """What is read of the ends of pairs to learn from, and the two rows of each."""
    if not isinstance(graph.dvae, FactDVAE):
        item, pair = distinct(edge_index, graph.num_items)
        return graph.read(item), pair
    counts = graph.facts.counts_of_others(edge_index)
    read = torch.cat([graph.x[edge_index.flatten()], counts], dim=1)
    return read, torch.arange(len(read), device=read.device).view(2, -1)

"""The objectives by which relations are discovered, by name."""

from __future__ import annotations

from lrdgraph.candidates import Candidates
from lrdgraph.facts import typical_facts
from lrdgraph.habits import typical_habits
from lrdgraph.nn.dvae import RelationDVAE
from lrdgraph.nn.fact_dvae import FactDVAE
from lrdgraph.nn.lrd_dvae import LRDRelationDVAE
from lrdgraph.nn.pair_dvae import PairDVAE
from lrdgraph.nn.released_lrd import ReleasedLRD

OBJECTIVES = ("marginal", "facts", "lrd", "released")
"""Names of the objectives.

- ``marginal``: relations explain when shoppers come
  (:class:`~lrdgraph.nn.RelationDVAE`).
- ``facts``: and which observed relations hold (:class:`~lrdgraph.nn.FactDVAE`).
- ``lrd``: as in LRD's publication (:class:`~lrdgraph.nn.LRDRelationDVAE`).
- ``released``: as in LRD's code, for RCF and KDA (:class:`~lrdgraph.nn.ReleasedLRD`).
"""


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
        ValueError: If the objective is unknown, if ``num_latent`` is not positive, or
            if there are no facts to explain.
    """
    if objective not in OBJECTIVES:
        raise ValueError(
            f"'objective' needs to be one of {OBJECTIVES} (got {objective!r})"
        )
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
    dvae.fact.data += typical_facts(facts, dvae.num_latent + 1).logit()
    return dvae

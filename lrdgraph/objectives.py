"""The objectives by which relations are discovered, by name."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

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
    objective: str,
    in_channels: int,
    state_channels: int,
    num_latent: int,
    lags: Tensor,
    observed: Sequence[str] = (),
) -> PairDVAE:
    """An untrained DVAE with the named objective.

    Args:
        objective: One of :data:`OBJECTIVES`.
        in_channels: Size of an item text vector.
        state_channels: Size of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        lags: Shoppers by lag bucket of the pairs to learn from, ``[E, num_lags]``.
        observed: Names of the observed relations of a pair.

    Raises:
        ValueError: If the objective is unknown or ``num_latent`` is not positive.
    """
    if objective not in OBJECTIVES:
        raise ValueError(
            f"'objective' needs to be one of {OBJECTIVES} (got {objective!r})"
        )
    if objective == "lrd":
        return LRDRelationDVAE(in_channels, state_channels, num_latent)
    if objective == "released":
        known = len(observed) + 1  # with the virtual one of a recommender
        return ReleasedLRD(in_channels, state_channels, num_latent, known)
    sizes = (in_channels, state_channels, num_latent, lags.size(1))
    if objective == "facts":
        dvae: RelationDVAE = FactDVAE(*sizes, observed)
    else:
        dvae = RelationDVAE(*sizes)
    dvae.habit.data += typical_habits(lags, num_latent + 1).log()
    return dvae

"""The objectives by which relations are discovered, by name."""

from __future__ import annotations

from torch import Tensor

from lrdgraph.habits import typical_habits
from lrdgraph.nn.dvae import RelationDVAE
from lrdgraph.nn.lrd_dvae import LRDRelationDVAE
from lrdgraph.nn.pair_dvae import PairDVAE
from lrdgraph.nn.released_lrd import ReleasedLRD

OBJECTIVES = ("marginal", "lrd", "released")
"""Names of the objectives: ours, that of LRD's publication, that of LRD's code."""


def make_dvae(
    objective: str,
    in_channels: int,
    state_channels: int,
    num_latent: int,
    lags: Tensor,
    num_known: int = 1,
) -> PairDVAE:
    """An untrained DVAE with the named objective.

    Args:
        objective: One of :data:`OBJECTIVES`.
        in_channels: Size of an item text vector.
        state_channels: Size of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        lags: Shoppers by lag bucket of the pairs to learn from, ``[E, num_lags]``.
        num_known: Number of relations of a recommender besides latent ones, the virtual
            one among them, for ``'released'``.

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
        return ReleasedLRD(in_channels, state_channels, num_latent, num_known)
    dvae = RelationDVAE(in_channels, state_channels, num_latent, lags.size(1))
    dvae.habit.data += typical_habits(lags, num_latent + 1).log()
    return dvae

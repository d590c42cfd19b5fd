"""Which observed relations hold of whom: what a latent relation may explain."""

from __future__ import annotations

import torch
from torch import Tensor

_PAIRS = 20_000  # are enough to see what is typical


def count_facts(edge_index: Tensor, observed: Tensor, num_items: int) -> Tensor:
    """Logarithm of one more than how many facts lead from each item, and to it.

    A pair of which the metadata say nothing is another one between items of which they
    say much than between items of which they say nothing.

    Args:
        edge_index: Source and target of each pair, with shape ``[2, E]``.
        observed: 1 where each of ``F`` facts holds, with shape ``[E, F]``.
        num_items: Number of items ``N``.

    Returns:
        Those that leave, then those that arrive, with shape ``[N, 2 F]``.
    """
    none = observed.new_zeros(num_items, observed.size(1))
    return torch.cat(
        [none.index_add(0, end, observed) for end in edge_index], 1
    ).log1p()


def typical_facts(observed: Tensor, num_groups: int) -> Tensor:
    """Group pairs by their facts: a first guess of what the relations may be.

    At most 20,000 evenly spaced pairs are clustered by k-means.

    Args:
        observed: 1 where each of ``F`` facts holds, with shape ``[E, F]``.
        num_groups: Number of groups ``G``.

    Returns:
        Share of each fact in each group, from .05 to .95, with shape ``[G, F]``, the
        group with the fewest first. Where fewer than ``G`` different pairs are found,
        each is a group, and groups are repeated.
    """
    from sklearn.cluster import KMeans

    pairs = observed[:: 1 + (len(observed) - 1) // _PAIRS].cpu().double()
    num_found = min(num_groups, len(pairs.unique(dim=0)))
    kmeans = KMeans(num_found, n_init=5, random_state=0).fit(pairs.numpy())
    shares = torch.from_numpy(kmeans.cluster_centers_).float().clamp(0.05, 0.95)
    shares = shares[shares.sum(1).argsort()]
    return shares[torch.arange(num_groups) % num_found]

"""Which observed relations hold of whom: what a latent relation may explain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrdgraph.ragged import by_parts, find, ragged_arange, starts

_PAIRS = 20_000  # are enough to see what is typical
_AT_ONCE = 1 << 11  # pairs, whose items' facts are compared at a time


class KnownFacts(nn.Module):
    """What is written down of items, and what two of them have in common.

    Args:
        edge_index: Source and target of each pair, sorted by both, with shape
            ``[2, E]``.
        observed: 1 where each of ``F`` facts holds, with shape ``[E, F]``.
        num_items: Number of items ``N``.

    Attributes:
        counts: :func:`count_facts` of all items, with shape ``[N, 2 F]``.
        shared: :meth:`compare` of the pairs, with shape ``[E, F]``.
    """

    counts: Tensor
    shared: Tensor
    key: Tensor
    start: Tensor
    held: Tensor

    def __init__(self, edge_index: Tensor, observed: Tensor, num_items: int) -> None:
        super().__init__()
        some = observed.any(dim=1)
        source, target = edge_index[:, some]
        tensors = {
            "counts": count_facts(edge_index, observed, num_items),
            "key": source * num_items + target,
            "start": starts(source, num_items),
            "held": observed[some],
        }
        for name, value in tensors.items():
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("shared", self.compare(edge_index), persistent=False)

    def counts_of_others(self, edge_index: Tensor) -> Tensor:
        """Counts of both ends of pairs, without what holds between the two themselves.

        A pair is no evidence for itself: whoever learns from it would read off the
        counts that it is there.

        Args:
            edge_index: Source and target of any pairs, with shape ``[2, M]``.

        Returns:
            Of the sources, then of the targets, with shape ``[2 M, 2 F]``.
        """
        there, back = (self._held(*ends) for ends in (edge_index, edge_index.flip(0)))
        own = torch.cat([torch.cat([there, back], 1), torch.cat([back, there], 1)])
        return (self.counts[edge_index.flatten()].expm1() - own).clamp(min=0).log1p()

    def _held(self, source: Tensor, target: Tensor) -> Tensor:
        """1 where each fact holds from source to target, with shape ``[M, F]``."""
        place = find(self.key, source * len(self.counts) + target)
        held = self.counts.new_zeros(len(source), self.held.size(1))
        known = (place >= 0).nonzero().squeeze(-1)
        return held.index_copy(0, known, self.held[place[known]])

    def compare(self, edge_index: Tensor) -> Tensor:
        """Logarithm of one more than how many items a fact leads to from both.

        Two films of one studio share its other films, whether or not anyone has written
        down that the two are of one studio. The pair itself plays no part in it, so it
        is as true of pairs to learn from as of others. It costs the number of pairs
        times the facts of their sources.

        Args:
            edge_index: Source and target of any pairs, with shape ``[2, M]``.

        Returns:
            For each fact, with shape ``[M, F]``.
        """
        if not self.key.numel():
            return self.held.new_zeros(edge_index.size(1), self.held.size(1))
        return by_parts(lambda pair: self._compare(*pair.t()), edge_index.t(), _AT_ONCE)

    def _compare(self, source: Tensor, target: Tensor) -> Tensor:
        first, num_items = self.start[source], len(self.counts)
        pair, place = ragged_arange(first, self.start[source + 1] - first)
        also = find(self.key, target[pair] * num_items + self.key[place] % num_items)
        both = (also >= 0).nonzero().squeeze(-1)
        held = self.held[place[both]] * self.held[also[both]]
        none = held.new_zeros(len(source), held.size(1))
        return none.index_add(0, pair[both], held).log1p()


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

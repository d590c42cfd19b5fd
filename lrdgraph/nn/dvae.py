"""The discrete variational autoencoder that infers latent relations of item pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dropout import Dropout
from lrdgraph.nn.pair_dvae import PairDVAE, reconstruct
from lrdgraph.typing import PairEvidence


class RelationDVAE(PairDVAE):
    r"""Infers a distribution over latent relations for every pair of item texts.

    *Relation extraction* :math:`q(r \mid i, j)` adds two views of two text vectors,
    projected to :math:`a` and :math:`b`: what the two items are, and how they differ,
    :math:`d = b - a` (a refill is not its printer) and :math:`d^2` (two rivals differ
    in brand and nothing else):

    .. math::
        q = \text{softmax}(f(A a + B b) + g(d, d^2))

    with a hidden layer each.

    *Habit reconstruction* explains by the relation when shoppers of ``i`` come to
    ``j``: an accessory right after, a refill again and again, a rival never. It decides
    what the relations are. A shopper at lag ``b`` came by the relation's habit, or by
    chance, as anyone comes to ``j`` (:math:`s_{jb}`, see
    :func:`~lrdgraph.habits.count_chances`), so that a popular item needs no relation:

    .. math::
        \log \sum_r q(r \mid i, j) \prod_b [(1 - \kappa s_j) \pi_{rb}
        + \kappa s_{jb}]^{n_{ij,b}}

    for :math:`n_{ij,b}` such shoppers (see :func:`~lrdgraph.habits.count_habits`).

    *Item reconstruction* explains, given the relation, each item from the other, as in
    LRD (`arXiv 2403.18348 <https://arxiv.org/abs/2403.18348>`_) after Marcheggiani &
    Titov (TACL 2016):

    .. math::
        \log \sum_r \bar{q}(r \mid i, j)\; p(j \mid i, r)\; p(i \mid j, r)

    It shapes item states. The posterior is held fixed here, as what makes two items
    easy to guess from each other is their topic, and relations would become topics.

    Both likelihoods are marginalised over relations exactly, which costs little for a
    few relations and has no variance. Against collapse, habits start from those of
    :func:`~lrdgraph.habits.typical_habits`.

    Relation 0 is *none*: it starts from the habit of the pairs followed least, and
    carries no weight in the graph.

    Args:
        in_channels: Size of an item text vector.
        state_channels: Size of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        num_lags: Number of lag buckets.
        hidden_channels: Size of the projected text vectors and of hidden layers.
        dropout: Probability that a batch of pairs to learn from goes without a text
            feature, so that a relation is read off many features, not off the words of
            one kind of items.
        item_weight: Weight of item reconstruction beside that of habits.

    Raises:
        ValueError: If ``num_latent`` is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        num_latent: int,
        num_lags: int,
        hidden_channels: int = 64,
        dropout: float = 0.75,
        item_weight: float = 0.3,
    ) -> None:
        super().__init__(num_latent)
        num_outcomes = num_latent + 1
        self.dropout = Dropout(dropout)
        self.item_weight = item_weight
        self.project = nn.Linear(in_channels, hidden_channels, bias=False)
        self.as_source = nn.Linear(hidden_channels, hidden_channels)
        self.as_target = nn.Linear(hidden_channels, hidden_channels, bias=False)
        self.directed = nn.Linear(hidden_channels, hidden_channels, bias=False)
        self.squared = nn.Linear(hidden_channels, hidden_channels)
        self.outcome = nn.Linear(2 * hidden_channels, num_outcomes)
        self.relation = nn.Parameter(torch.empty(num_outcomes, state_channels))
        self.head_preference = nn.Parameter(torch.zeros(num_outcomes, state_channels))
        self.tail_preference = nn.Parameter(torch.zeros(num_outcomes, state_channels))
        self.habit = nn.Parameter(torch.empty(num_outcomes, num_lags))
        self.log_chance = nn.Parameter(torch.zeros(()))
        nn.init.normal_(self.relation, std=state_channels**-0.5)
        nn.init.normal_(self.habit, std=0.3)

    def without_some_features(self, x: Tensor) -> Tensor:
        """Text vectors ``[N, C_text]``, in training without the same few features."""
        return x * self.dropout(x.new_ones(x.size(1)))

    def roles(self, x: Tensor) -> Tensor:
        """All of extraction that is linear, so of single items, ``[N, 6 H]``.

        Items are far fewer than pairs. The first half is added for a source, the second
        for a target; what they add up to is the difference, and the hidden layers.
        """
        text = self.project(x)
        directed = self.directed(text)
        source = [-text, self.as_source(text), -directed]
        return torch.cat([*source, text, self.as_target(text), directed], dim=-1)

    def posterior(
        self, roles: Tensor, edge_index: Tensor, shared: Tensor | None = None
    ) -> Tensor:
        """Relation extraction; see :meth:`PairDVAE.posterior`."""
        views = self.views(roles, edge_index, shared)
        return self.outcome(F.gelu(views)).softmax(dim=-1)

    def views(self, roles: Tensor, edge_index: Tensor, shared: Tensor | None) -> Tensor:
        """Two views of each pair, before the activation, with shape ``[E, 2 H]``."""
        # Of an item, two rows that follow each other: as a source, and as a target.
        place = torch.stack([2 * edge_index[0], 2 * edge_index[1] + 1], dim=1)
        table = roles.reshape(2 * len(roles), roles.size(1) // 2)
        pair = F.embedding_bag(place, table, mode="sum")
        difference, both, directed = pair.chunk(3, dim=-1)
        difference = directed + self.squared(difference.square())
        return torch.cat([both, difference], dim=-1)

    def item_likelihood(self, states: Tensor, pairs: PairEvidence) -> Tensor:
        """Items given each other, ``[E, K + 1]``; see :func:`reconstruct`."""
        preferences = self.head_preference, self.tail_preference
        return reconstruct(states, pairs, self.relation, *preferences)

    def habit_likelihood(self, pairs: PairEvidence) -> Tensor:
        """When shoppers come from one item to the other, ``[E, K + 1]``."""
        chance = self.log_chance.exp() * pairs.chance
        # However popular an item is, a tenth of the shoppers are left to a habit.
        chance = chance * (0.9 / chance.sum(-1, keepdim=True).clamp(min=0.9))
        planned = 1 - chance.sum(-1, keepdim=True)
        habit = self.habit.softmax(dim=-1)  # [K + 1, B]
        share = planned.unsqueeze(1) * habit + F.pad(chance, (0, 1)).unsqueeze(1)
        return (pairs.lags.unsqueeze(1) * share.clamp(min=1e-9).log()).sum(-1)

    def likelihood(self, pairs: PairEvidence) -> Tensor:
        """What decides the relations of pairs, given each, ``[E, K + 1]``: habits."""
        return self.habit_likelihood(pairs)

    def relation_loss(
        self, posterior: Tensor, states: Tensor | None, pairs: PairEvidence
    ) -> Tensor:
        """Likelihood and items, marginalised; see :meth:`PairDVAE.relation_loss`."""
        known = marginal_loss(posterior, self.likelihood(pairs))
        if states is None:
            return known
        items = marginal_loss(posterior.detach(), self.item_likelihood(states, pairs))
        return known + self.item_weight * items


def marginal_loss(posterior: Tensor, log_likelihood: Tensor) -> Tensor:
    """Negative log-likelihood in nats, marginalised over relations, mean over pairs.

    Args:
        posterior: Probability of each relation, with shape ``[E, R]``.
        log_likelihood: That of a pair given each relation, with shape ``[E, R]``.
    """
    log_posterior = posterior.clamp(min=1e-9).log()
    return -(log_posterior + log_likelihood).logsumexp(dim=-1).mean()

"""The discrete variational autoencoder that infers latent relations of item pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.pair_dvae import PairDVAE, reconstruct


class RelationDVAE(PairDVAE):
    r"""Infers a distribution over latent relations for every pair of item texts.

    *Relation extraction* :math:`q(r \mid i, j)` reads the difference
    :math:`d = W (x_j - x_i)` of two text vectors, linearly (a refill is not its
    printer) and squared (two rivals differ in brand and nothing else). What two items
    share, their topic, is no relation between them and cannot be seen.

    *Reconstruction* explains, given the relation, each item from the other, as in LRD
    (`arXiv 2403.18348 <https://arxiv.org/abs/2403.18348>`_) after Marcheggiani & Titov
    (TACL 2016), and when shoppers of ``i`` come to ``j``: an accessory right after, a
    refill again and again, a rival never. The likelihood is marginalised over relations
    exactly, which costs little for a few relations and has no variance:

    .. math::
        \log \sum_r q(r \mid i, j)\; p(j \mid i, r)\; p(i \mid j, r)
        \prod_b \pi_{rb}^{n_{ij,b}}

    with :math:`n_{ij,b}` shoppers of ``i`` who came to ``j`` at lag ``b`` (see
    :func:`~lrdgraph.habits.count_habits`). Against collapse, habits start from those of
    :func:`~lrdgraph.habits.typical_habits`; and all relations may be asked to be used
    by a batch (Simon et al., ACL 2019), which also splits what belongs together.

    Relation 0 is *none*: it explains an item by its overall preference alone.

    Args:
        in_channels: Size of an item text vector.
        state_channels: Size of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        num_lags: Number of lag buckets.
        hidden_channels: Size of the projected text vectors.
        dropout: Probability that a batch of pairs to learn from goes without a text
            feature, so that a relation is read off many features, not off the words of
            one kind of items.

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
        dropout: float = 0.5,
    ) -> None:
        super().__init__(num_latent)
        num_outcomes = num_latent + 1
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(in_channels, hidden_channels, bias=False)
        self.directed = nn.Linear(hidden_channels, num_outcomes, bias=False)
        self.squared = nn.Linear(hidden_channels, num_outcomes)
        self.relation = nn.Parameter(torch.empty(num_latent, state_channels))
        self.head_preference = nn.Parameter(torch.zeros(num_outcomes, state_channels))
        self.tail_preference = nn.Parameter(torch.zeros(num_outcomes, state_channels))
        self.habit = nn.Parameter(torch.empty(num_outcomes, num_lags))
        nn.init.normal_(self.relation, std=state_channels**-0.5)
        nn.init.normal_(self.habit, std=0.3)

    def without_some_features(self, x: Tensor) -> Tensor:
        """Text vectors ``[N, C_text]``, in training without the same few features."""
        return x * self.dropout(x.new_ones(x.size(1)))

    def posterior(self, roles: Tensor, edge_index: Tensor) -> Tensor:
        """Relation extraction from differences; see :meth:`PairDVAE.posterior`."""
        squared = self.squared.weight
        # d^2 = a^2 + b^2 - 2ab: only the product is of pairs, all else of single items.
        alone = roles.square() @ squared.t()
        source, target = edge_index
        logits = (
            (alone + self.directed(roles)).index_select(0, target)
            + (alone - self.directed(roles)).index_select(0, source)
            + self.squared.bias
        )
        product = roles.index_select(0, source) * roles.index_select(0, target)
        logits = torch.addmm(logits, product, squared.t(), alpha=-2)
        return torch.softmax(logits, dim=-1)

    def item_likelihood(
        self, states: Tensor, edge_index: Tensor, negatives: Tensor
    ) -> Tensor:
        """Items given each other, ``[E, K + 1]``; see :func:`reconstruct`."""
        relation = F.pad(self.relation, (0, 0, 1, 0))  # none: no interaction
        return reconstruct(
            states,
            edge_index,
            negatives,
            relation,
            self.head_preference,
            self.tail_preference,
        )

    def habit_likelihood(self, lags: Tensor) -> Tensor:
        r"""Habit reconstruction, :math:`\sum_b n_{ij,b} \log \pi_{rb}`.

        Args:
            lags: Shoppers by lag bucket, with shape ``[E, num_lags]``.

        Returns:
            Log-likelihoods with shape ``[E, K + 1]``.
        """
        return lags @ self.habit.log_softmax(dim=-1).t()

    def log_likelihood(
        self, states: Tensor, edge_index: Tensor, negatives: Tensor, lags: Tensor
    ) -> Tensor:
        """Items and habits of pairs; see :meth:`PairDVAE.log_likelihood`."""
        items = self.item_likelihood(states, edge_index, negatives)
        return items + self.habit_likelihood(lags)

    def relation_loss(self, posterior: Tensor, log_likelihood: Tensor) -> Tensor:
        """Negative log-likelihood of a pair in nats, marginalised over relations."""
        log_posterior = posterior.clamp(min=1e-9).log()
        return -(log_posterior + log_likelihood).logsumexp(dim=-1).mean()

"""The discrete variational autoencoder that infers latent relations of item pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelationDVAE(nn.Module):
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
        super().__init__()
        if num_latent < 1:
            raise ValueError(
                f"'num_latent' needs to be positive in 'RelationDVAE' "
                f"(got {num_latent})"
            )
        self.num_latent = num_latent
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

    def roles(self, x: Tensor) -> Tensor:
        """Project text vectors ``[N, C_text]`` once, before they are paired."""
        roles: Tensor = self.project(x)
        return roles

    def without_some_features(self, x: Tensor) -> Tensor:
        """Text vectors ``[N, C_text]``, in training without the same few features."""
        return x * self.dropout(x.new_ones(x.size(1)))

    def posterior(self, roles: Tensor, edge_index: Tensor) -> Tensor:
        """Relation extraction, ``q(r | i, j)``.

        Args:
            roles: Projected texts of all items, from :meth:`roles`, ``[N, H]``.
            edge_index: Item pairs, with shape ``[2, E]``.

        Returns:
            Probabilities with shape ``[E, K + 1]``; column 0 is *none*.
        """
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
        """Item reconstruction, ``log p(j | i, r) + log p(i | j, r)``.

        Scores are diagonal-RESCAL plus a selectional preference, normalised over the
        true item and the shared negatives.

        Args:
            states: Item states, with shape ``[N, C]``.
            edge_index: Item pairs, with shape ``[2, E]``.
            negatives: Item indices with shape ``[S]``.

        Returns:
            Log-likelihoods with shape ``[E, K + 1]``.
        """
        head = states.index_select(0, edge_index[0])
        tail = states.index_select(0, edge_index[1])
        relation = F.pad(self.relation, (0, 0, 1, 0))  # none: no interaction
        sampled = states.index_select(0, negatives)
        to_tail = head.unsqueeze(1) * relation + self.tail_preference  # [E, K + 1, C]
        to_head = tail.unsqueeze(1) * relation + self.head_preference
        return _log_softmax_of(tail, to_tail, sampled) + _log_softmax_of(
            head, to_head, sampled
        )

    def habit_likelihood(self, lags: Tensor) -> Tensor:
        r"""Habit reconstruction, :math:`\sum_b n_{ij,b} \log \pi_{rb}`.

        Args:
            lags: Shoppers by lag bucket, with shape ``[E, num_lags]``.

        Returns:
            Log-likelihoods with shape ``[E, K + 1]``.
        """
        return lags @ self.habit.log_softmax(dim=-1).t()

    def relation_loss(self, posterior: Tensor, log_likelihood: Tensor) -> Tensor:
        """Negative log-likelihood of a pair in nats, marginalised over relations."""
        log_posterior = posterior.clamp(min=1e-9).log()
        return -(log_posterior + log_likelihood).logsumexp(dim=-1).mean()

    def spread_loss(self, posterior: Tensor) -> Tensor:
        """Negative entropy of the mean posterior: low when all relations are used."""
        # The entropy's slope at 0 is infinite.
        return -torch.special.entr(posterior.mean(0).clamp(min=1e-9)).sum()


def _log_softmax_of(true: Tensor, query: Tensor, sampled: Tensor) -> Tensor:
    """Log-softmax of ``true [E, C]`` among itself and ``sampled [S, C]``, per query."""
    positive = (query * true.unsqueeze(1)).sum(-1)  # [E, K + 1]
    negative = query @ sampled.t()  # [E, K + 1, S]
    return positive - torch.logaddexp(positive, negative.logsumexp(-1))

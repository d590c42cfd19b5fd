"""What every discrete variational autoencoder of item pairs is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.typing import PairEvidence

_FLOOR = 1.3  # bits that the relation of a pair is to tell, with an information term


class PairDVAE(nn.Module, ABC):
    r"""Infers relations from the texts of a pair, to explain the pair by them.

    A subclass says what :math:`q(r \mid i, j)` reads (:meth:`posterior`) and how
    unlikely a pair is under its relations (:meth:`relation_loss`). Relation 0 is
    *none*.

    Args:
        num_latent: Number of latent relations ``K`` besides *none*.

    Attributes:
        project: What :meth:`roles` applies to text vectors.
        relation: Vectors of the relations, of the size ``C`` of an item state.
        decay: Weight decay of :func:`~lrdgraph.discovery.discover`.
        presence_weight: Weight that it gives to :meth:`presence_loss` by default.

    Raises:
        ValueError: If ``num_latent`` is not positive.
    """

    project: nn.Linear
    relation: nn.Parameter
    decay = 0.3
    presence_weight = 0.3

    def __init__(self, num_latent: int) -> None:
        super().__init__()
        if num_latent < 1:
            raise ValueError(
                f"'num_latent' needs to be positive in {type(self).__name__!r} "
                f"(got {num_latent})"
            )
        self.num_latent = num_latent

    def roles(self, x: Tensor) -> Tensor:
        """What is computed of text vectors ``[N, C_text]`` before they are paired."""
        roles: Tensor = self.project(x)
        return roles

    def without_some_features(self, x: Tensor) -> Tensor:
        """What of text vectors ``[N, C_text]`` to learn from; all, by default."""
        return x

    @abstractmethod
    def posterior(
        self, roles: Tensor, edge_index: Tensor, shared: Tensor | None = None
    ) -> Tensor:
        """Relation extraction, ``q(r | i, j)``.

        Args:
            roles: What :meth:`roles` made of the texts of all items.
            edge_index: Item pairs, with shape ``[2, E]``.
            shared: What the two items have in common, ``[E, F]``, which
                :class:`~lrdgraph.nn.FactDVAE` reads; by default nothing.

        Returns:
            Probabilities with shape ``[E, K + 1]``; column 0 is *none*.
        """

    def training_posterior(
        self, x: Tensor, edge_index: Tensor, shared: Tensor
    ) -> Tensor:
        """:meth:`posterior` of what is left by :meth:`without_some_features`.

        Args:
            x: What is read of items, with shape ``[N, C_in]``.
            edge_index: Item pairs, with shape ``[2, E]``.
            shared: What the two items have in common, with shape ``[E, F]``.
        """
        roles = self.roles(self.without_some_features(x))
        return self.posterior(roles, edge_index, shared)

    @abstractmethod
    def relation_loss(
        self, posterior: Tensor, states: Tensor | None, pairs: PairEvidence
    ) -> Tensor:
        """How unlikely pairs are, in nats and mean over pairs: what is minimised.

        Args:
            posterior: ``q(r | i, j)``, with shape ``[E, K + 1]``.
            states: Item states, with shape ``[N, C]``; None without a recommender.
            pairs: The ``E`` pairs, and what is known of them.

        Raises:
            ValueError: If nothing can be learned without a recommender.
        """

    def confidence_loss(self, posterior: Tensor) -> Tensor:
        """Mean entropy of a pair's posterior: low when each pair is of one relation."""
        # The entropy's slope at 0 is infinite.
        return torch.special.entr(posterior.clamp(min=1e-9)).sum(-1).mean()

    def presence_loss(self, posterior: Tensor) -> Tensor:
        """Share of pairs that have a relation: low when most of them have *none*."""
        return 1 - posterior[:, 0].mean()

    def spread_loss(self, posterior: Tensor) -> Tensor:
        """Negative entropy of the mean posterior: low when all relations are used."""
        return -torch.special.entr(posterior.mean(0).clamp(min=1e-9)).sum()

    def information_loss(self, posterior: Tensor) -> Tensor:
        """What the relation tells of the pair too little, in nats, up to 1.3 bits.

        The entropy of the mean posterior less the mean entropy is maximised, as in
        discriminative clustering (Krause et al., NIPS 2010), but only as far as a
        floor, as with free bits (Kingma et al., NIPS 2016): relations that tell more by
        themselves are left alone.
        """
        told = -self.spread_loss(posterior) - self.confidence_loss(posterior)
        return (_FLOOR * log(2) - told).clamp(min=0)


def pair_logits(
    extract: nn.Linear, roles: Tensor, source: Tensor, target: Tensor
) -> Tensor:
    """What a linear layer says of two roles side by side, ``[..., K]``.

    Each half is asked once for each item, and then paired.

    Args:
        extract: The layer, from ``2 C`` channels.
        roles: Roles of items, with shape ``[N, C]``.
        source: Item indices of any shape.
        target: Item indices that broadcast to it.
    """
    of_source, of_target = extract.weight.chunk(2, dim=1)
    logits = F.embedding(source, F.linear(roles, of_source, extract.bias))
    return logits + F.embedding(target, F.linear(roles, of_target))


def reconstruct(
    states: Tensor,
    pairs: PairEvidence,
    relation: Tensor,
    head_preference: Tensor,
    tail_preference: Tensor,
) -> Tensor:
    """Item reconstruction, ``log p(j | i, r) + log p(i | j, r)``.

    Scores are diagonal-RESCAL (DistMult) plus a selectional preference, normalised over
    the true item and the shared negatives.

    Args:
        states: Item states, with shape ``[N, C]``.
        pairs: The ``E`` pairs, and the items to compare with.
        relation: Vector of each relation, with shape ``[R, C]``.
        head_preference: What each relation prefers as its source, ``[R, C]``.
        tail_preference: What each relation prefers as its target, ``[R, C]``.

    Returns:
        Log-likelihoods with shape ``[E, R]``.
    """
    head = states.index_select(0, pairs.edge_index[0])
    tail = states.index_select(0, pairs.edge_index[1])
    sampled = states.index_select(0, pairs.negatives)
    both = (head * tail) @ relation.t()  # [E, R]
    to_tail = both + tail @ tail_preference.t()
    to_head = both + head @ head_preference.t()
    return _log_softmax_of(
        to_tail, head, sampled, relation, tail_preference
    ) + _log_softmax_of(to_head, tail, sampled, relation, head_preference)


def _log_softmax_of(
    true: Tensor, given: Tensor, sampled: Tensor, relation: Tensor, preference: Tensor
) -> Tensor:
    """Log-softmax of scores ``true [E, R]`` among those of ``sampled [S, C]``.

    One product with all relations times all samples: nothing of ``[E, R, C]`` is made.
    """
    weight = (relation.unsqueeze(1) * sampled).flatten(0, 1)  # [R * S, C]
    alone = (preference @ sampled.t()).flatten()
    negative = torch.addmm(alone, given, weight.t()).view(*true.shape, len(sampled))
    return true - torch.logaddexp(true, negative.logsumexp(-1))

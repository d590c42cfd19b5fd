"""The discrete variational autoencoder that infers latent relations of item pairs."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Roles(NamedTuple):
    """What each item is as the source and as the target of a pair, ``[N, H]`` each."""

    source: Tensor
    target: Tensor


class RelationDVAE(nn.Module):
    r"""Infers a distribution over latent relations for every pair of item texts.

    The objective is that of LRD (`"Sequential Recommendation with Latent Relations
    based on Large Language Model" <https://arxiv.org/abs/2403.18348>`_), after
    Marcheggiani & Titov (TACL 2016), with the expectation over relations taken exactly:

    .. math::
        \mathbb{E}_{q(r \mid i, j)} [\log p(j \mid i, r) + \log p(i \mid j, r)]

    and, against collapse, the two terms of Simon et al. (ACL 2019): every pair is
    certain of its relation (low :math:`H(q)`), the batch uses all of them (high
    :math:`H(\bar q)`).

    Relation 0 is *none*: it reconstructs an item from its overall preference alone.

    Args:
        in_channels: Size of an item text vector.
        state_channels: Size of an item state, from which pairs are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        hidden_channels: Size of the source and target roles.
    """

    # Logits start near 16 * cos of the roles, wide enough to leave the uniform posterior.
    role_norm = 4.0

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        num_latent: int,
        hidden_channels: int = 64,
    ) -> None:
        super().__init__()
        if num_latent < 1:
            raise ValueError(
                f"'num_latent' needs to be positive in 'RelationDVAE' "
                f"(got {num_latent})"
            )
        self.num_latent = num_latent
        self.source = nn.Linear(in_channels, hidden_channels, bias=False)
        self.target = nn.Linear(in_channels, hidden_channels, bias=False)
        self.pair = nn.Linear(hidden_channels, num_latent + 1)
        self.source_term = nn.Linear(hidden_channels, num_latent + 1, bias=False)
        self.target_term = nn.Linear(hidden_channels, num_latent + 1, bias=False)
        self.relation = nn.Parameter(torch.empty(num_latent, state_channels))
        self.head_preference = nn.Parameter(torch.empty(num_latent + 1, state_channels))
        self.tail_preference = nn.Parameter(torch.empty(num_latent + 1, state_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        for module in self.children():
            module.reset_parameters()
        nn.init.normal_(self.relation, std=self.relation.size(1) ** -0.5)
        nn.init.zeros_(self.head_preference)
        nn.init.zeros_(self.tail_preference)

    def roles(self, x: Tensor) -> Roles:
        """Project item text vectors ``x [N, C_text]`` once, before they are paired."""
        return Roles(
            self.role_norm * F.normalize(self.source(x), dim=-1),
            self.role_norm * F.normalize(self.target(x), dim=-1),
        )

    def posterior(self, roles: Roles, edge_index: Tensor) -> Tensor:
        """Relation extraction, ``q(r | i, j)``.

        Args:
            roles: The roles of all items, from :meth:`roles`.
            edge_index: Item pairs, with shape ``[2, E]``.

        Returns:
            Probabilities with shape ``[E, K + 1]``; column 0 is *none*.
        """
        source, target = roles.source[edge_index[0]], roles.target[edge_index[1]]
        logits = (
            self.pair(source * target)
            + self.source_term(roles.source)[edge_index[0]]
            + self.target_term(roles.target)[edge_index[1]]
        )
        return logits.softmax(dim=-1)

    def log_likelihood(
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
        head, tail = states[edge_index[0]], states[edge_index[1]]
        relation = F.pad(self.relation, (0, 0, 1, 0))  # none: no interaction
        sampled = states[negatives]
        to_tail = head.unsqueeze(1) * relation + self.tail_preference  # [E, K + 1, C]
        to_head = tail.unsqueeze(1) * relation + self.head_preference
        return _log_softmax_of(tail, to_tail, sampled) + _log_softmax_of(
            head, to_head, sampled
        )

    def recon_loss(self, posterior: Tensor, log_likelihood: Tensor) -> Tensor:
        """Negative reconstruction term, the exact expectation over relations."""
        return -(posterior * log_likelihood).sum(-1).mean()

    def confidence_loss(self, posterior: Tensor) -> Tensor:
        """Mean entropy of a pair, in nats: low when pairs are certain."""
        return entropy(posterior).mean()

    def spread_loss(self, posterior: Tensor) -> Tensor:
        """Negative entropy of the mean posterior: low when all relations are used."""
        return -entropy(posterior.mean(0))


def entropy(probability: Tensor) -> Tensor:
    """Entropy in nats over the last dimension."""
    return torch.special.entr(probability).sum(-1)


def _log_softmax_of(true: Tensor, query: Tensor, sampled: Tensor) -> Tensor:
    """Log-softmax of ``true [E, C]`` among itself and ``sampled [S, C]``, per query."""
    positive = (query * true.unsqueeze(1)).sum(-1)  # [E, K + 1]
    negative = query @ sampled.t()  # [E, K + 1, S]
    return positive - torch.logaddexp(positive, negative.logsumexp(-1))

"""Latent relations that explain observed ones, too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.dvae import RelationDVAE, marginal_loss
from lrdgraph.typing import TEXT_KNN, PairEvidence

_UNKNOWN = 0.1  # of the items that are learned from go without counts
_PACE = 0.3  # of what a fact's probability is learned by, of that of all else


class FactDVAE(RelationDVAE):
    r"""A :class:`RelationDVAE` whose relations explain which observed ones hold.

    Beside habits, a relation has its own probability :math:`\phi_{ro}` of each observed
    relation ``o`` of the data:

    .. math::
        \log \sum_r q(r \mid i, j)\; p(n_{ij} \mid r)
        \prod_o \phi_{ro}^{o_{ij}} (1 - \phi_{ro})^{1 - o_{ij}}

    Besides texts, :math:`q` reads how many facts there are of each of the two items, as
    what is written down of a pair depends on who writes about its items; and how many
    items each fact leads to from both (:class:`~lrdgraph.facts.KnownFacts`). What
    holds of a pair itself is no part of either where it is learned from. In
    training, a tenth of the items go without, so that an item of which nothing is known
    is known by its text; and a fifth of the pairs are of anyone with anyone, of whom no
    fact holds (:meth:`unrelated_loss`).

    So this foretells observed relations (:meth:`foretell`) for pairs of which nobody
    has written any down, as long as their like is known. Where observed relations are
    to be compared with what is found without them, or a recommender has them anyway,
    :class:`RelationDVAE` is right.

    Args:
        in_channels: Size of an item text vector; ``2 F`` counts of facts follow it.
        state_channels: Size of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        num_lags: Number of lag buckets.
        observed: Names of the ``O`` observed relations of a pair. That its texts are
            near to each other (``text_knn``) is no fact to explain.
        dropout: Of text features, as in :class:`RelationDVAE`; facts are many, and
            need less of it.
        **options: More of :class:`RelationDVAE`.

    Raises:
        ValueError: If there is no fact to explain, or if ``num_latent`` is not
            positive.

    Attributes:
        facts: Names of the ``F`` observed relations that are explained.
        place: Which of the observed relations these are, with shape ``[F]``.
        guess: Logits of a first guess of the facts of each relation, ``[K + 1, F]``.
    """

    decay = 0.1
    presence_weight = 0.0  # that no fact holds for a pair says enough

    place: Tensor
    guess: Tensor

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        num_latent: int,
        num_lags: int,
        observed: Sequence[str],
        dropout: float = 0.25,
        **options: float,
    ) -> None:
        facts = tuple(name for name in observed if name != TEXT_KNN)
        if not facts:
            raise ValueError(
                "the objective 'facts' needs observed relations to explain, besides "
                f"{TEXT_KNN!r} (got none): give the data some, or use 'marginal'"
            )
        sizes = (in_channels + 2 * len(facts), state_channels, num_latent, num_lags)
        super().__init__(*sizes, dropout=dropout, **options)  # type: ignore[arg-type]
        self.common = nn.Linear(len(facts), self.outcome.in_features, bias=False)
        self.facts, self.in_channels = facts, in_channels
        place = torch.tensor([observed.index(name) for name in self.facts]).long()
        self.register_buffer("place", place, persistent=False)
        shape = (num_latent + 1, len(facts))
        self.register_buffer("guess", torch.empty(shape).normal_(std=0.3))
        self.change = nn.Parameter(torch.zeros(shape))

    @property
    def fact(self) -> Tensor:
        r"""Logits of :math:`\phi`, with shape ``[K + 1, F]``.

        They leave the first guess slowly, and weight decay draws them back to it. Where
        facts move as fast as what pairs are told by, relations become one another.
        """
        return self.guess + _PACE * self.change

    def without_some_features(self, x: Tensor) -> Tensor:
        """Texts without some features, and a tenth of the items without counts."""
        text, known = x.tensor_split([self.in_channels], dim=1)
        if self.training:
            known = known * (torch.rand_like(x[:, :1]) >= _UNKNOWN)
        return torch.cat([super().without_some_features(text), known], dim=1)

    def training_posterior(
        self, x: Tensor, edge_index: Tensor, shared: Tensor
    ) -> Tensor:
        """As of other DVAEs; items without counts have nothing in common."""
        x = self.without_some_features(x)
        known = x[:, self.in_channels :].any(dim=1)[edge_index].all(dim=0)
        return self.posterior(self.roles(x), edge_index, shared * known.unsqueeze(1))

    def views(self, roles: Tensor, edge_index: Tensor, shared: Tensor | None) -> Tensor:
        """And of what the two items have in common, in the same hidden layers."""
        views = super().views(roles, edge_index, shared)
        return views if shared is None else views + self.common(shared)

    def likelihood(self, pairs: PairEvidence) -> Tensor:
        """Habits and observed relations, given each relation, ``[E, K + 1]``."""
        facts = pairs.observed.index_select(1, self.place)
        return self.habit_likelihood(pairs) + self.fact_likelihood(facts)

    def fact_likelihood(self, facts: Tensor) -> Tensor:
        """Which facts ``[E, F]`` hold, given each relation, ``[E, K + 1]``."""
        held, not_held = F.logsigmoid(self.fact), F.logsigmoid(-self.fact)
        return facts @ (held - not_held).t() + not_held.sum(1)

    def unrelated_loss(self, x: Tensor, shared: Tensor) -> Tensor:
        """How unlikely it is under :math:`q` that no fact holds, in nats, mean.

        Of pairs of anyone with anyone, so that such are not taken for related: among
        the pairs that are learned from, all have something in common.

        Args:
            x: What is read of the sources, then of the targets, ``[2 M, C_in]``.
            shared: What the two have in common, ``[M, F]``.
        """
        pair = torch.arange(len(x), device=x.device).view(2, -1)
        posterior = self.training_posterior(x, pair, shared)
        return marginal_loss(posterior, self.fact_likelihood(torch.zeros_like(shared)))

    def foretell(self, posterior: Tensor) -> Tensor:
        """Probability of each of ``facts``, ``[E, F]``.

        Args:
            posterior: ``q(r | i, j)``, with shape ``[E, K + 1]``.
        """
        return posterior @ self.fact.sigmoid()

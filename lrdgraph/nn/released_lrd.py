"""LRD's objective as its authors' code has it, term by term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.pair_dvae import PairDVAE, pair_logits
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.ragged import distinct
from lrdgraph.typing import PairEvidence


class ReleasedLRD(PairDVAE):
    r"""Infers relations by the loss that the code of LRD minimises.

    That is ``lrd_forward`` of ``KDAPlus`` and ``RCFPlus`` in ``ysh-1998/LRD``, the code
    of the `"Sequential Recommendation with Latent Relations based on Large Language
    Model" <https://arxiv.org/abs/2403.18348>`_ paper (SIGIR 2024);
    :class:`LRDRelationDVAE` is the bound that the paper derives. The posterior runs
    over all relations of the recommender, the known ones first,

    .. math::
        q(r \mid i, j) = \text{softmax}_r\,(B\,[A x_i, A x_j] + c)

    and multiplies scores *before* they are compared, for items ``i`` of a history of
    length ``H``, the next item ``j``, and a random item ``i'`` for each:

    .. math::
        -\frac{1}{R} \sum_r \log \frac{1}{H} \sum_i
        \sigma\big(q(r \mid i, j)\,[\phi_r(i, j) - \phi_r(i', j)]\big)
        + \frac{\alpha}{R H} \sum_{i, r} -q \log q, \quad
        \phi_r(i, j) = r^\top (e_i \circ e_j + e_i + e_j)

    Entropy is minimised, not maximised as a bound would have it, and no term asks for
    different relations on different pairs. Item vectors :math:`e` and relation vectors
    :math:`r` are those of the recommender: they are all that language reaches.

    The first term is a mean over the histories of a batch, the entropy one over all
    their items. Differences to the code: padding takes no part in the entropy, and
    random items are drawn from the whole catalogue for each batch, where there those of
    the shopper are left out and one draw serves an epoch.

    To the rest of the library, *none* has the posterior of all known relations.

    Args:
        in_channels: Size of an item text vector.
        state_channels: Size ``C`` of an item vector.
        num_latent: Number of latent relations ``K``.
        num_known: Number of known relations ``P``, the virtual one among them.
        hidden_channels: Size of the projected text vectors.
        entropy_weight: Weight :math:`\alpha` of the entropy.

    Raises:
        ValueError: If ``num_latent`` or ``num_known`` is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        num_latent: int,
        num_known: int,
        hidden_channels: int = 64,
        entropy_weight: float = 0.1,
    ) -> None:
        super().__init__(num_latent)
        if num_known < 1:
            raise ValueError(
                f"'num_known' needs to be positive in 'ReleasedLRD' (got {num_known})"
            )
        self.num_known, self.entropy_weight = num_known, entropy_weight
        self.project = nn.Linear(in_channels, hidden_channels)
        self.extract = nn.Linear(2 * hidden_channels, num_known + num_latent)
        self.relation = nn.Parameter(torch.empty(num_latent, state_channels))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.01)

    def all_relations(self, roles: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Posterior of known and latent relations, ``[..., P + K]``.

        Args:
            roles: What :meth:`roles` made of the texts of items.
            source: Item indices of any shape.
            target: Item indices that broadcast to it.
        """
        return pair_logits(self.extract, roles, source, target).softmax(-1)

    def posterior(
        self, roles: Tensor, edge_index: Tensor, shared: Tensor | None = None
    ) -> Tensor:
        """Latent relations, and all others as one; see :meth:`PairDVAE.posterior`."""
        found = self.all_relations(roles, edge_index[0], edge_index[1])
        known, latent = found.tensor_split([self.num_known], dim=-1)
        return torch.cat([known.sum(-1, keepdim=True), latent], dim=-1)

    def relation_loss(
        self, posterior: Tensor, states: Tensor | None, pairs: PairEvidence
    ) -> Tensor:
        """There is none of single pairs; see :meth:`history_loss`."""
        raise ValueError(
            "the objective 'released' learns from whole histories (got pairs): train "
            "the graph in RCF or KDA, or give it the objective 'lrd'"
        )

    @in_single_precision
    def history_loss(
        self,
        x: Tensor,
        vector: Tensor,
        relation: Tensor,
        history: Tensor,
        target: Tensor,
        *,
        first: int = 0,
    ) -> Tensor:
        """How badly histories are told from random items, given what came next.

        Args:
            x: Item text vectors with shape ``[N, C_text]``.
            vector: Item vectors :math:`e`, at least ``[N, C]``.
            relation: Vectors of all ``R`` relations, with shape ``[R, C]``.
            history: Item indices padded with ``N``, ``[B, L]``; no row is empty.
            target: The next items, with shape ``[B]``.
            first: The first relation to reconstruct by; 1 leaves the virtual one out.
        """
        num_items = x.size(0)
        row, slot = (history < num_items).nonzero(as_tuple=True)
        source, goal = history[row, slot], target[row]  # [S], of all histories
        item, (source_at, goal_at) = distinct(torch.stack([source, goal]), num_items)
        posterior = self.all_relations(self.roles(x[item]), source_at, goal_at)
        other = torch.randint_like(source, num_items)
        change = F.embedding(source, vector) - F.embedding(other, vector)
        change = (change * (1 + F.embedding(goal, vector))) @ relation[first:].t()
        won = torch.sigmoid(posterior[:, first:] * change)  # [S, R]
        total = won.new_zeros(history.size(0), won.size(1)).index_add(0, row, won)
        length = torch.bincount(row, minlength=history.size(0)).unsqueeze(1)
        entropy = torch.special.entr(posterior.clamp(min=1e-9)).mean()
        return -(total / length).log().mean() + self.entropy_weight * entropy

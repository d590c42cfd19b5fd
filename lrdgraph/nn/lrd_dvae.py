"""The objective that LRD was published with, to compare with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.nn.pair_dvae import PairDVAE, pair_logits, reconstruct
from lrdgraph.typing import PairEvidence


class LRDRelationDVAE(PairDVAE):
    r"""Infers relations as LRD was published to do.

    That is the `"Sequential Recommendation with Latent Relations based on Large
    Language Model" <https://arxiv.org/abs/2403.18348>`_ paper (SIGIR 2024), which takes
    its DVAE over from Marcheggiani & Titov (TACL 2016).

    *Relation extraction* is linear in both texts, side by side:

    .. math::
        q(r \mid i, j) = \text{softmax}_r\,(B\,[A x_i, A x_j] + c)

    *Reconstruction* scores a pair by diagonal RESCAL (DistMult) and by a selectional
    preference, the relation's vector again, and is normalised over sampled items:

    .. math::
        \phi_r(i, j) = \sum_c h_{ic}\, r_c\, h_{jc} + r^\top h_i + r^\top h_j,
        \qquad p(j \mid i, r) \propto \exp \phi_r(i, j)

    What is maximised is the bound for a uniform prior, an expectation under the
    posterior where :class:`RelationDVAE` has the exact marginal, and its entropy:

    .. math::
        \sum_r q(r \mid i, j)\,[\log p(j \mid i, r) + \log p(i \mid j, r)]
        + \alpha\, H[q(r \mid i, j)]

    The authors' code (``ysh-1998/LRD``, ``RCFPlus`` and ``KDAPlus``) differs from this:

    - Its loss is no expectation: the scores of each relation are multiplied by its
      posterior *before* they enter a sigmoid, which is averaged over a shopper's
      history before the logarithm, and the logarithm over relations after it.
    - Its entropy, averaged over relations, is added to what is minimised; a negative
      ``entropy_weight`` has that sign.
    - It reconstructs only the item of the history, given the next one, against one
      random item: :math:`\log \sigma(\phi - \phi')`, the log-softmax over these two.
      Here both items are reconstructed, against as many items as are given.
    - Its posterior runs over the predefined relations, too. Here those are observed,
      and the posterior is over the latent ones and *none*.
    - The first of its relations may be left out of the reconstruction. Here *none*
      always has a vector of zeros: it finds all items equally likely.
    - Its pairs are a history's items, each with the next item; its items are id
      embeddings, and its relation vectors also those of the recommender. Here pairs and
      item states are what they are for other objectives, and relation vectors its own.
    - Its weights start from a deviation of .01. Here linear layers start as they do in
      torch, and relation vectors from a deviation of :math:`C^{-1/2}`.

    Args:
        in_channels: Size of an item text vector.
        state_channels: Size ``C`` of an item state, from which items are reconstructed.
        num_latent: Number of latent relations ``K`` besides *none*.
        hidden_channels: Size of the projected text vectors.
        entropy_weight: Weight :math:`\alpha` of the entropy of the posterior. Above 0
            an undecided posterior is rewarded, below 0 a decided one.

    Raises:
        ValueError: If ``num_latent`` is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        num_latent: int,
        hidden_channels: int = 64,
        entropy_weight: float = 0.1,
    ) -> None:
        super().__init__(num_latent)
        self.entropy_weight = entropy_weight
        self.project = nn.Linear(in_channels, hidden_channels)
        self.extract = nn.Linear(2 * hidden_channels, num_latent + 1)
        self.relation = nn.Parameter(torch.empty(num_latent, state_channels))
        nn.init.normal_(self.relation, std=state_channels**-0.5)

    def posterior(
        self, roles: Tensor, edge_index: Tensor, shared: Tensor | None = None
    ) -> Tensor:
        """Linear relation extraction; see :meth:`PairDVAE.posterior`."""
        return pair_logits(self.extract, roles, *edge_index).softmax(-1)

    def item_likelihood(self, states: Tensor, pairs: PairEvidence) -> Tensor:
        """Items given each other, ``[E, K + 1]``; see :func:`reconstruct`.

        When shoppers come plays no part in LRD.
        """
        relation = F.pad(self.relation, (0, 0, 1, 0))  # none: all items the same
        # Of phi, the preference for what is given does not change what is preferred.
        return reconstruct(states, pairs, relation, relation, relation)

    def relation_loss(
        self, posterior: Tensor, states: Tensor | None, pairs: PairEvidence
    ) -> Tensor:
        """Negative bound of a pair; see :meth:`PairDVAE.relation_loss`."""
        if states is None:
            raise ValueError(
                "LRD's objective needs the item states of a recommender to reconstruct "
                "(got none): train the graph in an LRDRec"
            )
        expected = (posterior * self.item_likelihood(states, pairs)).sum(-1).mean()
        return -expected - self.entropy_weight * self.confidence_loss(posterior)

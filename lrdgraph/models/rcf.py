"""RCF: attention over a history by relations of items, known and latent."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.evidence import latent_evidence
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.knowledge import Knowledge
from lrdgraph.models.agreement import check_agreement
from lrdgraph.nn.distmult import TripleTask, pairwise_loss
from lrdgraph.nn.relational_attention import (
    RelationEncoder,
    attend_history,
    candidate_queries,
)
from lrdgraph.nn.released_lrd import ReleasedLRD
from lrdgraph.typing import ChoiceBatch

CANDIDATES_AT_ONCE = 256
"""Candidates whose contexts are held at once when ranking, as a cache can hold."""
CANDIDATES_ON_GPU = 65_536
"""The same on a GPU, which small parts would keep waiting."""


class RCF(nn.Module):
    r"""Relational collaborative filtering, for sequences.

    From `"Relational Collaborative Filtering: Modeling Multiple Item Relations for
    Recommendation" <https://arxiv.org/abs/1904.12796>`_ (SIGIR 2019), in the form that
    KDA's and LRD's authors compare with (``RCF`` and ``RCFPlus`` of ``ysh-1998/LRD``),

    .. math::
        \text{score}(j) = \Big(e_u + \frac{1}{R} \sum_r X_r\Big)^\top e_j + b_j

    where ``X`` is what the history says of ``j`` by each relation
    (:func:`~lrdgraph.nn.relational_attention.attend_history`), after self-attention of
    relations (:class:`~lrdgraph.nn.relational_attention.RelationEncoder`). It learns by
    BPR, and knowledge by DistMult (:class:`~lrdgraph.nn.distmult.TripleTask`).
    Differences to the paper, all of them the authors': relations are compared
    bilinearly instead of by an MLP, there is self-attention in place of a weighted sum
    over relations, and KG negatives are items. As in their code, a user has a vector
    and an item a bias; a bias of the user would change no ranking.

    Latent relations are those of the graph, and only their vectors and the item
    vectors reach a score. With the objective ``'released'`` (LRD), that is all. With
    another one, an item of the history counts for a latent relation as far as its
    posterior says that the relation holds, ours.

    *No value* is an entity that is learned; it also stands for padding, which no
    history attends to, as in the authors' code, and for an unknown value of an
    attribute, for which their code has an entity of its own.

    Args:
        graph: The item graph, for its latent relations.
        knowledge: Known relations and values of the same items.
        num_users: Number of users ``U``.
        hidden_channels: Size ``C`` of item, value, relation and user vectors.
        max_length: Number of history slots ``L``; older items are left out.
        num_layers: Layers of self-attention of relations; see
            :class:`~lrdgraph.nn.relational_attention.RelationEncoder`.
        num_heads: Its heads.
        dropout: Its dropout probability.
        knowledge_weight: Weight of the knowledge-graph task; the authors' choice is the
            number of triples for each interaction.
        relation_weight: Weight of the loss of discovery.
        presence_weight: Weight of the share of pairs that have a latent relation, with
            an objective other than ``'released'``.

    Raises:
        ValueError: If ``max_length`` is not positive, or for what
            :func:`~lrdgraph.models.agreement.check_agreement` and
            :class:`~lrdgraph.nn.relational_attention.RelationEncoder` raise.
    """

    num_pairs = 512
    """Pairs that the DVAE sees in a step, with an objective other than released."""
    first_reconstructed = 0
    """With ``'released'``, the first relation to reconstruct by."""

    value: Tensor

    def __init__(
        self,
        graph: LatentRelationGraph,
        knowledge: Knowledge,
        num_users: int,
        hidden_channels: int = 64,
        *,
        max_length: int = 20,
        num_layers: int = 5,
        num_heads: int = 4,
        dropout: float = 0.0,
        knowledge_weight: float = 1.0,
        relation_weight: float = 10.0,
        presence_weight: float = 0.0,
    ) -> None:
        super().__init__()
        check_agreement(graph, knowledge, num_users, hidden_channels)
        if max_length < 1:
            raise ValueError(f"'max_length' needs to be positive (got {max_length})")
        self.graph, self.max_length = graph, max_length
        self.num_items, self.num_latent = graph.num_items, graph.num_latent
        self.knowledge_weight = knowledge_weight
        self.relation_weight = relation_weight
        self.presence_weight = presence_weight
        latent = graph.relations[len(graph.relations) - graph.num_latent :]
        self.relations = (*knowledge.relations, *latent)
        known = len(knowledge.relations)
        self.attributes = slice(known - knowledge.num_attributes, known)
        self.register_buffer("value", knowledge.value[:, self.attributes])
        self.entity = nn.Embedding(knowledge.num_entities, hidden_channels)
        self.user = nn.Embedding(num_users, hidden_channels)
        self.relation = nn.Embedding(len(knowledge.relations), hidden_channels)
        self.bias = nn.Parameter(torch.empty(self.num_items))
        self.encoder = RelationEncoder(hidden_channels, num_layers, num_heads, dropout)
        self.triples = TripleTask(
            self.num_items, knowledge.head, knowledge.relation, knowledge.tail
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights but the DVAE's anew, as the authors' code does."""
        parts = (self.entity, self.user, self.relation, self.encoder)
        weights = [
            p for part in parts for n, p in part.named_parameters() if "norm" not in n
        ]
        for weight in (*weights, self.bias):
            nn.init.normal_(weight, std=0.01)

    def item_states(self) -> Tensor:
        """Vectors of all entities, the items first, with shape ``[N + 1 + ..., C]``."""
        return self.entity.weight

    def relation_vectors(self) -> Tensor:
        """Vectors of known and latent relations, with shape ``[R, C]``."""
        if not self.num_latent:
            return self.relation.weight
        latent = self.graph.dvae.relation[-self.num_latent :]
        return torch.cat([self.relation.weight, latent])

    def kept(
        self, history: Tensor, candidates: Tensor, age: Tensor | None
    ) -> Tensor | None:
        """What is left of the attention of each relation to each item.

        Returns:
            Factors ``[B, R, L]`` or ``[B, Q, R, L]``; None where all is left.
        """
        if not self._by_evidence:
            return None
        found = latent_evidence(self.graph, history, candidates)  # [B, Q, K, L]
        known = len(self.relations) - self.num_latent
        all_left = found.new_ones(()).expand(*candidates.shape, known, found.size(-1))
        return torch.cat([all_left, found], dim=2)

    @property
    def _by_evidence(self) -> bool:
        return self.num_latent > 0 and not isinstance(self.graph.dvae, ReleasedLRD)

    def contexts(
        self, states: Tensor, history: Tensor, candidates: Tensor, age: Tensor | None
    ) -> Tensor:
        """What the history says of candidates by each relation, ``[B, Q, R, C]``."""
        query = candidate_queries(
            states,
            self.relation_vectors(),
            candidates,
            self.value[candidates],
            self.attributes,
            self.num_items,
        )
        bought, present = F.embedding(history, states), history < self.num_items
        kept = self.kept(history, candidates, age)
        return attend_history(bought, present, query, kept)

    def score(
        self,
        states: Tensor,
        history: Tensor,
        candidates: Tensor,
        user: Tensor | None = None,
        age: Tensor | None = None,
    ) -> Tensor:
        """Score the candidates of each history, ``[B, Q]``, all at once."""
        context = self.contexts(states, history, candidates, age)
        taste = self.encoder(context.flatten(0, 1)).mean(-2).view(*candidates.shape, -1)
        if user is not None:
            taste = taste + self.user(user).unsqueeze(1)
        score = (taste * F.embedding(candidates, states)).sum(-1)
        return score + self.bias[candidates]

    def forward(
        self,
        history: Tensor,
        states: Tensor | None = None,
        period: Tensor | None = None,
        history_time: Tensor | None = None,
        *,
        user: Tensor | None = None,
        time: Tensor | None = None,
        candidates: Tensor | None = None,
    ) -> Tensor:
        """Score candidates after each history, a part of them at a time.

        Args:
            history: Item indices, padded on the left with ``N``, ``[B, L]``.
            states: What :meth:`item_states` gave; None computes it.
            period: Not read.
            history_time: When each item was bought, in seconds, ``[B, L]``; needed by
                :class:`KDA` alone.
            user: Whose history it is, ``[B]``; None is somebody new.
            time: When each history is asked to go on, in seconds, ``[B]``; needed by
                :class:`KDA` alone.
            candidates: Item indices with shape ``[B, Q]``; None is the whole catalogue.

        Returns:
            Scores with shape ``[B, Q]``, or ``[B, N]``.
        """
        states = self.item_states() if states is None else states
        if candidates is None:
            every = torch.arange(self.num_items, device=history.device)
            candidates = every.expand(len(history), -1)
        scores = states.new_empty(candidates.shape)
        at_once = CANDIDATES_ON_GPU if history.is_cuda else CANDIDATES_AT_ONCE
        for rows, columns in _parts(at_once, *candidates.shape):
            known = (user, history_time, time)
            who, bought, now = (None if part is None else part[rows] for part in known)
            recent, age = self._recent(history[rows], bought, now)
            scores[rows, columns] = self.score(
                states, recent, candidates[rows, columns], who, age
            )
        return scores

    def loss(self, batch: ChoiceBatch) -> dict[str, Tensor]:
        """Losses of a training batch; their sum is to be minimised.

        Returns:
            ``next_item``, ``knowledge`` and, with latent relations, ``relation`` (and
            ``presence`` where it has weight), each with its weight.
        """
        states = self.item_states()
        when = batch["history_time"], batch["time"]
        history, age = self._recent(batch["history"], *when)
        candidates = torch.cat([batch["target"].unsqueeze(1), batch["negatives"]], 1)
        scores = self.score(states, history, candidates, batch["user"], age)
        relation = self.relation_vectors()
        known = self.triples.loss(states, relation, len(history))
        losses = {
            "next_item": pairwise_loss(scores[:, 0], scores[:, 1:]),
            "knowledge": self.knowledge_weight * known,
        }
        if self.num_latent:
            losses |= self._discovery(states, relation, history, batch["target"])
        return losses

    def _recent(
        self, history: Tensor, history_time: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The last items, without slots that none fills, and their age in seconds."""
        filled = (history < self.num_items).sum(1).max().clamp(1, self.max_length)
        last = slice(-int(filled), None)
        if history_time is None or time is None:
            return history[:, last], None
        age = (time.unsqueeze(1) - history_time[:, last]).clamp(min=0)
        return history[:, last], age

    def _discovery(
        self, states: Tensor, relation: Tensor, history: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        dvae = self.graph.dvae
        if isinstance(dvae, ReleasedLRD):
            found = dvae.history_loss(
                self.graph.x,
                states,
                relation,
                history,
                target,
                first=self.first_reconstructed,
            )
            return {"relation": self.relation_weight * found}
        losses = self.graph.relation_losses(states[: self.num_items], self.num_pairs)
        weights = {"relation": self.relation_weight, "presence": self.presence_weight}
        return {name: w * losses[name] for name, w in weights.items() if w}


def _parts(
    at_once: int, num_rows: int, num_candidates: int
) -> Iterator[tuple[slice, slice]]:
    """Rows and candidates of each part, as near to ``at_once`` as they go."""
    width = max(1, min(num_candidates, at_once))
    height = at_once // width
    for row in range(0, num_rows, height):
        for column in range(0, num_candidates, width):
            yield slice(row, row + height), slice(column, column + width)

"""The knowledge-graph task of RCF and KDA: DistMult on known triples."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_DRAWS = 30
"""How often a negative that is true is drawn again at most."""


def distmult(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    r"""Score :math:`\sum_c h_c r_c t_c` of triples.

    From `"Embedding Entities and Relations for Learning and Inference in Knowledge
    Bases" <https://arxiv.org/abs/1412.6575>`_.

    Args:
        head: Entity vectors with shape ``[..., C]``.
        relation: Relation vectors with shape ``[..., C]``.
        tail: Entity vectors with shape ``[..., C]``.
    """
    return (head * relation * tail).sum(-1)


def pairwise_loss(positive: Tensor, negatives: Tensor) -> Tensor:
    r"""BPR, for several negatives weighted by how well they score.

    .. math:: -\log \sum_n \text{softmax}_n(s_n)\, \sigma(s^+ - s_n)

    of `"Recurrent Neural Networks with Top-k Gains for Session-based Recommendations"
    <https://arxiv.org/abs/1706.03847>`_, mean over rows; with one negative, that is
    :math:`-\log \sigma(s^+ - s^-)`.

    Args:
        positive: Scores with shape ``[B]``.
        negatives: Scores with shape ``[B, Q]``.
    """
    beaten = F.logsigmoid(positive.unsqueeze(1) - negatives)
    return -(negatives.log_softmax(1) + beaten).logsumexp(1).mean()


class Triples(NamedTuple):
    """Pairs of items that a relation holds between, by a value if it has any.

    Shapes ``[B]`` each; ``value`` is an entity, *no value* among them.
    """

    head: Tensor
    relation: Tensor
    tail: Tensor
    value: Tensor


class TripleTask(nn.Module):
    r"""Samples true triples and false ones, and tells them apart by DistMult.

    RCF and KDA read an attribute as a relation with a value between two items,

    .. math:: s(i, r, v, j) = \sum_c e_{ic}\,(e_{rc} + e_{vc})\, e_{jc}

    so the tail of an attribute is any item with the same value. Head or tail are
    replaced by a random item, each in half of the triples.

    Differences to the authors' code (``ysh-1998/LRD``): a false triple of an attribute
    is drawn again where both items do share the value (their test asks for an item
    where it has a value, and never rejects); triples are drawn anew for each batch,
    with replacement, in place of one sample an epoch.

    Args:
        num_items: Number of items ``N``; entity ``N`` is *no value*.
        head: Items with shape ``[T]``.
        relation: Relations with shape ``[T]``.
        tail: Items or, from ``N + 1`` on, values, with shape ``[T]``.
    """

    head: Tensor
    relation: Tensor
    tail: Tensor
    key: Tensor
    member: Tensor
    start: Tensor

    def __init__(
        self, num_items: int, head: Tensor, relation: Tensor, tail: Tensor
    ) -> None:
        super().__init__()
        if not head.numel():
            raise ValueError("'head' needs at least one triple in 'TripleTask' (got 0)")
        self.num_items = num_items
        self.num_entities = max(int(tail.max()), num_items) + 1
        self.num_relations = int(relation.max()) + 1
        key = self._key(head, relation, tail).sort().values
        attribute = tail > num_items
        order = tail[attribute].argsort(stable=True)
        size = torch.bincount(tail[attribute], minlength=self.num_entities)
        buffers = {
            "head": head,
            "relation": relation,
            "tail": tail,
            "key": key,
            "member": head[attribute][order],
            "start": F.pad(size.cumsum(0), (1, 0)),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def _key(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        return (head * self.num_relations + relation) * self.num_entities + tail

    def draw(self, number: int) -> Triples:
        """True triples, uniformly, each of an attribute with a random partner."""
        place = torch.randint(self.head.numel(), (number,), device=self.head.device)
        head, relation, tail = self.head[place], self.relation[place], self.tail[place]
        first = self.start[tail]
        size = self.start[tail + 1] - first  # 0 where the tail is an item
        chosen = (torch.rand(number, device=tail.device) * size).long()
        last = self.member.numel() - 1
        partner = self.member[(first + chosen).clamp(max=last)] if last >= 0 else tail
        value = tail.where(size > 0, self.num_items)
        return Triples(head, relation, partner.where(size > 0, tail), value)

    def corrupt(self, true: Triples) -> Triples:
        """The same with another head or another tail, not known to be true."""
        replace_head = torch.rand(true.head.shape, device=true.head.device) < 0.5
        again = torch.ones_like(replace_head)
        other = torch.empty_like(true.head)
        for _ in range(MAX_DRAWS):
            drawn = torch.randint_like(other, self.num_items)
            other = torch.where(again, drawn, other)
            head = other.where(replace_head, true.head)
            tail = true.tail.where(replace_head, other)
            again = self.holds(head, true.relation, tail, true.value, ~replace_head)
            if not again.any():
                break
        return Triples(head, true.relation, tail, true.value)

    def holds(
        self,
        head: Tensor,
        relation: Tensor,
        tail: Tensor,
        value: Tensor,
        tail_is_new: Tensor,
    ) -> Tensor:
        """Whether triples are known: by the value of the new item where they have one.

        Args:
            head: Items with shape ``[B]``.
            relation: Relations with shape ``[B]``.
            tail: Items with shape ``[B]``.
            value: The value, or *no value*, with shape ``[B]``.
            tail_is_new: Whether the tail was replaced, else the head, ``[B]``.
        """
        by_value = value > self.num_items
        source = tail.where(by_value & tail_is_new, head)
        wanted = self._key(source, relation, value.where(by_value, tail))
        place = torch.searchsorted(self.key, wanted).clamp(max=self.key.numel() - 1)
        return self.key[place] == wanted

    def loss(self, entity: Tensor, relation: Tensor, number: int) -> Tensor:
        """:func:`pairwise_loss` of triples against a false one each.

        Args:
            entity: Vectors of all entities, with shape ``[num_entities, C]``.
            relation: Vectors of all relations, with shape ``[R, C]``.
            number: How many triples to draw.
        """
        true = self.draw(number)
        false = self.corrupt(true)
        typed = F.embedding(true.relation, relation) + F.embedding(true.value, entity)
        positive, negative = (
            distmult(F.embedding(t.head, entity), typed, F.embedding(t.tail, entity))
            for t in (true, false)
        )
        return pairwise_loss(positive, negative.unsqueeze(1))

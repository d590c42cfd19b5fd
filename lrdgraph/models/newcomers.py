"""Items that nobody has bought yet, and what is lent to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lrdgraph.arrivals import cosines
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.ragged import ragged_arange, starts
from lrdgraph.typing import TEXT_KNN, TRANSITION, TypedEdges

_SHARPNESS = 10.0  # of a softmax over cosines


class Lenders(NamedTuple):
    """Where each item's lenders begin, ``[N + 1]``, these, and how close they are."""

    start: Tensor
    lender: Tensor
    closeness: Tensor

    def lend(self, item: Tensor, look_up: Callable[[Tensor], Tensor]) -> Tensor:
        """What items ``[n]`` get, ``[n, C]``, of what is looked up; 0 without any."""
        first = self.start[item]
        owner, place = ragged_arange(first, self.start[item + 1] - first)
        closeness = self.closeness[place]
        total = closeness.new_zeros(len(item)).index_add_(0, owner, closeness)
        lent = (closeness / total[owner]).unsqueeze(1) * look_up(self.lender[place])
        return lent.new_zeros(len(item), lent.size(1)).index_add(0, owner, lent)


def lenders(graph: LatentRelationGraph, lends: Tensor) -> Lenders:
    """Each item's text neighbours among those that lend, ``[N]``.

    Items without text, and graphs without pairs by text, have none.
    """
    near = torch.zeros_like(graph.static)
    if TEXT_KNN in graph.observed_relations:
        column = graph.observed_relations.index(TEXT_KNN)
        near = (graph.observed[:, column] > 0) & lends[graph.edge_index[1]]
    source, target = graph.edge_index[:, near]
    cosine = cosines(graph.x, torch.stack([source, target]))
    start = starts(source, graph.num_items)
    return Lenders(start, target, (_SHARPNESS * (cosine - 1)).exp())


class Newcomers(nn.Module):
    r"""Which items count as new, and what these have in place of what is learned.

    Nobody has bought a new item: its text and its relations are all that speaks for it.
    So that a model knows how much they say, training takes a share of the items for new
    in each step, others every time, and predicts them nevertheless. A new item has

    - no transitions (those that :func:`~lrdgraph.arrivals.arrive` lends to it come
      after training), and no part in what is in fashion;
    - in place of its id embedding that of its text neighbours among the known items,
      :math:`\sum_n a_n e_n` with :math:`a = \text{softmax}(10 \cos(x, x_n))`;
    - in place of its bias the one of all new items;
    - a strength, learned for each relation, of the messages that reach it.

    Leaving out at random what will be missing is the idea of "DropoutNet: Addressing
    Cold Start in Recommender Systems" (Volkovs et al., NeurIPS 2017). Observed
    relations stay, as those of the catalogue are there before the first purchase.

    Args:
        graph: The item graph. Items that nobody has bought are always new; without any
            purchases to tell by, none is.
        share: Share of the other items that count as new in a step of training.

    Raises:
        ValueError: If the share is not in ``[0, 1)``.
    """

    known: Tensor
    drawn: Tensor
    counts: Tensor
    start: Tensor
    lender: Tensor
    closeness: Tensor

    def __init__(self, graph: LatentRelationGraph, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(
                f"'newness' needs to be at least 0 and less than 1 (got {share})"
            )
        self.share = share
        self.bias = nn.Parameter(torch.zeros(()))
        self.strength = nn.Parameter(torch.zeros(len(graph.relations)))
        known = (graph.popularity > 0) | ~graph.popularity.any()
        for name, value in {
            "known": known,
            "drawn": torch.zeros_like(known),
            "counts": torch.tensor([name == TRANSITION for name in graph.relations]),
            **lenders(graph, known)._asdict(),
        }.items():
            self.register_buffer(name, value, persistent=False)

    def draw(self) -> None:
        """Draw which items count as new, in training, until the next draw."""
        chance = torch.rand(self.known.shape, device=self.known.device)
        self.drawn = chance < self.share

    @property
    def new(self) -> Tensor:
        """Which items count as new, with shape ``[N]``."""
        return ~self.known | self.drawn if self.training else ~self.known

    def ids(
        self,
        ids: Tensor,
        look_up: Callable[[Tensor], Tensor],
        item: Tensor | None = None,
    ) -> Tensor:
        """Id embeddings, those of new items lent by others.

        Args:
            ids: Embeddings of ``item``, with shape ``[n, C]``.
            look_up: From items ``[M]`` to their embeddings, ``[M, C]``.
            item: Item indices with shape ``[n]``; None for all.
        """
        new = (self.new if item is None else self.new[item]).nonzero().squeeze(-1)
        who = new if item is None else item[new]
        known = Lenders(self.start, self.lender, self.closeness)
        return ids.index_copy(0, new, known.lend(who, look_up))

    def biases(self, bias: Tensor) -> Tensor:
        """Biases ``[N]``, the same for all new items."""
        return torch.where(self.new, self.bias, bias)

    def forward(self, edges: TypedEdges) -> TypedEdges:
        """The edges, as much as is known of those of new items, and as strong."""
        target = self.new[edges.edge_index[1]].unsqueeze(1)
        weight = edges.weight * torch.where(target, self.strength.exp(), 1.0)
        if self.training:
            unknown = self.drawn[edges.edge_index].any(0).unsqueeze(1) & self.counts
            weight = weight.masked_fill(unknown, 0)
        return edges._replace(weight=weight)

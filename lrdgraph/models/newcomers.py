"""Items that nobody has bought yet, and what is lent to them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from lrdgraph.arrivals import TEXT_KNN
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.ragged import ragged_arange, starts
from lrdgraph.typing import TRANSITION, TypedEdges

_SHARPNESS = 10.0  # of a softmax over cosines
_USUAL = 0.6  # cosine of a pair of similar texts, for strength and closeness to differ
_PAIRS = 1 << 16  # whose texts are compared at a time


class Newcomers(nn.Module):
    r"""Which items count as new, and what these have in place of what is learned.

    Nobody has bought a new item: its text and its relations are all that speaks for it.
    So that a model knows how much they say, training takes a share of the items for new
    in each step, others every time, and predicts them nevertheless. A new item has

    - no transitions, and no part in what is in fashion;
    - in place of its id embedding that of its text neighbours among the known items,
      :math:`\sum_n a_n e_n` with :math:`a = \text{softmax}(10 \cos(x, x_n))`;
    - in place of its bias the one of all new items;
    - a strength :math:`\exp(s_r + c_r (\cos(x_i, x_j) - 0.6))` of the messages that
      reach it from item :math:`i` over relation :math:`r`, with learned :math:`s_r` and
      :math:`c_r`: how much what is known of others says of it, and how much more so
      the closer it is.

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
    closeness: Tensor
    start: Tensor
    lender: Tensor
    share_of: Tensor

    def __init__(self, graph: LatentRelationGraph, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(
                f"'newness' needs to be at least 0 and less than 1 (got {share})"
            )
        self.share = share
        self.bias = nn.Parameter(torch.zeros(()))
        self.strength = nn.Parameter(torch.zeros(len(graph.relations)))
        self.closer = nn.Parameter(torch.zeros(len(graph.relations)))
        known = (graph.popularity > 0) | ~graph.popularity.any()
        closeness = _closeness(graph)
        edge = _near(graph, known)
        for name, value in {
            "known": known,
            "drawn": torch.zeros_like(known),
            "counts": torch.tensor([name == TRANSITION for name in graph.relations]),
            "closeness": closeness - _USUAL,
            "start": starts(graph.edge_index[0, edge], graph.num_items),
            "lender": graph.edge_index[1, edge],
            "share_of": (_SHARPNESS * (closeness[edge] - 1)).exp(),
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
        first = self.start[who]
        owner, place = ragged_arange(first, self.start[who + 1] - first)
        share = self.share_of[place]
        total = share.new_zeros(len(new)).index_add_(0, owner, share)
        weight = (share / total[owner]).unsqueeze(1)
        lent = weight * look_up(self.lender[place])
        nothing = ids.new_zeros(len(new), ids.size(1))
        return ids.index_copy(0, new, nothing.index_add(0, owner, lent))

    def biases(self, bias: Tensor) -> Tensor:
        """Biases ``[N]``, the same for all new items."""
        return torch.where(self.new, self.bias, bias)

    def forward(self, edges: TypedEdges, edge_id: Tensor | None = None) -> TypedEdges:
        """The edges, as much as is known of those of new items, and as strong.

        Args:
            edges: The ``M`` edges.
            edge_id: Their places in the graph, with shape ``[M]``; None for all.
        """
        source, target = self.new[edges.edge_index]
        unknown = (source | target).unsqueeze(1) & self.counts
        weight = edges.weight.masked_fill(unknown, 0)
        place = target.nonzero().squeeze(-1)
        closeness = self.closeness[place if edge_id is None else edge_id[place]]
        strength = (self.strength + closeness.unsqueeze(1) * self.closer).exp()
        ones = torch.ones_like(weight).index_copy(0, place, strength)
        return edges._replace(weight=weight * ones)


def _closeness(graph: LatentRelationGraph) -> Tensor:
    """Cosine of the texts of each pair, with shape ``[E]``."""
    unit = normalize(graph.x)
    pairs = graph.edge_index.split(_PAIRS, dim=1)
    return torch.cat([(unit[i] * unit[j]).sum(1) for i, j in pairs])


def _near(graph: LatentRelationGraph, known: Tensor) -> Tensor:
    """Places of pairs from each item to its text neighbours among the known ones.

    Items without text, and graphs without pairs by text, have none.
    """
    if TEXT_KNN not in graph.observed_relations:
        return torch.empty(0, dtype=torch.long, device=known.device)
    column = graph.observed_relations.index(TEXT_KNN)
    near = (graph.observed[:, column] > 0) & known[graph.edge_index[1]]
    return near.nonzero().squeeze(-1)

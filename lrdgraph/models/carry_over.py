"""A trained model over another graph: of more items, of fewer, of later purchases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lrdgraph.graph import LatentRelationGraph
from lrdgraph.models.fair_share import give_fair_share
from lrdgraph.models.lending import lend_ids

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

_OF_ITEMS = ("id.weight", "bias")
"""Parameters with a row for each item."""


def over(
    model: LRDRec, graph: LatentRelationGraph, trend: Tensor | None = None
) -> LRDRec:
    """The same model over another graph, to train on or to recommend with at once.

    All parameters are carried over, those of an item by its id. An item that is new
    starts with the mean bias of all, and with the state that its text and its relations
    give it.

    Args:
        model: The model, which is left as it is.
        graph: A graph of the same relations, whose vectors were made alike (see
            :class:`~lrdgraph.transforms.SameVectors`).
        trend: What the model knows of trends, for the items of the graph; a model that
            knows none needs none.

    Raises:
        ValueError: If relations or vectors are others, or if trends are missing.
    """
    _check(model, graph, trend)
    other = type(model)(graph, trend=trend, **model.arguments)
    place = {name: index for index, name in enumerate(model.graph.ids)}
    old = torch.tensor([place.get(name, -1) for name in graph.ids])
    new = (old >= 0).nonzero().squeeze(-1)
    carried = dict(model.named_parameters())
    with torch.no_grad():
        other.id.weight.zero_()
        other.bias.fill_(model.bias.mean())
        for name, parameter in other.named_parameters():
            if name in _OF_ITEMS:
                parameter[new] = carried[name][old[new]]
            else:
                parameter.copy_(carried[name])
    graph.relation_names = model.graph.relation_names
    return other.train(model.training)


def with_items(
    model: LRDRec,
    ids: Sequence[str],
    texts: Sequence[str],
    encoder: Callable[[list[str]], ArrayLike | Tensor],
    k: int = 20,
) -> LRDRec:
    """The same model with items that arrived later, known by their texts alone.

    They can be recommended, and recommended after, at once: their id embeddings start
    from those of their neighbours (see :func:`~lrdgraph.models.lending.lend_ids`), and
    their bias gives them their share of places (see
    :func:`~lrdgraph.models.fair_share.give_fair_share`). Whatever is known of other
    items stays.

    Args:
        model: The model, which is left as it is.
        ids: External ids of the new items.
        texts: Their texts.
        encoder: What made the vectors of the other items' texts.
        k: Number of neighbours of a new item: of its pairs, in both directions, and
            of those that its id embedding starts from.

    Raises:
        ValueError: For what :meth:`LatentRelationGraph.with_items` raises.
    """
    graph = model.graph.with_items(ids, texts, encoder, k)
    trend = None if model.trend is None else model.trend.trend
    if trend is not None:  # nothing was bought yet of what is new
        trend = torch.cat([trend, trend.new_zeros(len(ids), *trend.shape[1:])])
    other = over(model, graph, trend)
    lend_ids(other, model.num_items, k)
    give_fair_share(other, model.num_items)
    return other


def _check(model: LRDRec, graph: LatentRelationGraph, trend: Tensor | None) -> None:
    for name, ours, theirs in (
        ("relations", model.graph.relations, graph.relations),
        ("channels of vectors", model.graph.x.size(1), graph.x.size(1)),
        ("'objective'", model.graph.objective, graph.objective),
        ("knowledge of trends", model.trend is not None, trend is not None),
    ):
        if ours != theirs:
            raise ValueError(
                f"'graph' needs to have the {name} of the model, {ours} (got {theirs})"
            )

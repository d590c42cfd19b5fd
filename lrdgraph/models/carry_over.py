"""A trained model over another graph: of more items, of fewer, of later purchases."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from math import isfinite
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from lrdgraph.facts import KnownFacts
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.models.newcomers import lenders
from lrdgraph.nn.evaluation_mode import evaluating
from lrdgraph.nn.fact_dvae import FactDVAE

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

_OF_ITEMS = ("id.weight", "bias")
"""Parameters with a row for each item."""
_ROUNDING = 1e-4  # of steps, those of texts that were embedded once more among them


def _parameters(model: LRDRec) -> dict[str, Tensor]:
    """Of new items with what was lent to them."""
    with evaluating(model):
        lent = {"id.weight": model.item_ids(), "bias": model.item_bias()}
    return dict(model.named_parameters()) | lent


def over(
    model: LRDRec, graph: LatentRelationGraph, trend: Tensor | None = None
) -> LRDRec:
    """The same model over another graph, to train on or to recommend with at once.

    All parameters are carried over, those of an item by its id. An item that nobody
    has bought counts as new (see :class:`~lrdgraph.models.newcomers.Newcomers`); one
    that was new, and is bought by now, goes on with what it had as such, and one that
    the model did not know at all starts from what a new one would have.

    Args:
        model: The model, which is left as it is.
        graph: A graph of the same relations, whose vectors were made alike (see
            :class:`~lrdgraph.transforms.SameVectors`). It becomes a part of the new
            model: it gets the weights, the names and the order of the relations, also
            of an observed one that has no pairs any more.
        trend: What the model knows of trends, for the items of the graph; a model that
            knows none needs none.

    Raises:
        ValueError: If a relation is new, if vectors were made in another way, as far as
            the two graphs know how, or if trends are missing.

    Warns:
        UserWarning: If observed relations of the model have no pairs in the graph.
    """
    _check(model, graph, trend)
    _check_vectors(model.graph, graph)
    if graph.relations != model.graph.relations:
        _take_relations(graph, model.graph)
    other = type(model)(graph, trend=trend, **model.arguments).to(graph.x.device)
    place = {name: index for index, name in enumerate(model.graph.ids)}
    old = graph.start.new_tensor([place.get(name, -1) for name in graph.ids])
    new, unknown = (which.nonzero().squeeze(-1) for which in (old >= 0, old < 0))
    if graph.num_latent:  # a first guess of facts is no parameter
        graph.dvae.load_state_dict(model.graph.dvae.state_dict())
    with torch.no_grad():
        carried = _parameters(model)
        other.bias.fill_(model.newcomers.bias)
        for name, parameter in other.named_parameters():
            if name in _OF_ITEMS:
                known = carried[name].to(parameter)
                parameter[new] = known[old[new]]
            else:
                parameter.copy_(carried[name])
        lent = lenders(graph, old >= 0).lend(unknown, other.id)
        other.id.weight[unknown] = lent
    graph.relation_names = dict(model.graph.relation_names)
    return other.train(model.training)


def with_items(
    model: LRDRec,
    ids: Sequence[str],
    texts: Sequence[str],
    encoder: Callable[[list[str]], ArrayLike | Tensor],
    k: int = 20,
    prominence: float = 0.0,
) -> LRDRec:
    """The same model with items that arrived later, known by their texts alone.

    They can be recommended, and recommended after, at once, for the model was trained
    on items that counted as new (see :class:`~lrdgraph.models.newcomers.Newcomers`).
    Whatever is known of other items stays.

    Args:
        model: The model, which is left as it is.
        ids: External ids of the new items.
        texts: Their texts.
        encoder: What made the vectors of the other items' texts.
        k: Number of neighbours of a new item: of its pairs, in both directions, and
            of those that lend it an embedding.
        prominence: What to add to the scores of all items that nobody has bought, in
            nats: 1 counts them as 2.7 times as likely as the model does, -1 as a 2.7th
            of that.

    Raises:
        ValueError: If ``prominence`` is not finite, or for what
            :meth:`LatentRelationGraph.with_items` raises.
    """
    if not isfinite(prominence):
        raise ValueError(f"'prominence' needs to be finite (got {prominence})")
    graph = model.graph.with_items(ids, texts, encoder, k)
    trend = None if model.trend is None else model.trend.trend
    if trend is not None:  # nothing was bought yet of what is new
        trend = torch.cat([trend, trend.new_zeros(len(ids), *trend.shape[1:])])
    other = over(model, graph, trend)
    with torch.no_grad():
        other.newcomers.bias.add_(prominence)
    return other


def _check(model: LRDRec, graph: LatentRelationGraph, trend: Tensor | None) -> None:
    both = (model.graph, graph)
    for name, ours, theirs in (
        ("relations", model.graph.relations, _in_order(graph, model.graph)),
        ("'state_channels'", *(g.num_latent and g.state_channels for g in both)),
        ("channels of vectors", *(g.x.size(1) for g in both)),
        ("'objective'", *(g.objective for g in both)),
    ):
        if ours != theirs:
            raise ValueError(
                f"'graph' needs to have the {name} of the model, {ours} (got {theirs})"
            )
    _check_trend(model, graph, trend)


def _check_trend(
    model: LRDRec, graph: LatentRelationGraph, trend: Tensor | None
) -> None:
    known = None if model.trend is None else model.trend.trend
    if (known is None) != (trend is None):
        one, other = ("None", "a Tensor")[:: 1 if known is None else -1]
        raise ValueError(f"'trend' needs to be {one}, as in the model (got {other})")
    if known is None or trend is None:
        return
    items, features = graph.num_items, known.size(-1)
    if trend.dim() != 3 or (trend.size(0), trend.size(-1)) != (items, features):
        raise ValueError(
            "'trend' needs the items of the graph and the features of the model, "
            f"[{items}, T, {features}] (got {list(trend.shape)})"
        )


def _in_order(graph: LatentRelationGraph, like: LatentRelationGraph) -> tuple[str, ...]:
    """Relations with the observed ones of another graph, unless some are new to it."""
    observed = graph.observed_relations
    if not set(observed) <= set(like.observed_relations):
        return graph.relations
    return (*like.observed_relations, *graph.relations[len(observed) :])


def _check_vectors(ours: LatentRelationGraph, theirs: LatentRelationGraph) -> None:
    """Nothing is known of vectors that came from elsewhere, as by ``SetVectors``."""
    if ours.encoder and theirs.encoder and ours.encoder != theirs.encoder:
        raise ValueError(
            f"'graph' needs to have vectors of the model's encoder, {ours.encoder!r} "
            f"(got {theirs.encoder!r})"
        )
    steps = [graph.vector_steps for graph in (ours, theirs)]
    known = all(graph.encoder or len(graph.vector_steps) for graph in (ours, theirs))
    if known and not _same_steps(*steps):
        raise ValueError(
            "'graph' needs to have vectors that took the steps of the model's, "
            f"{len(steps[0])} (got {len(steps[1])}, other ones): apply "
            "lrdgraph.transforms.SameVectors in place of Normalize or Whiten"
        )


def _same_steps(ours: nn.Module, theirs: nn.Module) -> bool:
    """Whether two graphs did the same to their vectors."""
    first, second = (dict(steps.named_buffers()) for steps in (ours, theirs))
    return first.keys() == second.keys() and all(
        _close(tensor, second[name]) for name, tensor in first.items()
    )


def _close(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape:
        return False
    return bool(torch.dist(ours, theirs.to(ours)) <= _ROUNDING * ours.norm())


def _take_relations(graph: LatentRelationGraph, like: LatentRelationGraph) -> None:
    """Put observed relations into the order of another graph, lost ones among them."""
    names, there = like.observed_relations, graph.observed_relations
    if lost := [name for name in names if name not in there]:
        warnings.warn(
            f"Relations of the model have no pairs in the graph: {lost}", stacklevel=3
        )
    place = [there.index(name) if name in there else -1 for name in names]
    graph.observed = F.pad(graph.observed, (0, 1))[:, place]  # the last has no pairs
    graph.observed_relations, graph.relations = names, like.relations
    if graph.num_latent:  # of some objectives, it knows observed relations by place
        graph.dvae = deepcopy(like.dvae).to(graph.x.device)
        if isinstance(graph.dvae, FactDVAE):
            facts = graph.observed[:, graph.dvae.place]
            graph.facts = KnownFacts(graph.edge_index, facts, graph.num_items)

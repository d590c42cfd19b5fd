"""What the page's neighbourhoods are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lrdgraph.convert.edges import Edges, likely_edges, united
from lrdgraph.describe import Description
from lrdgraph.explain import LENT, LENT_TOLD
from lrdgraph.graph import LatentRelationGraph

MIN_PROB, TOP_K = 0.3, 8  # of the edges that go into the page, per item and relation
_LIKELY = 0.5  # probability from which an edge is shown at first
NUM_COLORS = 8  # of latent relations; the next eight are dashed


def look(graph: LatentRelationGraph, descriptions: Sequence[Description]) -> list[dict]:
    """For each relation of the graph its key, its label and how to draw it."""
    names = {one.relation: one.name for one in descriptions}
    looks = []
    for relation in graph.relations:
        place = list(names).index(relation) if relation in names else -1
        looks.append(_look(relation, names.get(relation, relation), place))
    return looks


def look_of_lent() -> dict[str, Any]:
    """The same of what is no relation of the graph, and yet a reason."""
    return _look(LENT, LENT_TOLD)


def _look(key: str, label: str, place: int = -1) -> dict[str, Any]:
    """How to draw the latent relation in that place, or one that is none."""
    return {
        "key": key,
        "label": label,
        "latent": place >= 0,
        "color": f"c{place % NUM_COLORS}" if place >= 0 else "given",
        "dashed": place < 0 or place >= NUM_COLORS,
    }


def neighborhoods(
    graph: LatentRelationGraph,
    titles: Sequence[str],
    mentioned: Sequence[str],
    max_items: int,
) -> dict[str, Any]:
    """The items to explore, with the surest edges that leave them.

    Args:
        graph: The graph.
        titles: One per item of the graph.
        mentioned: External ids of items that the page speaks of; they come first.
        max_items: Number of items at most to take edges from; the others are the most
            popular ones.

    Returns:
        ``items`` (id and title; the first ``heads`` ones are those with edges),
        ``edges`` (source and target by their place in ``items``, relation, and
        probability in percent, one after the other) and the place to ``start`` from.
    """
    popular = graph.popularity.argsort(descending=True, stable=True).tolist()
    chosen = dict.fromkeys([*map(graph.index, mentioned), *popular])
    heads = list(chosen)[:max_items]
    names = [graph.ids[item] for item in heads]
    edges = likely_edges(graph, MIN_PROB, items=names, top_k=TOP_K)
    place, relation, probability = united(edges)
    source, target = graph.edge_index.cpu()[:, place].tolist()
    items = list(dict.fromkeys([*heads, *target]))
    rank = {item: index for index, item in enumerate(items)}
    flat = zip(
        (rank[item] for item in source),
        (rank[item] for item in target),
        relation.tolist(),
        (100 * probability).round().int().tolist(),
        strict=True,
    )
    return {
        "items": [[graph.ids[item], titles[item]] for item in items],
        "heads": len(heads),
        "edges": [number for edge in flat for number in edge],
        "start": rank[_most_varied(graph, edges, heads)],
    }


def _most_varied(graph: LatentRelationGraph, edges: Edges, heads: list[int]) -> int:
    """The first item that leads on by the largest number of latent relations."""
    variety = torch.zeros(graph.num_items)
    for name in graph.latent_relations[1:]:
        place, probability = edges[name]
        source = graph.edge_index[0, place[probability >= _LIKELY]]
        variety[source.unique().cpu()] += 1
    return heads[int(variety[torch.tensor(heads)].argmax())]

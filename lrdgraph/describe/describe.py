"""Every latent relation of a graph, described by counting alone."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.describe.description import Description, Exemplar, Habits, Overlap
from lrdgraph.describe.pairs import Pairs, gather
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.habits import LAGS
from lrdgraph.typing import TRANSITION

_NUM_NAMING = 2  # words in a name
_SYMMETRIC = 0.5  # share of pairs that go back, from which words say nothing
_TELLING = 2.0  # lift from which an overlap may name a relation, or 1 over it


def describe(
    graph: LatentRelationGraph, data: HeteroData | None = None, num_exemplars: int = 5
) -> list[Description]:
    r"""Describe every latent relation of a graph.

    .. code-block:: python

        print(*describe(graph, data), sep='\n\n')
        print(overview(describe(graph, data)))

    Args:
        graph: A trained graph.
        data: What the graph was made of, for titles and attributes; without it, the
            texts of the graph stand for titles.
        num_exemplars: Number of exemplar pairs at most.

    Returns:
        One description per latent relation, in the order of the graph.

    Raises:
        ValueError: If the graph has no latent relation, or ``data`` has other items.
    """
    if not graph.num_latent:
        raise ValueError("'graph' needs latent relations to describe (got none)")
    pairs = gather(graph, data)
    return [
        _describe(graph, pairs, outcome, num_exemplars)
        for outcome in range(1, graph.num_latent + 1)
    ]


def _describe(
    graph: LatentRelationGraph, pairs: Pairs, outcome: int, num_exemplars: int
) -> Description:
    own = pairs.posterior.argmax(dim=1) == outcome
    sure = pairs.posterior[:, outcome] * own
    habits, symmetry = pairs.habits(own), pairs.symmetry(own)
    overlaps = pairs.overlaps(own)
    gained, lost = pairs.changes(own)
    directed = symmetry is None or symmetry < _SYMMETRIC
    telling = gained if directed and gained else _telling(overlaps)
    telling = telling or pairs.shared(own)
    relation = graph.latent_relations[outcome]
    return Description(
        relation,
        _name(habits, telling[:_NUM_NAMING]) or relation,
        int(own.sum()),
        float(own.float().mean()),
        float(sure.sum() / own.sum().clamp(min=1)),
        symmetry,
        habits,
        overlaps,
        gained,
        lost,
        _exemplars(graph, pairs, sure, num_exemplars),
    )


def _name(habits: Habits | None, telling: tuple[str, ...]) -> str:
    """When shoppers come, and what is telling of the pairs."""
    return ": ".join(part for part in (_when(habits), ", ".join(telling)) if part)


def _when(habits: Habits | None) -> str:
    if habits is None:
        return ""
    if habits.lift <= 1 / _TELLING:
        return "rarely"
    median = LAGS[int(np.searchsorted(np.cumsum(habits.lags), 0.5))]
    return "next" if median <= 2 else "soon" if median <= 4 else "later"


def _telling(overlaps: tuple[Overlap, ...]) -> tuple[str, ...]:
    """What holds remarkably often; failing that, attributes that rarely agree.

    That shoppers go from one to the other is said already, by when they come. A known
    relation ``same_brand`` and an attribute ``brand`` are one thing.
    """
    often = [
        overlap.name.replace("_", " ")
        for overlap in overlaps
        if overlap.lift >= _TELLING and overlap.name != TRANSITION
    ]
    rarely = [
        o.name.replace("same ", "other ", 1)
        for o in reversed(overlaps)
        if o.lift <= 1 / _TELLING and o.name.startswith("same ")
    ]
    return tuple(dict.fromkeys(often or rarely))


def _exemplars(
    graph: LatentRelationGraph, pairs: Pairs, sure: Tensor, num_exemplars: int
) -> tuple[Exemplar, ...]:
    """The surest pairs, each item only once."""
    found: list[Exemplar] = []
    used: set[int] = set()
    for place in sure.argsort(descending=True, stable=True).tolist():
        head, tail = pairs.edge_index[:, place].tolist()
        if len(found) == num_exemplars or not sure[place]:
            break
        if used.isdisjoint((head, tail)):
            used |= {head, tail}
            names = graph.ids[head], graph.ids[tail]
            titles = pairs.titles[head], pairs.titles[tail]
            found.append(Exemplar(*names, *titles, float(sure[place])))
    return tuple(found)

"""What a model needs to agree on with what it is made of, and with its histories."""

from __future__ import annotations

from lrdgraph.data import Histories
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.knowledge import Knowledge
from lrdgraph.nn.released_lrd import ReleasedLRD


def check_agreement(
    graph: LatentRelationGraph, knowledge: Knowledge, num_users: int, channels: int
) -> None:
    """See that a model of these can be built.

    Raises:
        ValueError: If graph and knowledge are not of the same items, if there are no
            users, or if the graph's DVAE has vectors of another size than ``channels``
            or, with the objective ``'released'``, other known relations.
    """
    if graph.num_items != knowledge.num_items:
        raise ValueError(
            "'knowledge' needs to be of the items of the graph, "
            f"{graph.num_items} (got {knowledge.num_items})"
        )
    if num_users < 1:
        raise ValueError(f"'num_users' needs to be positive (got {num_users})")
    check_channels(graph, channels)
    if not graph.num_latent:
        return
    known = len(knowledge.relations)
    if isinstance(graph.dvae, ReleasedLRD) and graph.dvae.num_known != known:
        raise ValueError(
            "'knowledge' needs to have the observed relations of a graph with the "
            f"objective 'released', {graph.dvae.num_known} with the virtual one (got "
            f"{known}, {knowledge.relations})"
        )


def check_channels(graph: LatentRelationGraph, channels: int) -> None:
    """See that a graph's DVAE reconstructs states of the size of a model's.

    Raises:
        ValueError: If it does not.
    """
    if graph.num_latent and graph.dvae.relation.size(1) != channels:
        raise ValueError(
            "'hidden_channels' needs to be the 'state_channels' of the graph, "
            f"{graph.dvae.relation.size(1)} (got {channels})"
        )


def check_histories(
    model: object, histories: Histories, max_length: int | None = None
) -> None:
    """See that a model can be trained on histories, or asked about them.

    What a model does not have is not compared: attributes ``num_items``,
    ``num_periods`` (of its trends, 0 without), ``max_length``, and a ``graph`` with the
    ids of its items.

    Args:
        model: The model, of this library or one of your own.
        histories: The histories.
        max_length: Number of history slots that it is trained on.

    Raises:
        ValueError: If the histories are of other items than the model or have them in
            another order, if they lack the periods of its trends, or if it has another
            number of history slots.
    """
    graph = getattr(model, "graph", None)
    known = graph if isinstance(graph, LatentRelationGraph) else model
    num_items = getattr(known, "num_items", histories.num_items)
    if num_items != histories.num_items:
        raise ValueError(
            f"the data needs to have the {num_items} items of the model (got "
            f"{histories.num_items})"
        )
    if isinstance(graph, LatentRelationGraph) and len(histories.ids):
        _check_ids(graph.ids, list(histories.ids))
    num_periods = getattr(model, "num_periods", 0)
    if num_periods not in (0, histories.num_periods):
        raise ValueError(
            f"the data needs to have the {num_periods} periods of the model's trends "
            f"(got {histories.num_periods}): apply the same lrdgraph.transforms.Trends"
        )
    slots = getattr(model, "max_length", max_length)
    if max_length not in (None, slots):
        raise ValueError(
            f"'max_length' of the batches needs to be that of the model, {slots} (got "
            f"{max_length})"
        )


def _check_ids(ours: list[str], theirs: list[str]) -> None:
    if ours == theirs:
        return
    pairs = enumerate(zip(ours, theirs, strict=True))
    place = next(place for place, (one, other) in pairs if one != other)
    raise ValueError(
        f"the data needs to have the items of the model in its order, {ours[place]!r} "
        f"at place {place} (got {theirs[place]!r}): 'LRDRec.over' gives the same model "
        "over a graph of the data"
    )

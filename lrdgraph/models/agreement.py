"""What a graph, knowledge and a model over both need to agree on."""

from __future__ import annotations

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
    if not graph.num_latent:
        return
    if graph.dvae.relation.size(1) != channels:
        raise ValueError(
            "'hidden_channels' needs to be the 'state_channels' of the graph, "
            f"{graph.dvae.relation.size(1)} (got {channels})"
        )
    known = len(knowledge.relations)
    if isinstance(graph.dvae, ReleasedLRD) and graph.dvae.num_known != known:
        raise ValueError(
            "'knowledge' needs to have the observed relations of a graph with the "
            f"objective 'released', {graph.dvae.num_known} with the virtual one (got "
            f"{known}, {knowledge.relations})"
        )

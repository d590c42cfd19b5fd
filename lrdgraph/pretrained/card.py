"""The model card."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import abspath, basename
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from lrdgraph.convert.edges import likely_edges
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.typing import TRANSITION

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec


def model_card(
    model: LRDRec,
    name: str,
    data: str = "",
    metrics: Mapping[str, float] | None = None,
) -> str:
    """What a stranger needs to know of a model, in Markdown.

    Args:
        model: The model.
        name: The folder or repository it is kept in.
        data: What it was trained on, in a sentence or two.
        metrics: Figures by name, such as what ``trainer.test`` gave.
    """
    from lrdgraph import __version__

    environment = Environment(loader=PackageLoader("lrdgraph.pretrained", ""))
    return environment.get_template("card.md").render(
        title=basename(abspath(name)),  # a folder may be '.' or end in '/'
        name=name,
        graph=model.graph,
        version=__version__,
        example=model.graph.ids[0],
        data=data,
        relations=_relations(model.graph),
        metrics=metrics,
    )


def _relations(graph: LatentRelationGraph) -> list[dict[str, Any]]:
    """Each relation of the graph, what kind it is of and how many pairs it has."""
    return [
        {
            "relation": relation,
            "kind": _kind(graph, relation),
            "name": graph.relation_names.get(relation, "").replace("|", r"\|"),
            "num_pairs": place.numel(),
        }
        for relation, (place, _) in likely_edges(graph).items()
    ]


def _kind(graph: LatentRelationGraph, relation: str) -> str:
    if relation in graph.latent_relations:
        return "latent"
    return "counted" if relation == TRANSITION else "observed"

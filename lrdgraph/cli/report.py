"""``lrdgraph report``: a page about the relations of a model."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from itertools import islice

from torch_geometric.data import HeteroData

from lrdgraph.cli.checks import check_file
from lrdgraph.cli.settings import Settings, open_model
from lrdgraph.cli.shop import of_users, read_attributes, read_known
from lrdgraph.datasets.assemble import is_attribute
from lrdgraph.describe import describe
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.report import write_report

_NUM_SHOPPERS = 5


def run(args: Namespace) -> None:
    """Write the page, with some users' recommendations where there are any."""
    if args.user and not args.interactions:
        raise ValueError("--user needs --interactions")
    check_file(args.out)
    model, remembered = open_model(args.model)
    graph, settings = model.graph, remembered.given(args)
    if not graph.num_latent:
        raise ValueError(
            f"'{args.model}' was trained with --num-latent 0: it has no relations that "
            "a report would tell of"
        )
    data = _attributes(args.items, graph, settings) if args.items else None
    descriptions = [
        replace(one, name=graph.relation_names.get(one.relation, one.name))
        for one in describe(graph, data)
    ]
    write_report(
        graph,
        args.out,
        data,
        recommender=model,
        histories=_histories(args, graph, settings),
        descriptions=descriptions,
    )
    print(f"The page is in {args.out}")


def _attributes(
    path: str, graph: LatentRelationGraph, settings: Settings
) -> HeteroData:
    """The items of the model with titles and attributes."""
    table = read_attributes(path, graph, settings.id_of_items)
    table = table.reindex(graph.ids, fill_value="")
    data = HeteroData()
    data["item"].id, data["item"].num_nodes = graph.ids, len(graph.ids)
    for name, column in table.items():
        if is_attribute(name):
            data["item"][name] = column.tolist()
    return data


def _histories(
    args: Namespace, graph: LatentRelationGraph, settings: Settings
) -> list[list[str]]:
    """Those of the users that were asked for, or of the first few."""
    if not args.interactions:
        return []
    _, histories = read_known(args.interactions, graph, settings)
    chosen = of_users(histories, args.user).values()
    return list(islice(filter(None, chosen), None if args.user else _NUM_SHOPPERS))

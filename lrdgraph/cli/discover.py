"""``lrdgraph discover``: relations between items, as files and as a page."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from lrdgraph.cli.checks import check_folder, check_only
from lrdgraph.cli.options import settle
from lrdgraph.cli.settings import Settings
from lrdgraph.cli.shop import make_encoder, prepare, read_shop
from lrdgraph.cli.telling import on_terminal, print_table, say
from lrdgraph.describe import Description, describe, overview
from lrdgraph.discovery import discover
from lrdgraph.files import atomic_write
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.report import write_report


def run(args: Namespace) -> None:
    """Discover relations, and write edges, descriptions and the report page.

    Raises:
        ValueError: If nothing is to be discovered, or cannot be written.
    """
    settle(args)
    if not args.num_latent:
        raise ValueError("--num-latent needs to be positive in 'discover' (got 0)")
    check_folder(args.out)
    settings = Settings().given(args)
    data = read_shop(args, settings)
    check_only(args.only, data, args.num_latent)
    encoder = make_encoder(settings, args.vectors)
    data = prepare(data, encoder, args.neighbours, args.large)
    torch.manual_seed(args.seed)
    graph = discovered(data, args)
    descriptions = describe(graph, data)
    _write(args, graph, data, descriptions)
    print_table(overview(descriptions))
    also = ", foretold.parquet" if args.objective == "facts" else ""
    print(f"\nEdges, relations.json{also} and report.html are in {args.out}")


def discovered(data: HeteroData, args: Namespace) -> LatentRelationGraph:
    """A graph whose latent relations, if it has any, are discovered."""
    graph = LatentRelationGraph(data, args.num_latent, objective=args.objective)
    if args.num_latent:
        say(f"discovering {args.num_latent} relations over {graph.num_edges:,} pairs")
        discover(graph, args.steps, progress=on_terminal())
    return graph


def _write(
    args: Namespace,
    graph: LatentRelationGraph,
    data: HeteroData,
    descriptions: list[Description],
) -> None:
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in args.format:
        path = folder / f"edges.{suffix}"
        graph.save(path, args.min_prob, args.only, top_k=args.top_k)
    if args.objective == "facts":
        with atomic_write(folder / "foretold.parquet") as file:
            graph.foretold(args.min_prob, args.top_k).to_parquet(file, index=False)
    told = [_as_dict(one) for one in descriptions]
    with atomic_write(folder / "relations.json") as file:
        file.write(json.dumps(told, indent=2, ensure_ascii=False).encode())
    write_report(graph, folder / "report.html", data, descriptions=descriptions)


def _as_dict(one: Description) -> dict[str, Any]:
    """A description with names for all of its parts."""
    return asdict(one) | {
        "habits": one.habits and one.habits._asdict(),
        "overlaps": [overlap._asdict() for overlap in one.overlaps],
        "exemplars": [pair._asdict() for pair in one.exemplars],
    }

"""``lrdgraph export``: the typed item graph of a model as a file."""

from __future__ import annotations

from argparse import Namespace

from lrdgraph.models import LRDRec


def run(args: Namespace) -> None:
    """Write the edges that are sure enough."""
    graph = LRDRec.from_pretrained(args.model).graph
    graph.save(args.out, args.min_prob, args.only, top_k=args.top_k)
    print(f"The relations of {graph.num_items:,} items are in {args.out}")

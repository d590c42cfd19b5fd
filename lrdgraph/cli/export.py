"""``lrdgraph export``: the typed item graph of a model as a file."""

from __future__ import annotations

from argparse import Namespace

from lrdgraph.cli.checks import check_file
from lrdgraph.convert.save import WRITERS
from lrdgraph.models import LRDRec


def run(args: Namespace) -> None:
    """Write the edges that are sure enough.

    Raises:
        ValueError: If they cannot be written.
    """
    check_file(args.out, WRITERS)
    graph = LRDRec.from_pretrained(args.model).graph
    number = graph.save(args.out, args.min_prob, args.only, top_k=args.top_k)
    print(f"{number:,} edges of {graph.num_items:,} items are in {args.out}")

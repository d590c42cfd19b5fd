"""``lrdgraph serve``: recommendations over HTTP."""

from __future__ import annotations

from argparse import Namespace

from lrdgraph.serve import serve


def run(args: Namespace) -> None:
    """Serve a model until interrupted."""
    serve(args.model, args.host, args.port)

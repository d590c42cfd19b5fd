"""``lrdgraph serve``: recommendations over HTTP."""

from __future__ import annotations

from argparse import Namespace


def run(args: Namespace) -> None:
    """Serve a model until interrupted.

    Raises:
        ModuleNotFoundError: If what serving takes is not installed.
    """
    try:
        from lrdgraph.serve import serve
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "serving needs the extra 'serve': run pip install 'lrdgraph[serve]' "
            f"({error})"
        ) from error
    serve(args.model, args.host, args.port)

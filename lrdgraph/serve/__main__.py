"""``python -m lrdgraph.serve MODEL``: serve a kept model."""

import argparse
from collections.abc import Sequence

from lrdgraph.serve import serve


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m lrdgraph.serve", description="Serve a kept model over HTTP."
    )
    parser.add_argument("model", help="a folder that save_pretrained wrote")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args(argv)
    try:
        serve(args.model, args.host, args.port)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()

"""``lrdgraph embed``: vectors of item texts, kept for the other commands."""

from __future__ import annotations

from argparse import Namespace

from lrdgraph.cli.checks import check_folder
from lrdgraph.cli.settings import Settings
from lrdgraph.cli.shop import make_encoder
from lrdgraph.cli.telling import say
from lrdgraph.datasets.tables import read_items


def run(args: Namespace) -> None:
    """Embed the texts that have no vector yet.

    Raises:
        ValueError: If there are none, or if vectors cannot be written.
    """
    if args.vectors:
        check_folder(args.vectors)
    settings = Settings().given(args)
    table = read_items(args.items, settings.id_of_items, settings.text_columns)
    texts = [text for text in dict.fromkeys(table["text"]) if text]
    if not texts:
        raise ValueError(
            f"'{args.items}' needs items with texts in {settings.text_columns} (got "
            f"none in {len(table)} rows)"
        )
    encoder = make_encoder(settings, args.vectors)
    say(f"embedding {len(texts):,} different texts of {len(table):,} items")
    new = encoder.fill(texts)
    print(f"{len(texts):,} vectors in {encoder.folder}, {new:,} of them new")

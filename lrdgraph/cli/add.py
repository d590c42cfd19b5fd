"""``lrdgraph add``: items that a model gets to know by their texts alone."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from lrdgraph.cli.settings import read_settings
from lrdgraph.cli.shop import make_encoder
from lrdgraph.cli.telling import say
from lrdgraph.datasets.cleaning import as_ids
from lrdgraph.datasets.tables import read_items
from lrdgraph.models import LRDRec


def run(args: Namespace) -> None:
    """Keep a model that knows the new items, too."""
    model = LRDRec.from_pretrained(args.model)
    settings = read_settings(args.model).given(args)
    table = read_items(args.items, settings.id_of_items, settings.text_columns)
    table["item"] = as_ids(table["item"], "items").astype(object)
    table = table[(table["text"] != "").to_numpy()].drop_duplicates("item")
    new = table[~table["item"].isin(model.graph.ids)]
    if new.empty:
        raise ValueError(
            f"'{args.items}' needs items with a text that the model does not know yet "
            f"(got none among {len(table)} with a text)"
        )
    say(f"adding {len(new):,} items; {len(table) - len(new):,} are known already")
    encoder = make_encoder(settings, args.vectors)
    grown = model.with_items(
        new["item"].tolist(),
        new["text"].tolist(),
        encoder,
        prominence=args.prominence,
    )
    sentence = f"{len(new):,} items of {Path(args.items).name} by their texts alone"
    data = f"{settings.data} Added after training: {sentence}.".strip()
    replace(settings, data=data).write(args.out)
    grown.save_pretrained(args.out, data=data, metrics=settings.metrics)
    print(f"{grown.num_items:,} items, {len(new):,} of them new, are in {args.out}")

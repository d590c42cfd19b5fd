"""``lrdgraph add``: items that a model gets to know by their texts alone."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lrdgraph.cli.checks import check_model_folder, check_server
from lrdgraph.cli.settings import Settings, open_model
from lrdgraph.cli.shop import make_encoder
from lrdgraph.cli.telling import say
from lrdgraph.datasets.cleaning import as_ids
from lrdgraph.datasets.tables import read_items


def run(args: Namespace) -> None:
    """Keep a model that knows the new items, too.

    Raises:
        ValueError: If there is no new item with a text.
    """
    check_model_folder(args.out, args.overwrite)
    model, remembered = open_model(args.model)
    check_server(args.model, remembered, args)
    settings = remembered.given(args)
    table = _read(args.items, settings)
    new = table[~table["item"].isin(model.graph.ids)]
    if new.empty:
        raise ValueError(
            f"'{args.items}' needs items with a text that the model does not know yet "
            f"(got none among {len(table)} with a text)"
        )
    say(f"adding {len(new):,} items; {len(table) - len(new):,} are known already")
    encoder = make_encoder(settings, args.vectors)
    if model.graph.encoder not in ("", encoder.fingerprint) and _told(args):
        raise ValueError(
            f"'{args.model}' has its vectors from another text model, and remembers "
            f"which: leave out {' and '.join(_told(args))}"
        )
    grown = model.with_items(
        new["item"].tolist(),
        new["text"].tolist(),
        encoder,
        prominence=args.prominence,
    )
    sentence = f"{len(new):,} items of {Path(args.items).name} by their texts alone"
    data = f"{remembered.data} Added after training: {sentence}.".strip()
    # What the table of the new items calls its columns is true of that table alone.
    replace(remembered, data=data).write(args.out)
    grown.save_pretrained(args.out, data=data, metrics=remembered.metrics)
    print(f"{grown.num_items:,} items, {len(new):,} of them new, are in {args.out}")


def _told(args: Namespace) -> list[str]:
    """What was said of the text model."""
    names = ("encoder", "endpoint", "pooling")
    return [f"--{name}" for name in names if getattr(args, name) is not None]


def _read(path: str, settings: Settings) -> pd.DataFrame:
    """Each item with a text once; what is left out is told."""
    table = read_items(path, settings.id_of_items, settings.text_columns)
    table["item"] = as_ids(table["item"], "items").astype(object)
    table = _without(table, table["text"] == "", "without a text")
    return _without(table, table["item"].duplicated(), "that repeat an id")


def _without(table: pd.DataFrame, which: pd.Series, told: str) -> pd.DataFrame:
    if which.any():
        first = table["item"][which].iloc[0]
        say(f"left out {which.sum():,} rows {told}, the first being {first!r}")
    return table[~which]

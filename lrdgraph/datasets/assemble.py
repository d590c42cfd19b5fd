"""The single door from tables to the data contract of :mod:`lrdgraph.datasets`."""

import hashlib
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.datasets.cleaning import (
    as_ids,
    as_seconds,
    clean_text,
    refuse_taken,
    require_columns,
    value_at,
    warn_of_lost,
)
from lrdgraph.datasets.shared import shared_value_pairs
from lrdgraph.typing import NONE, TEST, TRAIN, TRANSITION

INTERACTS = ("user", "interacts", "item")
"""Edge type of the interactions."""

_TAKEN = {
    "count",
    "encoder",
    "id",
    "num_nodes",
    "trend",
    "vector_steps",
    "x",
}  # attributes of an item that mean something else
_EVENT = ["user", "item", "time"]  # rows that share these are one interaction


def assemble(
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    relations: pd.DataFrame | None = None,
    *,
    user: str = "user",
    item: str = "item",
    time: str = "time",
    shared: Sequence[str] = (),
    max_partners: int = 30,
) -> HeteroData:
    """Validates three tables and makes the :class:`HeteroData` that all else reads.

    Users are numbered in order of first appearance, items in the order of ``items``.
    Extra columns are ignored in ``interactions`` and ``relations`` and become per-item
    attributes in ``items``. What happens to rows that do not fit:

    * An exact duplicate of an interaction (user, item, time) is dropped with a warning
      that counts them; the same item at another time is kept. In two parts of a split
      it is an error: what is tested would have been trained on.
    * An item that only ``interactions`` names joins the end of the catalogue without
      text, with a warning; of an item described twice the first row is kept, with a
      warning; so is an attribute that is no text, number, date or list of these left
      unknown.
    * Relation rows that name an item outside the catalogue are dropped with a warning,
      self loops and repetitions without. A relation of which nothing is left stays,
      with no edges.

    Args:
        interactions: Columns with the user, the item, the time (seconds or datetimes,
            whose fractions count until the rows are in order) and, where the data
            brings its own split, ``split`` (0 train, 1 val, 2 test). The order of the
            rows decides between equal times.
        items: Columns ``item``, ``text`` and any further attributes as strings, where
            a missing value stands for unknown and becomes ``''``.
        relations: Columns ``head``, ``relation``, ``tail``.
        user: Column of ``interactions`` with the user's id (default: ``'user'``).
        item: Column of ``interactions`` with the item's id (default: ``'item'``).
        time: Column of ``interactions`` with the time (default: ``'time'``).
        shared: Attribute columns of ``items`` whose equal values make one more
            relation each, ``same_<attribute>``.
        max_partners: Largest number of partners of an item in such a relation, so that
            a large group costs linear room (default: 30).

    Returns:
        Data as documented in :mod:`lrdgraph.datasets`, with ``M`` interactions and
        ``N`` items.

    Raises:
        ValueError: If a column or an id is missing, a time is no time, a relation is
            called ``'none'``, ``'transition'`` or ``same_<attribute>`` of one that is
            ``shared``, an attribute ``'id'``, ``'x'``, ``'num_nodes'``, ``'count'``,
            ``'trend'``, ``'encoder'``, ``'vector_steps'`` or anything with an
            underscore in front, if an interaction stands in two parts of the split, if
            there is no interaction at all, or if ``max_partners`` is below 1 where
            attributes are ``shared``.
    """
    event = [user, item, time]
    require_columns(interactions, "interactions", event)
    require_columns(items, "items", ("item", "text", *shared))
    if wrong := [name for name in items.columns if not is_attribute(name)]:
        raise ValueError(f"'items' needs attributes with other names than {wrong}")
    if len(interactions) == 0:
        raise ValueError("'interactions' needs at least one row (got 0)")
    users, bought = (as_ids(interactions[n], "interactions") for n in (user, item))
    items = _describe_items(items, bought.categories)
    catalogue = pd.Index(items["item"])
    data = HeteroData()
    data["user"].num_nodes = 0  # users stand before items
    data["item"].num_nodes = len(items)
    for name in items.columns:
        data["item"]["id" if name == "item" else name] = items[name].tolist()
    _add_interactions(data, interactions, event, users, bought, catalogue)
    for name, edge_index in _observed(relations, catalogue, shared):
        data["item", name, "item"].edge_index = to_edges(edge_index, len(items))
    for name in shared:
        pairs = _same_value(items[name], max_partners)
        data["item", f"same_{name}", "item"].edge_index = to_edges(pairs, len(items))
    return data


def to_edges(pairs: NDArray[np.int64], num_items: int) -> Tensor:
    """Sorts pairs ``[2, P]`` by source, without repetitions and self loops.

    Returns:
        An ``edge_index`` of shape ``[2, E]``, sorted by source, then by target.
    """
    source, target = pairs[:, pairs[0] != pairs[1]]
    code = np.unique(source * num_items + target)
    return torch.from_numpy(np.stack([code // num_items, code % num_items]))


def split_hash(data: HeteroData) -> str:
    """Identifies a split: the first 16 hex digits of a sha256 over external ids.

    Users and items that interact enter by their place in alphabetical order, after
    which follow the interactions of each user in their own order. So the hash changes
    with the split and ignores how users and items are numbered.
    """
    store = data[INTERACTS]
    digest = hashlib.sha256()
    user, item = (
        _alphabetical(index, data[node].id, digest)
        for index, node in zip(store.edge_index.numpy(), ("user", "item"), strict=True)
    )
    order = np.argsort(user, kind="stable")
    for column in (user, item, store.time.numpy(), store.split.numpy()):
        digest.update(column[order].astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def _alphabetical(
    index: NDArray[np.int64], ids: list[str], digest: "hashlib._Hash"
) -> NDArray[np.int64]:
    """Renumbers ``index [M]`` by the order of the ids in use, which it digests."""
    used = np.flatnonzero(np.bincount(index, minlength=len(ids)))
    names = np.array(ids, dtype=object)[used]
    order = np.argsort(names, kind="stable")
    digest.update("\n".join(names[order]).encode() + b"\n\n")
    rank = np.empty(len(ids), dtype=np.int64)
    rank[used[order]] = np.arange(len(order))
    return rank[index]


def is_attribute(name: object) -> bool:
    """Whether PyG can hold a column of this name; one with ``_`` is its own."""
    return isinstance(name, str) and name[:1] != "_" and name not in _TAKEN


def _describe_items(items: pd.DataFrame, used: pd.Index) -> pd.DataFrame:
    """One row of clean text for every item of the catalogue, described or not."""
    described = pd.Series(as_ids(items["item"], "items").astype(object))
    repeated = described.duplicated()
    if repeated.any():
        warnings.warn(
            f"Dropped {repeated.sum()} repeated rows of items, the first being "
            f"{described[repeated].iloc[0]!r}",
            stacklevel=3,
        )
    table = items.drop(columns="item").map(clean_text).astype(object)
    warn_of_lost(items, table)
    table.insert(0, "item", described.to_numpy())
    table = table[~repeated.to_numpy()]
    unknown = used[~used.isin(table["item"])]
    if len(unknown) == 0:
        return table
    if len(unknown) == len(used) and len(table):
        raise ValueError(
            f"'items' needs rows of items that were bought, such as {used[0]!r} (got "
            f"none, but such as {table['item'].iloc[0]!r}); ids are compared as text"
        )
    warnings.warn(
        f"{len(unknown)} items of the interactions have no row in items and get no "
        f"text, the first being {unknown[0]!r}",
        stacklevel=3,
    )
    more = pd.DataFrame({"item": unknown}).reindex(columns=table.columns, fill_value="")
    return pd.concat([table, more], ignore_index=True)


def _add_interactions(
    data: HeteroData,
    interactions: pd.DataFrame,
    event: list[str],
    users: pd.Categorical,
    bought: pd.Categorical,
    catalogue: pd.Index,
) -> None:
    index = catalogue.get_indexer(bought.categories)
    table = pd.DataFrame(
        {
            "user": users.codes.astype(np.int64),
            "item": index[bought.codes].astype(np.int64),
            "time": as_seconds(interactions[event[-1]], "interactions"),
            "split": _given_split(interactions),
        }
    )
    repeated = table.duplicated(_EVENT)
    if repeated.any():
        _check_parts(table, interactions[event])
        warnings.warn(
            f"Dropped {repeated.sum()} interactions that repeat user, item and time",
            stacklevel=3,
        )
        table = table[~repeated]
    table = table.iloc[np.lexsort((table["time"], table["split"], table["user"]))]
    data["user"].num_nodes = len(users.categories)
    data["user"].id = users.categories.tolist()
    store = data[INTERACTS]
    store.edge_index = torch.from_numpy(table[["user", "item"]].to_numpy().T.copy())
    store.time = torch.from_numpy(table["time"].to_numpy().astype(np.int64))
    if "split" in interactions.columns:
        store.split = torch.from_numpy(table["split"].to_numpy().astype(np.int8))
        data.split_hash = split_hash(data)


def _check_parts(table: pd.DataFrame, given: pd.DataFrame) -> None:
    """Nothing that repeats is in another part of the split than before."""
    moved = (table.duplicated(_EVENT) & ~table.duplicated()).to_numpy()
    if not moved.any():
        return
    row = int(moved.argmax())
    same = (table[_EVENT] == table[_EVENT].iloc[row]).all(axis=1).to_numpy()
    first = int(same.argmax())
    known = [value_at(given[name], row) for name in given.columns]
    raise ValueError(
        "'split' needs to be the same for the same user, item and time in interactions "
        f"(got {table['split'][first]} in row {first} and {table['split'][row]} in row "
        f"{row}, both with {', '.join(known)})"
    )


def _given_split(interactions: pd.DataFrame) -> NDArray[np.int64]:
    if "split" not in interactions.columns:
        return np.zeros(len(interactions), dtype=np.int64)
    split = interactions["split"]
    wrong = ~split.isin(range(TRAIN, TEST + 1)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            "'split' needs to be 0 (train), 1 (val) or 2 (test) in interactions "
            f"(got {value_at(split, row)} in row {row})"
        )
    return split.to_numpy(dtype=np.int64)


def _observed(
    relations: pd.DataFrame | None, catalogue: pd.Index, shared: Sequence[str]
) -> Iterable[tuple[str, NDArray[np.int64]]]:
    """Each relation's name and its pairs ``[2, P]`` inside the catalogue."""
    if relations is None or len(relations) == 0:
        return
    require_columns(relations, "relations", ("head", "relation", "tail"))
    relation = as_ids(relations["relation"], "relations")
    made = (NONE, TRANSITION, *(f"same_{name}" for name in shared))
    refuse_taken(relation.categories, made)
    ends = [as_ids(relations[name], "relations") for name in ("head", "tail")]
    pairs = np.stack([catalogue.get_indexer(e.categories)[e.codes] for e in ends])
    known = np.all(pairs >= 0, axis=0)
    if not known.all():
        row = int((~known).argmax())
        hint = "" if known.any() else "; brands go into 'shared' (--shared-columns)"
        warnings.warn(
            f"Dropped {(~known).sum()} of {len(known)} relations with an item outside "
            f"the catalogue, the first being {relations.iloc[row].to_list()}{hint}",
            stacklevel=3,
        )
    for code, name in enumerate(relation.categories):
        yield name, pairs[:, known & (relation.codes == code)]


def _same_value(column: pd.Series, max_partners: int) -> NDArray[np.int64]:
    value, _ = pd.factorize(column.where(column != ""))
    item = np.flatnonzero(value >= 0)
    return shared_value_pairs(item, value[item].astype(np.int64), max_partners)

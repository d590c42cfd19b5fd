"""Datasets in the folder format of ReChorus, with their own split and negatives."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.datasets.assemble import assemble
from lrdgraph.datasets.base import SharedValueDataset
from lrdgraph.datasets.cleaning import as_ids, require_columns, value_at
from lrdgraph.datasets.reading import read_lines
from lrdgraph.datasets.separated import read_separated
from lrdgraph.typing import TEST, TRAIN, VAL

_PARTS = {"train.csv": TRAIN, "dev.csv": VAL, "test.csv": TEST}
_OPTIONAL = ("item_meta.csv", "*.text", "*.item2index")


class ReChorus(SharedValueDataset):
    """A folder in the format of `ReChorus <https://github.com/THUwangcy/ReChorus>`_.

    It holds, separated by tabs:

    * ``train.csv``, ``dev.csv``, ``test.csv``: ``user_id``, ``item_id``, ``time`` and,
      in the latter two, ``neg_items`` (a list). They are the split, and the lists
      become ``data['user'].val_negatives`` and ``.test_negatives``.
    * ``item_meta.csv`` (optional): ``item_id``; a column ``i_<name>`` is an attribute,
      where 0 stands for unknown, and makes a relation ``same_<name>``; a column
      ``r_<name>`` (a list of items) is the relation ``<name>``.
    * ``<any>.item2index`` (optional, no header): the item's own id, e.g. its ASIN, and
      the number that stands for it in the other files. For an item without, that
      number is the external id.
    * ``<any>.text`` (optional): ``id`` (the item's own) and ``text``. An item that has
      none gets ``''``.

    The items are those of ``item_meta.csv``, ``*.item2index`` and the interactions, in
    the order of their numbers.

    Args:
        root: Folder of these files; see :class:`ItemDataset`.
        transform: Applied at every access.
        pre_transform: Applied once, before the result is stored.
        max_partners: Most partners of an item in a relation ``same_<name>``
            (default: 30).
        force_reload: Whether to read the raw files again.
        cache: Folder of the stored result.

    Raises:
        ValueError: If a column is missing, a list is no list of integers, a negative is
            not in the catalogue, a user has two lists of negatives in a file, or the
            number of an item without an id of its own is the id of another one.
        FileNotFoundError: If ``train.csv``, ``dev.csv`` or ``test.csv`` is missing.
    """

    @property
    def raw_urls(self) -> Mapping[str, None]:
        """The three parts and what else is there, all without an address."""
        names = list(_PARTS)
        for pattern in _OPTIONAL:
            found = self._optional(pattern)
            names += [] if found is None else [found.name]
        return dict.fromkeys(names)

    def build(self) -> HeteroData:
        """Reads the folder."""
        parts = {name: _read_part(self.raw_file(name)) for name in _PARTS}
        columns = {"user_id": "user", "item_id": "item"}
        interactions = pd.concat(
            [part.assign(split=_PARTS[name]) for name, part in parts.items()]
        ).rename(columns=columns)
        meta = self._read_meta()
        names = self._read_item_ids()
        numbers = np.union1d(meta.index, [*interactions["item"], *names.index])
        ids = _ids_of(numbers, names)
        items = self._describe_items(ids, meta)
        data = assemble(
            interactions.assign(item=ids[interactions["item"]].to_numpy()),
            items,
            _relations(meta, ids),
            shared=[name for name in items.columns if name not in ("item", "text")],
            max_partners=self.max_partners,
        )
        for name, key in (("dev.csv", "val"), ("test.csv", "test")):
            if "neg_items" in parts[name].columns:
                negatives = _negatives(name, parts[name], data["user"].id, ids.index)
                data["user"][f"{key}_negatives"] = negatives
        return data

    def _optional(self, pattern: str) -> Path | None:
        folder = self._raw_path("train.csv").parent
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            names = [path.name for path in found]
            raise ValueError(f"'{folder}' needs at most one {pattern} (got {names})")
        return found[0] if found else None

    def _read_meta(self) -> pd.DataFrame:
        """Attributes ``i_*`` and relations ``r_*`` by the number of the item."""
        path = self._optional("item_meta.csv")
        if path is None:
            return pd.DataFrame(index=pd.Index([], dtype=np.int64))
        meta = _read_table(path, ("item_id",)).set_index("item_id")
        if meta.index.has_duplicates:
            twice = meta.index[meta.index.duplicated()][0]
            raise ValueError(f"'{path}' needs one row an item (got {twice} again)")
        return meta

    def _read_item_ids(self) -> "pd.Series[str]":
        """The items' own ids by their number."""
        path = self._optional("*.item2index")
        if path is None:
            return pd.Series(dtype=object, index=pd.Index([], dtype=np.int64))
        rows = [line.rstrip("\n").split("\t") for line in read_lines(path)]
        for number, row in enumerate(rows, start=1):
            if len(row) != 2 or not re.fullmatch(r"\d{1,18}", row[1]):
                raise ValueError(
                    f"'{path}' needs an id and a number (got {row} in line {number})"
                )
        names = pd.Series({int(number): name for name, number in rows}, dtype=object)
        if len(names) < len(rows) or names.duplicated().any():
            raise ValueError(f"'{path}' needs each id and each number once")
        return names

    def _describe_items(self, ids: pd.Series, meta: pd.DataFrame) -> pd.DataFrame:
        path = self._optional("*.text")
        lines = [] if path is None else list(read_lines(path))[1:]
        pairs = [line.rstrip("\n").partition("\t") for line in lines]
        texts = {name: text for name, _, text in pairs}
        items = pd.DataFrame({"item": ids, "text": ids.map(texts)})
        for column in _prefixed(meta, "i_"):
            value = meta[column].reindex(ids.index)
            items[column.removeprefix("i_")] = value.mask(value == 0).astype(object)
        return items


def _ids_of(numbers: NDArray[np.int64], names: pd.Series) -> "pd.Series[str]":
    """The items' own ids by their number, which stands in where there is none."""
    ids = names.reindex(numbers).fillna(pd.Series(numbers.astype(str), numbers))
    bare = ids.str.strip()  # as they are compared
    if not bare.is_unique:
        first, second = bare.index[bare == bare[bare.duplicated()].iloc[0]][:2]
        raise ValueError(
            "'*.item2index' needs ids that are told from each other, and from the "
            f"numbers of items without one (got {ids[first]!r} for {first} and "
            f"{ids[second]!r} for {second})"
        )
    return ids


def _read_part(path: Path) -> pd.DataFrame:
    return _read_table(path, ("user_id", "item_id", "time"))


def _read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    # As it is written: what one file alone tells of its kind is not what others tell.
    table = read_separated(path, "\t", ("user_id",), {"user_id": str})
    require_columns(table, str(path), columns)
    if not pd.api.types.is_integer_dtype(table["item_id"]) and len(table) > 0:
        wrong = pd.to_numeric(table["item_id"], errors="coerce").isna()
        row = int(wrong.to_numpy().argmax())
        raise ValueError(
            f"'item_id' needs to be an integer in '{path}' "
            f"(got {value_at(table['item_id'], row)} in row {row})"
        )
    return table


def _prefixed(meta: pd.DataFrame, prefix: str) -> list[str]:
    return [column for column in meta.columns if column.startswith(prefix)]


def _lists(column: pd.Series, source: str) -> list[NDArray[np.int64]]:
    """Lists of integers from text like ``'[3, 14, 15]'``."""
    parsed = []
    for row, text in enumerate(column):
        try:
            numbers = [int(number) for number in json.loads(text)]
            parsed.append(np.array(numbers, dtype=np.int64))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(
                f"'{column.name}' needs a list of integers in {source} "
                f"(got {text!r:.60} in row {row})"
            ) from error
    return parsed


def _relations(meta: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """Triples of the columns ``r_*`` in external ids."""
    tables = [pd.DataFrame(columns=["head", "relation", "tail"])]
    for column in _prefixed(meta, "r_"):
        tails = _lists(meta[column].fillna("[]"), "item_meta.csv")
        head = np.repeat(meta.index.to_numpy(), [len(tail) for tail in tails])
        tail = np.array([number for row in tails for number in row], dtype=np.int64)
        table = pd.DataFrame({"head": ids[head].to_numpy()})
        unknown = pd.Series(tail.astype(str))  # kept, for assemble to drop with notice
        table["tail"] = ids.reindex(tail).reset_index(drop=True).fillna(unknown)
        tables.append(table.assign(relation=column.removeprefix("r_")))
    return pd.concat(tables, ignore_index=True)


def _negatives(
    name: str, part: pd.DataFrame, users: list[str], numbers: pd.Index
) -> Tensor:
    """Item indices of the negatives, shape ``[U, K]``, -1 for a user without."""
    lists = _lists(part["neg_items"], name)
    lengths = sorted({len(row) for row in lists})
    if len(lengths) != 1:
        raise ValueError(f"'neg_items' needs equal lengths in {name} (got {lengths})")
    user = pd.Index(as_ids(part["user_id"], name).astype(object))
    if user.has_duplicates:
        twice = user[user.duplicated()][0]
        raise ValueError(f"'neg_items' needs one row a user in {name} (user {twice})")
    item = _item_index(np.array(lists, dtype=np.int64), numbers, name)
    negatives = np.full((len(users), lengths[0]), -1, dtype=np.int64)
    negatives[pd.Index(users).get_indexer(user)] = item
    return torch.from_numpy(negatives)


def _item_index(
    item: NDArray[np.int64], numbers: pd.Index, name: str
) -> NDArray[np.int64]:
    index = numbers.get_indexer(pd.Index(item.ravel())).reshape(item.shape)
    if (index < 0).any():
        row = int((index < 0).any(axis=1).argmax())
        unknown = item[row][index[row] < 0][0]
        raise ValueError(
            f"'neg_items' needs items of the catalogue in {name} "
            f"(got {unknown} in row {row})"
        )
    return index

"""The user's own tables, from files or data frames, in one call."""

import json
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from torch_geometric.data import HeteroData

from lrdgraph.datasets.assemble import assemble, is_attribute
from lrdgraph.datasets.cleaning import (
    as_ids,
    join_text,
    refuse_taken,
    require_columns,
)
from lrdgraph.datasets.parquet import Choice, read_parquet
from lrdgraph.datasets.reading import check_text, read_lines
from lrdgraph.datasets.separated import read_separated
from lrdgraph.typing import TEXT_KNN

Table = pd.DataFrame | str | Path

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".json")
KINDS = (*_SEPARATORS, *_JSON_LINES, ".parquet")
"""What the name of a table's file ends in, before ``.gz`` if it is packed."""


def from_tables(
    interactions: Table,
    items: Table,
    relations: Table | None = None,
    *,
    user: str = "user_id",
    item: str = "item_id",
    time: str = "time",
    id: str | None = None,
    text: str | Sequence[str] = ("title",),
    shared: str | Sequence[str] = (),
    max_partners: int = 30,
) -> HeteroData:
    """Makes the library's data out of tables, each a data frame or a file.

    A file is read by its name: ``.csv`` (commas, or semicolons where the first line has
    no comma), ``.tsv`` (tabs), ``.jsonl`` or ``.json`` (an object a line) and
    ``.parquet`` (or a folder of parts called so); all but the last may be zipped
    (``.gz``). Ids are taken as they are written (``007`` is not ``7``); any other field
    of separated values that says ``NA``, ``N/A``, ``nan``, ``None`` or ``null`` is
    unknown, as an empty one is: nothing is of the brand ``NULL``. A file that unpacks
    to more than 100 times its size (and 16 MiB), or that has a line of more than 16
    MiB, is refused before it fills the memory. There is a warning where a field seems
    to hold rows, as it does after a quote that is not closed.

    .. code-block:: python

        data = from_tables('purchases.csv', 'products.jsonl', 'accessories.tsv',
                           text=('title', 'brand'), shared=('brand',))
        data = LeaveOneOut()(data)

    Rows that do not fit are treated as in :func:`~lrdgraph.datasets.assemble`, which
    validates the tables.

    Args:
        interactions: Table with the columns ``user``, ``item`` and ``time``, and
            ``split`` (0 train, 1 val, 2 test) if it brings its own. Times are
            non-negative seconds since the epoch, or dates (ISO 8601); fractions of a
            second count for the order, and are cut off then.
        items: Table with the column ``id`` and those of ``text``; all others become
            attributes (as strings; a list is joined by commas), of which none can be
            called ``text``. One whose name means something else, as ``'count'`` or any
            with an underscore in front, is left out with a warning.
        relations: Table with the columns ``head``, ``relation``, ``tail``.
        user: Column with the user's id (default: ``'user_id'``).
        item: Column with the item's id (default: ``'item_id'``).
        time: Column with the time (default: ``'time'``).
        id: Column of ``items`` with the item's id (default: as in ``interactions``).
        text: Column, or columns in this order, that make up an item's text
            (default: ``('title',)``).
        shared: Column or columns of ``items`` whose equal values make a relation
            ``same_<name>``.
        max_partners: Most partners of an item in such a relation (default: 30).

    Returns:
        Data as documented in :mod:`lrdgraph.datasets`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file has another kind or is cut off, a row has more fields than
            the header, a column is missing, an id or a time is not one, or a relation
            or a column in ``text`` or ``shared`` has a name that is taken.
    """
    text, shared = (
        (names,) if isinstance(names, str) else names for names in (text, shared)
    )
    choose = partial(_event_columns, user, item, time)
    events = read_table(interactions, "interactions", (user, item), choose=choose)
    table = read_table(items, "items", text_columns=(id or item,), numbers=False)
    products = read_items(table, id or item, text)
    if "text" in table.columns and "text" not in (*text, id or item):
        raise ValueError(
            f"'items' needs no column 'text' beside the texts in {[*text]}: name it in "
            "'text' (--text-columns), too, or call it something else"
        )
    require_columns(products, "items", shared)
    products = _without_odd_names(products, (*text, *shared))
    return assemble(
        events,
        products,
        None if relations is None else _read_relations(relations),
        user=user,
        item=item,
        time=time,
        shared=shared,
        max_partners=max_partners,
    )


def _event_columns(user: str, item: str, time: str, table: pd.DataFrame) -> list[str]:
    """The columns of the interactions that anything is made of."""
    require_columns(table, "interactions", (user, item))
    if time not in table.columns:
        raise ValueError(
            f"'interactions' needs the column {time!r} (got {list(table.columns)}), "
            "which says what came first; where there are no times, number the rows"
        )
    wanted = dict.fromkeys((user, item, time, "split"))
    return [name for name in wanted if name in table.columns]


def _without_odd_names(items: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """The items without attributes that cannot be held, unless somebody wants them."""
    odd = [
        name for name in items.columns if not is_attribute(name) and name not in wanted
    ]
    if odd:
        warnings.warn(
            f"'items' has columns whose names mean something else, {odd}, which are "
            "left out: rename those that are needed",
            stacklevel=3,
        )
    return items.drop(columns=odd)


def _read_relations(relations: Table) -> pd.DataFrame:
    """Known relations, none of which is found anew in the texts."""
    table = read_table(relations, "relations", ("head", "relation", "tail"))
    if "relation" in table.columns and len(table):
        names = as_ids(table["relation"], "relations").categories
        refuse_taken(set(names), (TEXT_KNN,))
    return table


def read_items(
    items: Table, item: str = "item_id", text: Sequence[str] = ("title",)
) -> pd.DataFrame:
    """Read what items are called, as :func:`from_tables` does.

    Args:
        items: Table with the column ``item`` and those of ``text``.
        item: Column with the item's id (default: ``'item_id'``).
        text: Columns that make up an item's text (default: ``('title',)``).

    Returns:
        The table with its ids in ``item`` and its texts in ``text``.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it has another kind or is cut off, if a row has more fields than
            the header, if a column is missing, or if an id is not one.
    """
    products = read_table(items, "items", text_columns=(item,), numbers=False)
    require_columns(products, "items", (item, *text))
    if item != "item" and "item" in products.columns:
        raise ValueError(f"'items' needs no column 'item' beside the ids in {item!r}")
    words = [join_text(*row) for row in products[list(text)].to_numpy(dtype=object)]
    ids = as_ids(products[item], "items").astype(object)
    return products.rename(columns={item: "item"}).assign(item=ids, text=words)


def kind_of(path: Path) -> str:
    """What the name of a file ends in, without ``.gz``: of a table one of the KINDS."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_table(
    table: Table,
    name: str,
    text_columns: Sequence[str],
    numbers: bool = True,
    choose: Choice | None = None,
) -> pd.DataFrame:
    """The table in a file, of any kind that :func:`from_tables` reads.

    Args:
        table: A data frame, which is given back, or a file.
        name: What the table is, for error messages.
        text_columns: Columns in which nothing is missing, nor a number.
        numbers: Whether the other columns of a text file may hold numbers; without, a
            model called ``007`` is not one called 7.
        choose: Gives the columns that are wanted (default: all).

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it has another kind or is cut off.
    """
    if not isinstance(table, pd.DataFrame):
        path = _checked_path(table, name)
        if kind_of(path) == ".parquet":
            return read_parquet(path, choose)
        table = _read_text(path, text_columns, numbers)
    return table if choose is None else table[choose(table)]


def _checked_path(table: str | Path, name: str) -> Path:
    path = Path(table)
    if not path.exists():
        raise FileNotFoundError(f"'{name}' is missing: there is no file '{path}'")
    if kind_of(path) not in KINDS:
        raise ValueError(
            f"'{name}' needs a file whose name ends in one of {[*KINDS]} (got '{path}')"
        )
    return path


def _read_text(path: Path, text_columns: Sequence[str], numbers: bool) -> pd.DataFrame:
    # All columns: a quote that is not closed in any of them takes in whole rows.
    kind = kind_of(path)
    if path.suffix == ".gz":
        check_text(path)  # rows take many times the room of their text
    if kind in _JSON_LINES:
        return _read_json_lines(path)
    dtype = dict.fromkeys(text_columns, str) if numbers else str
    return read_separated(path, _SEPARATORS[kind], text_columns, dtype)


def _read_json_lines(path: Path) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row = json.loads(line)
            "".join(row).encode()  # half a surrogate pair is no name of a column
        except (ValueError, TypeError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise ValueError(
                f"'{path}' needs a JSON object of named values in every line "
                f"(got {line.strip()[:80]!r} in line {number})"
            )
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)

"""The user's own tables, from files or data frames, in one call."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch_geometric.data import HeteroData

from lrdgraph.datasets.assemble import assemble
from lrdgraph.datasets.cleaning import join_text

Table = pd.DataFrame | str | Path

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".json")


def from_tables(
    interactions: Table,
    items: Table,
    relations: Table | None = None,
    *,
    user: str = "user_id",
    item: str = "item_id",
    time: str = "time",
    text: Sequence[str] = ("title",),
    shared: Sequence[str] = (),
    max_partners: int = 30,
) -> HeteroData:
    """Makes the library's data out of tables, each a data frame or a file.

    A file is read by its name: ``.csv`` (commas), ``.tsv`` (tabs), ``.jsonl`` or
    ``.json`` (an object a line) and ``.parquet``; all but the last may be zipped
    (``.gz``). Ids are taken as they are written (``007`` is not ``7``).

    .. code-block:: python

        data = from_tables('purchases.csv', 'products.jsonl', 'accessories.tsv',
                           text=('title', 'brand'), shared=('brand',))
        data = LeaveOneOut()(data)

    Rows that do not fit are treated as in :func:`~lrdgraph.datasets.assemble`, which
    validates the tables.

    Args:
        interactions: Table with the columns ``user``, ``item`` and ``time``, and
            ``split`` (0 train, 1 val, 2 test) if it brings its own. Times are
            non-negative seconds since the epoch, or dates (ISO 8601).
        items: Table with the column ``item`` and those of ``text``; all others become
            attributes (as strings; a list is joined by commas).
        relations: Table with the columns ``head``, ``relation``, ``tail``.
        user: Column with the user's id (default: ``'user_id'``).
        item: Column with the item's id, in both tables (default: ``'item_id'``).
        time: Column with the time (default: ``'time'``).
        text: Columns that make up an item's text, in this order
            (default: ``('title',)``).
        shared: Columns of ``items`` whose equal values make a relation ``same_<name>``.
        max_partners: Most partners of an item in such a relation (default: 30).

    Returns:
        Data as documented in :mod:`lrdgraph.datasets`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file has another kind or is cut off, a column is missing, or an
            id or a time is not one.
    """
    events = read_table(interactions, "interactions", (user, item))
    _require(events, "interactions", (user, item, time))
    products = read_items(items, item, text)
    _require(products, "items", shared)
    names = {user: "user", item: "item", time: "time"}
    kept = [name for name in (*names, "split") if name in events.columns]
    triples = ("head", "relation", "tail")
    return assemble(
        events[kept].rename(columns=names),
        products,
        None if relations is None else read_table(relations, "relations", triples),
        shared=shared,
        max_partners=max_partners,
    )


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
        ValueError: If it has another kind or is cut off, or if a column is missing.
    """
    products = read_table(items, "items", text_columns=(item,))
    _require(products, "items", (item, *text))
    if item != "item" and "item" in products.columns:
        raise ValueError(f"'items' needs no column 'item' beside the ids in {item!r}")
    words = [join_text(*row) for row in products[list(text)].to_numpy(dtype=object)]
    return products.rename(columns={item: "item"}).assign(text=words)


def _require(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"'{name}' needs the columns {missing} (got {list(table.columns)})"
        )


def read_table(table: Table, name: str, text_columns: Sequence[str]) -> pd.DataFrame:
    """The table in a file, of any kind that :func:`from_tables` reads.

    Args:
        table: A data frame, which is given back, or a file.
        name: What the table is, for error messages.
        text_columns: Columns that are not to be taken for numbers.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it has another kind or is cut off.
    """
    if isinstance(table, pd.DataFrame):
        return table
    path = Path(table)
    if not path.exists():
        raise FileNotFoundError(f"'{name}' is missing: there is no file '{path}'")
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    try:
        return _read_file(path, kind, text_columns)
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"'{name}' cannot be read from '{path}': {error}") from error


def _read_file(path: Path, kind: str, text_columns: Sequence[str]) -> pd.DataFrame:
    if kind in _SEPARATORS:
        return pd.read_csv(
            path, sep=_SEPARATORS[kind], dtype=dict.fromkeys(text_columns, str)
        )
    if kind in _JSON_LINES:
        return pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    if kind == ".parquet":
        return pd.read_parquet(path)
    known = [*_SEPARATORS, *_JSON_LINES, ".parquet"]
    raise ValueError(f"the name needs to end in one of {known} (got {kind!r})")

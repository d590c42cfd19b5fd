"""Tables of separated values, whose rows are those that were meant."""

import re
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from lrdgraph.datasets.reading import open_text

_SEPARATOR = re.compile(r"[,;\t|]")
_COMMA, _SEMICOLON = ",", ";"
_MISSING = ["", "NA", "N/A", "NaN", "nan", "None", "null", "NULL"]


def read_separated(
    path: Path,
    separator: str,
    text_columns: Sequence[str] = (),
    dtype: type[str] | dict[str, type[str]] | None = None,
) -> pd.DataFrame:
    """The table in a file of separated values.

    A quote that is not closed takes in the rows up to the next one. Where that is the
    likely reason for what a field holds, there is a warning; descriptions of several
    lines are fine.

    Args:
        path: The file, with the names of its columns in the first line.
        separator: What stands between two fields. A comma may be a semicolon, as
            where commas are for decimals, if none is in the first line.
        text_columns: Columns in which nothing is missing: an id may be ``'NA'``.
        dtype: What columns hold, of all or by name; None finds out.

    Raises:
        ValueError: If the file cannot be read, or if a row has more fields than the
            header.
    """
    if separator == _COMMA:
        separator = _comma_or_semicolon(path)
    columns = _read_header(path, separator)
    with open_text(path) as file:
        table = pd.read_csv(
            file,
            sep=separator,
            dtype=dtype,
            keep_default_na=False,
            na_values=dict.fromkeys(columns.difference([*text_columns]), _MISSING),
        )
    _warn_of_taken_in(table, path, separator)
    return table


def _comma_or_semicolon(path: Path) -> str:
    num_fields = {}
    for separator in (_COMMA, _SEMICOLON):
        with open_text(path) as file:
            header = pd.read_csv(file, sep=separator, nrows=0, index_col=False)
        num_fields[separator] = len(header.columns)
    return _SEMICOLON if num_fields[_COMMA] == 1 < num_fields[_SEMICOLON] else _COMMA


def _read_header(path: Path, separator: str) -> pd.Index:
    """The names of the columns, unless the first row has more fields than they are.

    Pandas takes the first fields of such a row for its name, and those of all others;
    if it is a later row that has more, it says so itself.
    """
    with open_text(path) as file:
        first = pd.read_csv(file, sep=separator, nrows=1, dtype=str)
        if not isinstance(first.index, pd.RangeIndex):
            num_columns = len(first.columns)
            raise ValueError(
                f"its header has {num_columns} fields, but its first row "
                f"{num_columns + first.index.nlevels}: a field that holds "
                f"{separator!r} needs quotes around it"
            )
        if len(first.columns) == 1 and (other := _SEPARATOR.search(first.columns[0])):
            raise ValueError(
                f"its header has one field, {first.columns[0]!r}: fields need to be "
                f"separated by {separator!r} (got {other[0]!r}?)"
            )
    return first.columns


def _warn_of_taken_in(table: pd.DataFrame, path: Path, separator: str) -> None:
    """Warns of fields that hold rows, once for each column."""
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place]
        if not _has_text(column):
            continue
        lines = column[column.str.contains("\n", regex=False, na=False).to_numpy()]
        test = partial(_holds_rows, separator, place, len(table.columns))
        if len(wrong := lines[lines.map(test).to_numpy(dtype=bool)]):
            warnings.warn(
                f"'{path}' has {len(wrong)} fields that may hold rows of their own, "
                f"the first being {name!r} in row {wrong.index[0]}, "
                f"{wrong.iloc[0]!r:.60}...: a quote that is not closed takes in the "
                "rows after it",
                stacklevel=4,
            )


def _has_text(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.StringDtype) or (
        column.dtype == object
        and pd.api.types.infer_dtype(column) in ("string", "mixed", "mixed-integer")
    )


def _holds_rows(separator: str, place: int, num_columns: int, text: str) -> bool:
    """Whether the lines of a field have the separators that rows have.

    They are the rest of a row, whole ones, and the start of one up to the same column
    or a later one.
    """
    first, *whole, last = text.split("\n")
    return (
        separator in text
        and first.count(separator) >= num_columns - 1 - place
        and all(x.count(separator) >= num_columns - 1 for x in whole if x.strip())
        and last.count(separator) >= place
    )

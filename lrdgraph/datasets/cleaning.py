"""Readable text and whole-second times out of raw columns."""

import html
import math
import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_HUGE_ENTITY = re.compile(r"&#\d{9,};?")  # no character; too large a number for Python
_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_SECONDS = 1e11  # year 5138: anything later is a time in milliseconds


def clean_text(text: object) -> str:
    """Drops HTML tags, unescapes HTML entities and collapses whitespace.

    A number is written out, a list is joined with commas, and what is missing (``None``
    or NaN) or of any other kind becomes ``''``. Halves of surrogate pairs are united,
    or replaced where the other half is missing.
    """
    if isinstance(text, str):
        readable = html.unescape(_HUGE_ENTITY.sub(" ", _TAG.sub(" ", text)))
        if _SURROGATE.search(readable):
            halves = readable.encode("utf-16", "surrogatepass")
            readable = halves.decode("utf-16", "replace")
        return " ".join(readable.split())
    if isinstance(text, list | tuple | np.ndarray):
        return ", ".join(filter(None, map(clean_text, text)))
    if isinstance(text, int | float | np.integer | np.floating):
        return _as_id(text) if -math.inf < text < math.inf else ""
    return ""


def join_text(*parts: object) -> str:
    """Joins the known parts of an item's text, e.g. title, category and brand."""
    return " ".join(filter(None, map(clean_text, parts)))


def as_ids(column: pd.Series, table: str) -> pd.Categorical:
    """External ids as strings, in order of first appearance.

    Args:
        column: Ids of any kind: strings, integers, or floats with integer values.
        table: Name of the column's table in the error message.

    Returns:
        A categorical of shape ``[len(column)]`` whose categories are the distinct ids.

    Raises:
        ValueError: If an id is missing, empty, no valid Unicode, or a list or the like.
    """
    codes, distinct = pd.factorize(scalars(column))
    names = np.array([_as_id(value) for value in distinct], dtype=object)
    missing = (codes < 0) | np.isin(codes, np.flatnonzero(names == ""))
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"'{column.name}' needs an id in every row of {table} "
            f"(got {value_at(column, row)} in row {row})"
        )
    merged, categories = pd.factorize(names)  # 1 and '1' are the same id
    return pd.Categorical.from_codes(merged[codes], categories=pd.Index(categories))


def scalars(column: pd.Series) -> pd.Series:
    """The column with a list, or whatever else is no single value, as missing."""
    if column.dtype != object:
        return column
    return column.where(column.map(pd.api.types.is_scalar), None)


def value_at(column: pd.Series, row: int) -> str:
    """What an error says was got in a row: the value as Python writes it."""
    return repr(column.iloc[[row]].to_list()[0])


def _as_id(value: object) -> str:
    """A value as an id, ``''`` if it is none."""
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    name = str(value).strip()
    return "" if _SURROGATE.search(name) else name


def as_seconds(column: pd.Series, table: str) -> NDArray[np.int64]:
    """Times as whole seconds since the epoch, shape ``[len(column)]``.

    Numbers are taken as seconds, fractions are cut off; datetimes and their strings are
    converted (without a time zone they are UTC).

    Raises:
        ValueError: If a time is missing, negative, not a time, or in milliseconds.
    """
    given, column = column, scalars(column)
    if column.dtype == object:
        column = column.map(_float_if_huge)
    numbers = pd.to_numeric(column, errors="coerce")
    if pd.api.types.is_datetime64_any_dtype(column) or numbers.isna().all():
        moment = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
        numbers = (moment - pd.Timestamp(0, tz="UTC").as_unit("s")).dt.total_seconds()
    seconds = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~((seconds >= 0) & (seconds < _LARGEST_SECONDS))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"'{column.name}' needs to be non-negative seconds in {table} "
            f"(got {value_at(given, row)} in row {row})"
        )
    return seconds.astype(np.int64)


def _float_if_huge(value: object) -> object:
    """A number that is beyond all times as infinity: it may have any number of bits."""
    if isinstance(value, int) and abs(value) > _LARGEST_SECONDS:
        return float("inf")
    return value

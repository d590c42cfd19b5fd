"""Readable text and seconds out of raw columns."""

import html
import math
import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# By name: in other angle brackets may be a size, which is why <S> is none of them.
_TAGS = (
    "a|abbr|address|article|aside|audio|b|big|blockquote|body|br|button|caption|center|"
    "cite|code|col|colgroup|dd|del|details|dfn|div|dl|dt|em|embed|fieldset|figcaption|"
    "figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|"
    "label|legend|li|link|main|map|mark|meta|nav|nobr|noscript|object|ol|optgroup|"
    "option|p|pre|q|samp|script|section|select|small|source|span|strike|strong|style|"
    "sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|"
    "tt|u|ul|var|video|wbr|[ovwxm]:[a-z]+"
)
_COMMENT = r"<!--(?:(?!<!--).)*?-->"  # up to the next one at most, or time is quadratic
_MARKUP = re.compile(
    rf"(?is){_COMMENT}|<!doctype[^<>]*>|</?(?:{_TAGS})(?:[\s/][^<>]*)?>"
)
_HUGE_ENTITY = re.compile(r"&#\d{9,};?")  # no character; too large a number for Python
_SURROGATE = re.compile("[\ud800-\udfff]")
_WRITTEN = (date, time, timedelta, np.bool_, UUID)
_NOT_AS_CSV = (bytes, Decimal, date, np.datetime64)  # what Python writes otherwise
_NO_MOMENT = (timedelta, np.timedelta64, pd.Period)
_LARGEST_SECONDS = 1e11  # year 5138: anything later is a time in milliseconds


def clean_text(text: object) -> str:
    """Unescapes HTML entities, drops HTML tags and comments, collapses whitespace.

    A number or date is written out, as a file of text would have it, bytes are read as
    UTF-8, a list is joined with commas, and what is missing (``None`` or NaN) or of any
    other kind becomes ``''``. Halves of surrogate pairs are united, or replaced where
    the other half is missing.
    """
    if isinstance(text, str):
        readable = _MARKUP.sub(" ", html.unescape(_HUGE_ENTITY.sub(" ", text)))
        if _SURROGATE.search(readable):
            halves = readable.encode("utf-16", "surrogatepass")
            readable = halves.decode("utf-16", "replace")
        return " ".join(readable.split())
    if isinstance(text, list | tuple | np.ndarray):
        return ", ".join(filter(None, map(clean_text, text)))
    if isinstance(text, int | float | np.integer | np.floating):
        return _as_id(text) if -math.inf < text < math.inf else ""
    return clean_text(_written(text))


def _written(value: object) -> str:
    """What a file of text says for the values that only others have, ``''`` if none."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ""
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else ""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, _WRITTEN) and value is not pd.NaT:
        return str(value).removesuffix(" 00:00:00")  # of the start of a day
    return ""


def warn_of_lost(raw: pd.DataFrame, clean: pd.DataFrame) -> None:
    """Warns of values that :func:`clean_text` made nothing of, and which were some."""
    for name in clean.columns:
        empty = (clean[name] == "").to_numpy() & raw[name].notna().to_numpy()
        if lost := list(filter(_is_lost, raw[name][empty])):
            warnings.warn(
                f"Dropped {len(lost)} values of {name!r} that are no text, number or "
                f"date, the first being {lost[0]!r:.80}",
                stacklevel=4,
            )


def _is_lost(value: Any) -> bool:
    """Whether a value of which nothing is left had been something."""
    if isinstance(value, list | tuple | np.ndarray):
        return any(map(_is_lost, value))
    if isinstance(value, bytes):
        return value != b"" and not _written(value)
    return not isinstance(value, str | float | np.floating) and not pd.isna(value)


def join_text(*parts: object) -> str:
    """Joins the known parts of an item's text, e.g. title, category and brand."""
    return " ".join(filter(None, map(clean_text, parts)))


def as_ids(column: pd.Series, table: str) -> pd.Categorical:
    """External ids as strings, in order of first appearance.

    Args:
        column: Ids of any kind: strings, integers, floats with integer values, bytes
            of UTF-8.
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
    name = _written(value) if isinstance(value, _NOT_AS_CSV) else str(value)
    name = name.strip()
    return "" if _SURROGATE.search(name) else name


def refuse_taken(names: Collection[str], made: Sequence[str]) -> None:
    """Relations that are made later would take the place of those of these names.

    Raises:
        ValueError: If there are some.
    """
    if taken := [name for name in made if name in names]:
        raise ValueError(
            f"'relation' needs names other than {taken}, which are made without these "
            "rows: leave them out, or rename the relations"
        )


def require_columns(table: pd.DataFrame, owner: str, needed: Iterable[str]) -> None:
    """A table has columns that are told apart, and these among them.

    Raises:
        ValueError: If it has not.
    """
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].unique().tolist()
        raise ValueError(f"'{owner}' needs each column once (got {twice} again)")
    found = list(table.columns)
    if missing := [name for name in needed if name not in found]:
        raise ValueError(f"'{owner}' needs the columns {missing} (got {found})")


def as_seconds(column: pd.Series, table: str) -> NDArray[np.float64]:
    """Times as seconds since the epoch and fractions, shape ``[len(column)]``.

    Numbers are taken as seconds; datetimes and their strings are converted (without a
    time zone they are UTC). There is a warning if all numbers look like days,
    ``20240102``.

    Raises:
        ValueError: If a time is missing, negative, not a time, or in milliseconds.
    """
    given, column = column, scalars(column)
    if column.dtype.kind == "m" or isinstance(column.dtype, pd.PeriodDtype):
        column = column.astype(object)
    if column.dtype == object:
        column = column.map(_without_ticks)
    numbers = pd.to_numeric(column, errors="coerce")
    seconds = _to_float(numbers)
    dates = pd.api.types.is_datetime64_any_dtype(column) or np.isnan(seconds).all()
    if dates:
        seconds = _to_float(_since_epoch(column))
    wrong = ~((seconds >= 0) & (seconds < _LARGEST_SECONDS))
    if wrong.any():
        odd = wrong if dates else _odd_ones(column, seconds, wrong)
        row = int(odd.argmax())
        raise ValueError(
            f"'{column.name}' needs to be non-negative seconds since 1970, or ISO 8601 "
            f"dates, in {table} (got {value_at(given, row)} in row {row}"
            f"{_likely_reason(seconds[row], bool(odd[wrong].all()))})"
        )
    if not dates and _are_days(seconds):
        warnings.warn(
            f"'{column.name}' of {table} is taken as seconds in 1970, though "
            f"{value_at(given, 0)} looks like a day: write dates as 2024-01-02",
            stacklevel=4,
        )
    return seconds


def _to_float(numbers: "pd.Series[float]") -> NDArray[np.float64]:
    # What isna() says depends on the kind of column: a NaN of Arrow is a value there.
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _since_epoch(column: pd.Series) -> "pd.Series[float]":
    """Seconds up to dates, NaN for what is none."""
    moment = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
    if isinstance(moment.dtype, pd.ArrowDtype):  # has no float of so many ticks
        moment = moment.astype("datetime64[us, UTC]")
    return (moment - pd.Timestamp(0, tz="UTC").as_unit("s")).dt.total_seconds()


def _odd_ones(
    column: pd.Series, seconds: NDArray[np.float64], wrong: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which rows to blame where numbers and dates are mixed: the rarer kind."""
    is_number = ~np.isnan(seconds)
    is_date = ~is_number & ~np.isnan(_to_float(_since_epoch(column.mask(is_number))))
    return ~is_date if is_date.sum() > is_number.sum() else wrong


def _likely_reason(seconds: float, numbers_are_usual: bool) -> str:
    """What to say of the row that is to blame."""
    if not numbers_are_usual:
        return "; others are dates"
    in_milliseconds = _LARGEST_SECONDS <= seconds < 1000 * _LARGEST_SECONDS
    return "; divide milliseconds by 1000" if in_milliseconds else ""


def _are_days(seconds: NDArray[np.float64]) -> bool:
    """Whether all numbers are like 20240102, which are seconds of August 1970."""
    if not (19000101 <= seconds.min() and seconds.max() <= 21001231):
        return False
    month, day = seconds // 100 % 100, seconds % 100
    return bool(((1 <= month) & (month <= 12) & (1 <= day) & (day <= 31)).all())


def _without_ticks(value: object) -> object:
    """A value that is read as what it is: durations and periods are no moments.

    Pandas would take them for the number of their ticks. A number that is beyond all
    times, which may have any number of bits, becomes infinity.
    """
    if isinstance(value, _NO_MOMENT):
        return None
    if isinstance(value, int) and abs(value) > 1000 * _LARGEST_SECONDS:
        return float("inf")
    return value

"""Tables in parquet, read within bounds of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lrdgraph.datasets.reading import most_unpacked

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData, ParquetDataset

Choice = Callable[[pd.DataFrame], Sequence[str]]
"""Says by its columns what is read of a table, which may have no rows yet."""


def read_parquet(path: Path, choose: Choice | None = None) -> pd.DataFrame:
    """The table in a file, or in a folder of its parts, as clusters write it.

    Args:
        path: The file or folder.
        choose: Gives the columns that are read (default: all).

    Raises:
        ValueError: If it cannot be read, if its parts have different columns, if these
            columns have more numbers than
            :func:`~lrdgraph.datasets.reading.most_unpacked` allows, or if ``choose``
            says so.
    """
    from pyarrow.parquet import ParquetDataset

    try:
        dataset = ParquetDataset(path)
        empty = dataset.schema.empty_table().to_pandas()
    except Exception as error:  # parsers raise whatever they like
        raise ValueError(f"'{path}' cannot be read: {error}") from error
    columns = list(empty.columns) if choose is None else list(choose(empty))
    try:
        _check_parts(dataset)
        _check_size(dataset, columns)
        # Not mapped: columns are unpacked anyway, and a mapped file that somebody cuts
        # off meanwhile ends the process.
        return pd.read_parquet(path, columns=columns)
    except Exception as error:
        raise ValueError(f"'{path}' cannot be read: {error}") from error


def _check_parts(dataset: ParquetDataset) -> None:
    """The first part alone would say which columns there are, and lose the others."""
    names = {part.path: part.physical_schema.names for part in dataset.fragments}
    expected: list[str] = next(iter(names.values()), [])
    for path, found in names.items():
        if set(found) != set(expected):
            raise ValueError(
                f"its parts need the same columns, {expected} (got {found} in '{path}')"
            )


def _check_size(dataset: ParquetDataset, columns: Sequence[str]) -> None:
    """What the files themselves say is not out of all proportion."""
    unpacked = sum(_unpacked(part.metadata, columns) for part in dataset.fragments)
    if unpacked > most_unpacked(*map(Path, dataset.files)):
        raise ValueError(f"unpacked, it has {unpacked >> 20} MiB")


def _unpacked(part: FileMetaData, columns: Sequence[str]) -> int:
    """Bytes of some columns, eight at least for each value.

    A long text that repeats is counted as often as the file holds it, which may be
    once.
    """
    # A column of lists has parts of its own.
    starts = tuple(f"{name}." for name in columns)
    names = [f"{part.schema.column(at).path}." for at in range(part.num_columns)]
    places = [at for at, name in enumerate(names) if name.startswith(starts)]
    groups = [part.row_group(at) for at in range(part.num_row_groups)]
    size = sum(g.column(at).total_uncompressed_size for g in groups for at in places)
    return max(size, 8 * part.num_rows * len(columns))

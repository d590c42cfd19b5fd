from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lrdgraph.datasets import INTERACTS, from_tables
from lrdgraph.datasets.parquet import read_parquet

ITEMS = pd.DataFrame({"item_id": ["a", "b"], "title": ["pen", "ink"]})
EVENTS = pd.DataFrame({"user_id": "u", "item_id": ["a", "b"], "time": [1, 2]})


def write_parts(folder: Path, table: pd.DataFrame) -> Path:
    """As Spark does, a row a part."""
    folder.mkdir()
    for place in range(len(table)):
        table[place : place + 1].to_parquet(folder / f"part-{place}.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.snappy.parquet.crc").write_bytes(b"crc")
    return folder


def test_a_folder_of_parts(tmp_path: Path) -> None:
    events = write_parts(tmp_path / "events.parquet", EVENTS)
    items = write_parts(tmp_path / "items.parquet", ITEMS)
    data = from_tables(events, items)
    assert data["item"].text == ["pen", "ink"]
    assert data[INTERACTS].edge_index.tolist() == [[0, 0], [0, 1]]


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "items.parquet", ITEMS)
    ITEMS.assign(brand="X").to_parquet(parts / "z.parquet")
    with pytest.raises(ValueError, match=r"same columns, .* \(got .*'brand'.* in '.*z"):
        from_tables(EVENTS, parts)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "events.parquet").mkdir()
    with pytest.raises(ValueError, match=r"needs the columns .*user_id.* \(got \[\]\)"):
        from_tables(tmp_path / "events.parquet", ITEMS)


def test_what_nobody_reads_of_a_wide_log_takes_no_room(tmp_path: Path) -> None:
    rows = 30_000
    wide = {f"flag_{number}": np.zeros(rows) for number in range(400)}
    events = {"user_id": "u", "item_id": "a", "time": range(rows), "split": 0}
    path = tmp_path / "events.parquet"
    pd.DataFrame({**events, **wide}).to_parquet(path)
    with pytest.raises(ValueError, match="unpacked, it has"):
        read_parquet(path)
    data = from_tables(path, ITEMS)
    assert data[INTERACTS].num_edges == rows
    assert "split" in data[INTERACTS]
    with pytest.raises(ValueError, match=r"needs the column 'when' \(got .*flag_399"):
        from_tables(path, ITEMS, time="when")


def test_the_parts_of_a_column_count(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    lists = [[f"{'x' * 10_000}{number}" for number in range(50)]] * 100
    table = pd.DataFrame({"tags": lists, "tag": "x"})
    table.to_parquet(path, compression="zstd", use_dictionary=False)
    with pytest.raises(ValueError, match="unpacked, it has 47 MiB"):
        read_parquet(path, lambda table: ["tags"])
    assert read_parquet(path, lambda table: ["tag"]).shape == (100, 1)


def test_parts_are_bounded_together(tmp_path: Path) -> None:
    table = pd.DataFrame({"item_id": [0.0] * 4_000_000, "title": 0.0})
    parts = write_parts(tmp_path / "items.parquet", table[:1])
    for number in range(3):
        table[:1_000_000].to_parquet(parts / f"more-{number}.parquet")
    with pytest.raises(ValueError, match="unpacked, it has 45 MiB"):
        read_parquet(parts)

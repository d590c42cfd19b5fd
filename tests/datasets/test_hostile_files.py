"""Files that were made to do harm, or that something went very wrong with."""

import gzip
import json
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lrdgraph.datasets import INTERACTS, AmazonReviews, MovieLens, ReChorus, from_tables
from lrdgraph.datasets.reading import MAX_LINE, open_text, read_lines
from lrdgraph.transforms import SetVectors

MIB = 2**20
BOUGHT = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "time": [1]})
ITEMS = pd.DataFrame({"item_id": ["a"], "title": ["pen"]})
BOMBS = {
    "null characters": (b"\0" * MIB, "null character in line 1"),
    "one line": (b"a" * MIB, "has more than 16 MiB"),
    "many lines": (
        (b"1," + b"x" * 1021 + b"\n") * 1024,
        "unpacked, it has more than",
    ),
}


def bomb(pattern: bytes) -> bytes:
    """Unpacks to 128 MiB, of far less than a hundredth of that."""
    return gzip.compress(pattern, 9) * 128


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_fill_the_memory(name, tmp_path) -> None:
    pattern, message = BOMBS[name]
    for suffix in (".csv.gz", ".jsonl.gz"):
        (tmp_path / f"items{suffix}").write_bytes(bomb(pattern))
        tracemalloc.start()
        with pytest.raises(ValueError, match=rf"items{suffix}' cannot") as told:
            from_tables(BOUGHT, tmp_path / f"items{suffix}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 * MIB
        assert message in str(told.value)
    (tmp_path / "reviews_Toys_5.json.gz").write_bytes(bomb(pattern))
    (tmp_path / "meta_Toys.json.gz").write_bytes(bomb(pattern))
    with pytest.raises(ValueError, match="'.*_Toys.*gz' (cannot be read|needs)"):
        AmazonReviews(tmp_path, "Toys")


@pytest.mark.parametrize("compression", ["zstd", None])
def test_a_bomb_of_parquet_is_refused(compression, tmp_path) -> None:
    table = pa.table({"item_id": pa.array(["a"] * 40), "title": ["x" * MIB] * 40})
    if compression is None:  # what is packed here are repetitions
        table = pa.table({name: np.zeros(3_000_000) for name in ("item_id", "title")})
    path = tmp_path / "items.parquet"
    parquet.write_table(
        table, path, compression=compression, use_dictionary=compression is None
    )
    assert path.stat().st_size < MIB / 4
    with pytest.raises(ValueError, match=r"parquet' cannot be read: .* 4\d MiB"):
        from_tables(BOUGHT, path)


def test_a_large_file_that_is_none_of_these_is_read(tmp_path) -> None:
    path = tmp_path / "lines.txt.gz"
    lines = [f"{number * 7919 % 100_003} {'x' * 40}" for number in range(400_000)]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 1))
    assert sum(1 for _ in read_lines(path)) == 400_000


@pytest.mark.parametrize("before", [0, 1, 2**18 - 1, 2**18])
def test_the_longest_line_is_read_and_a_longer_one_is_named(before, tmp_path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"\n" * before + b"x" * MAX_LINE + b"\nlast")
    assert [len(line) for line in read_lines(path)] == [MAX_LINE + 1, 4]
    path.write_bytes(b"\n" * before + b"x" * MAX_LINE + b"x\nlast")
    with pytest.raises(ValueError, match=f"line {before + 1} has more than 16 MiB"):
        list(read_lines(path))


def test_whatever_a_parser_says_names_the_file(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    with pytest.raises(ValueError, match=r"a\.csv' cannot be read: odd"):
        with open_text(path):
            raise LookupError("odd")
    with pytest.raises(FileNotFoundError), open_text(tmp_path / "none.csv"):
        pass


def test_a_packed_file_that_changed_inside(tmp_path) -> None:
    packed = bytearray(gzip.compress(b"item_id,title\n" + b"a,pen\nb,ink\n" * 50))
    packed[12] ^= 255
    (tmp_path / "items.csv.gz").write_bytes(packed)
    with pytest.raises(ValueError, match=r"items\.csv\.gz' cannot be read"):
        from_tables(BOUGHT, tmp_path / "items.csv.gz")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"user_id": ["u"]}, r"'user_id' needs an id .* \(got \['u'\] in row 1\)"),
        (
            {"item_id": {"a": 1}},
            r"'item_id' needs an id .* \(got \{'a': 1\} in row 1\)",
        ),
        ({"user_id": "\ud800"}, r"'user_id' needs an id .* in row 1"),
        ({"time": [1]}, r"'time' needs to be .* \(got \[1\] in row 1\)"),
        ({"time": 10**400}, "'time' needs to be non-negative seconds .* in row 1"),
        ({"time": -(10**30)}, "'time' needs to be non-negative seconds .* in row 1"),
        ({"split": [0]}, r"'split' needs to be 0 .* \(got \[0\] in row 1\)"),
    ],
)
def test_values_of_the_wrong_kind_in_json(row, message, tmp_path) -> None:
    good = {"user_id": "u", "item_id": "a", "time": 1, "split": 0}
    path = tmp_path / "bought.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in (good, {**good, **row})))
    with pytest.raises(ValueError, match=message):
        from_tables(path, ITEMS)


@pytest.mark.parametrize(
    "line", ["[" * 10**5, "[1]", "null", '{"a": 1', "9" * 5000, r'{"\ud800": 1}']
)
def test_lines_that_are_no_objects(line, tmp_path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"item_id": "a", "title": "pen"}\n' + line)
    with pytest.raises(ValueError, match=r"needs a JSON object .*in line 2\)"):
        from_tables(BOUGHT, path)


@pytest.mark.parametrize(
    "name", ["_key", "__class__", "_pop_cache", "vector_steps", "id", 0, ("a", "b")]
)
def test_attributes_that_pyg_cannot_hold(name) -> None:
    items = ITEMS.assign(**{"other": "x"}).rename(columns={"other": name})
    with pytest.warns(UserWarning, match=re.escape(f"mean something else, [{name!r}]")):
        data = from_tables(BOUGHT, items)
    assert set(data["item"].keys()) == {"id", "num_nodes", "text", "title"}
    for wanted in ({"text": ["title", name]}, {"shared": [name]}):
        with pytest.raises(ValueError, match="'items' needs attributes with other na"):
            from_tables(BOUGHT, items, **wanted)


def test_columns_of_the_same_name() -> None:
    twice = pd.concat([ITEMS, ITEMS], axis=1)
    with pytest.raises(ValueError, match="each column once .*'item_id', 'title'"):
        from_tables(BOUGHT, twice)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("&#" + "9" * 5000 + "; pen", "pen"),
        ("<!--" * 50_000, "<!--" * 50_000),
        ("\ud83d\ude00 and half \ud83d", "😀 and half �"),
        (10**400, "1" + "0" * 400),
    ],
)
def test_texts_of_the_strangest_kind(raw, text) -> None:
    items = pd.DataFrame({"item_id": ["a"], "title": [raw]}, dtype=object)
    assert from_tables(BOUGHT, items)["item"].text == [text]


@pytest.mark.skipif(pd.__version__ < "3", reason="pandas 2 ends in the year 2262")
def test_dates_far_away() -> None:
    bought = BOUGHT.assign(time=["2500-01-01"])
    data = from_tables(bought, ITEMS)
    assert data[INTERACTS].time.tolist() == [16725225600]


def test_dates_long_ago() -> None:
    with pytest.raises(ValueError, match="'0001-01-01' in row 0"):
        from_tables(BOUGHT.assign(time=["0001-01-01"]), ITEMS)


def write_amazon(root: Path, meta: object, **review: object) -> None:
    row = {"reviewerID": "U", "asin": "A", "unixReviewTime": 1, **review}
    reviews = json.dumps(row).encode()
    (root / "Toys_5.json.gz").write_bytes(gzip.compress(reviews))
    text = meta if isinstance(meta, str) else json.dumps(meta)
    (root / "meta_Toys.json.gz").write_bytes(gzip.compress(text.encode()))


@pytest.mark.parametrize(
    "value", [None, 1, "A", {}, {"A": 1}, [], [[]], [None, {}], [1]]
)
def test_amazon_metadata_of_any_shape(value, tmp_path) -> None:
    names = ("title", "category", "categories", "brand", "related", "also_buy")
    write_amazon(tmp_path, {"asin": "A", **dict.fromkeys(names, value)})
    data = AmazonReviews(tmp_path, "Toys", "2018")[0]
    assert data["item"].id == ["A"]
    assert (
        data["item", "also_bought", "item"].num_edges == 0 if data.edge_types[1:] else 1
    )


@pytest.mark.parametrize(
    ("meta", "review", "message"),
    [
        ("[" * 10**5, {}, "to hold JSON .* line 1"),
        ({"asin": ["A"]}, {}, "needs 'asin' in every line"),
        ({"asin": "A"}, {"unixReviewTime": 10**400}, "'unixReviewTime' in every line"),
        ({"asin": "A"}, {"asin": "\ud800"}, "'item' needs an id in every row"),
        ({"asin": "A"}, {"asin": ["A"]}, "'asin' and 'unixReviewTime' in every line"),
    ],
)
def test_amazon_files_of_the_wrong_kind(meta, review, message, tmp_path) -> None:
    write_amazon(tmp_path, meta, **review)
    with pytest.raises(ValueError, match=message):
        AmazonReviews(tmp_path, "Toys", "2018")


@pytest.mark.parametrize("name", ["../Toys", "/etc/passwd", "a/b", "..", "", "a\\b"])
def test_a_category_is_no_path(name, tmp_path) -> None:
    with pytest.raises(ValueError, match="'name' needs to be a category"):
        AmazonReviews(tmp_path / "root", name)
    assert not (tmp_path / "root").exists()


def test_a_movie_that_is_there_twice(tmp_path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1::5::1\n1::2::5::2\n")
    line = "1::Up::Drama\n"
    (tmp_path / "movies.dat").write_text(line + line + "2::Down::Drama\n")
    with pytest.warns(UserWarning, match="1 repeated rows of items"):
        data = MovieLens(tmp_path)[0]
    assert data["item"].id == ["1", "2"]
    assert data["item", "same_genre", "item"].edge_index.tolist() == [[0, 1], [1, 0]]


def test_a_triple_of_two(tmp_path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1::5::1\n")
    (tmp_path / "movies.dat").write_text("1::Up::Drama\n")
    triples = gzip.compress(b"head\trelation\ttail\n1\tr\n")
    (tmp_path / "kg.tsv.gz").write_bytes(triples)
    with pytest.raises(ValueError, match=r"three fields.*got 2 in line 2"):
        MovieLens(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.item2index", "A\t1\nB\t1\n", "each id and each number once"),
        ("a.item2index", "A\t1\nA\t2\n", "each id and each number once"),
        ("a.item2index", "A\t²\n", "an id and a number"),
        ("a.item2index", f"A\t{'9' * 30}\n", "an id and a number"),
        ("item_meta.csv", "item_id\ti_x\n1\t2\n1\t3\n", "one row an item .got 1 again"),
        ("item_meta.csv", f"item_id\tr_x\n1\t[{'9' * 30}]\n", "list of integers"),
        ("item_meta.csv", f"item_id\tr_x\n1\t{'[' * 10**5}\n", "list of integers"),
    ],
)
def test_rechorus(file, content, message, tmp_path) -> None:
    for name in ("train.csv", "dev.csv", "test.csv"):
        (tmp_path / name).write_text("user_id\titem_id\ttime\n1\t1\t1\n")
    (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        ReChorus(tmp_path)


def write_npy(header: str) -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "header",
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (", "{'descr': '|O'}", "("],
)
def test_vectors_with_a_header_of_anything(header: str, tmp_path: Path) -> None:
    (tmp_path / "vectors.npy").write_bytes(write_npy(header))
    with pytest.raises(ValueError, match="cannot be read as item vectors"):
        SetVectors(tmp_path / "vectors.npy")


@pytest.mark.filterwarnings("ignore:.*building it anew")
def test_stored_data_that_changed_is_built_anew(tmp_path) -> None:
    """Wherever a bit flips: the file is refused, or says the same."""
    (tmp_path / "ratings.dat").write_text("1::1::5::1\n1::2::5::2\n")
    (tmp_path / "movies.dat").write_text("1::Up::Drama\n2::Down::Drama\n")
    expected = MovieLens(tmp_path)[0]
    (path,) = (tmp_path / "processed").glob("*.pt")
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 20):
        broken = bytearray(whole)
        broken[place] ^= 255
        path.write_bytes(broken)
        data = MovieLens(tmp_path)[0]
        assert data["item"].text == expected["item"].text
        assert data[INTERACTS].edge_index.equal(expected[INTERACTS].edge_index)

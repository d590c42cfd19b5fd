"""What every dataset does with input that is not as it should be."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from lrdgraph.datasets import (
    INTERACTS,
    AmazonReviews,
    MovieLens,
    ReChorus,
    assemble,
    from_tables,
)
from lrdgraph.transforms import LeaveOneOut


def interactions(**columns: list) -> pd.DataFrame:
    good = {"user": ["u", "u"], "item": ["a", "b"], "time": [1, 2]}
    return pd.DataFrame({**good, **columns})


def items(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({"item": ["a", "b"], "text": ["pen", "ink"], **columns})


def triples(*rows: tuple[str | None, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["head", "relation", "tail"])


ERRORS = {
    "column missing in interactions": (
        lambda: assemble(interactions().drop(columns="time"), items()),
        "'interactions' needs the columns ['time'] (got ['user', 'item'])",
    ),
    "column missing in items": (
        lambda: assemble(interactions(), items().drop(columns="text")),
        "'items' needs the columns ['text'] (got ['item'])",
    ),
    "column missing in relations": (
        lambda: assemble(
            interactions(), items(), triples(("a", "r", "b")).drop(columns="tail")
        ),
        "'relations' needs the columns ['tail'] (got ['head', 'relation'])",
    ),
    "shared attribute missing": (
        lambda: assemble(interactions(), items(), shared=["brand"]),
        "'items' needs the columns ['brand'] (got ['item', 'text'])",
    ),
    "attribute with a taken name": (
        lambda: assemble(interactions(), items(x=["1", "2"])),
        "'items' needs attributes with other names than ['x']",
    ),
    "no interactions": (
        lambda: assemble(interactions().iloc[:0], items()),
        "'interactions' needs at least one row (got 0)",
    ),
    "NaN time": (
        lambda: assemble(interactions(time=[1, np.nan]), items()),
        "'time' needs to be non-negative seconds in interactions (got nan in row 1)",
    ),
    "negative time": (
        lambda: assemble(interactions(time=[1, -3.0]), items()),
        "'time' needs to be non-negative seconds in interactions (got -3.0 in row 1)",
    ),
    "infinite time": (
        lambda: assemble(interactions(time=[np.inf, 1]), items()),
        "'time' needs to be non-negative seconds in interactions (got inf in row 0)",
    ),
    "time in milliseconds": (
        lambda: assemble(interactions(time=[1_400_000_000_000, 1]), items()),
        "'time' needs to be non-negative seconds in interactions (got 1400000000000",
    ),
    "time that is none": (
        lambda: assemble(interactions(time=["2020-01-01", "soon"]), items()),
        "'time' needs to be non-negative seconds in interactions (got 'soon' in row 1)",
    ),
    "NaN user": (
        lambda: assemble(interactions(user=["u", None]), items()),
        "'user' needs an id in every row of interactions (got",
    ),
    "empty item": (
        lambda: assemble(interactions(item=["a", " "]), items()),
        "'item' needs an id in every row of interactions (got ' ' in row 1)",
    ),
    "NaN item in items": (
        lambda: assemble(interactions(), items(item=["a", np.nan])),
        "'item' needs an id in every row of items (got nan in row 1)",
    ),
    "NaN in relations": (
        lambda: assemble(interactions(), items(), triples(("a", "r", None))),
        "'tail' needs an id in every row of relations (got",
    ),
    "relation called none": (
        lambda: assemble(interactions(), items(), triples(("a", "none", "b"))),
        "'relation' needs names other than 'none', which is taken",
    ),
    "split out of range": (
        lambda: assemble(interactions(split=[0, 3]), items()),
        "'split' needs to be 0 (train), 1 (val) or 2 (test) in interactions (got 3",
    ),
    "wrong column names in tables": (
        lambda: from_tables(interactions(), items()),
        "'interactions' needs the columns ['user_id', 'item_id'] (got ['user', 'item'",
    ),
    "text column missing in tables": (
        lambda: from_tables(interactions(), items(), user="user", item="item"),
        "'items' needs the columns ['title'] (got ['item', 'text'])",
    ),
    "unknown release": (
        lambda: AmazonReviews(".", "Beauty", "2015"),
        "'release' needs to be one of ['2014', '2018', '2023'] (got '2015')",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_names_the_thing_what_was_expected_and_what_was_got(name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="'items' is missing.*nowhere.csv"):
        from_tables(interactions(), tmp_path / "nowhere.csv", user="user", item="item")


def test_duplicate_interactions_are_dropped_and_counted():
    repeated = pd.concat([interactions(), interactions(), interactions(time=[1, 3])])
    with pytest.warns(UserWarning, match="Dropped 3 interactions that repeat"):
        data = assemble(repeated, items())
    assert data[INTERACTS].edge_index[1].tolist() == [0, 1, 1]
    assert data[INTERACTS].time.tolist() == [1, 2, 3]


def test_items_described_twice_keep_the_first_row():
    twice = pd.concat([items(), items(text=["PEN", "INK"])])
    with pytest.warns(UserWarning, match="Dropped 2 repeated rows of items.*'a'"):
        data = assemble(interactions(), twice)
    assert data["item"].id == ["a", "b"]
    assert data["item"].text == ["pen", "ink"]


def test_items_without_a_row_join_the_catalogue_without_text():
    with pytest.warns(UserWarning, match="1 items of the interactions.*'z'"):
        data = assemble(interactions(item=["z", "a"]), items(brand=["A", None]))
    assert data["item"].id == ["a", "b", "z"]
    assert data["item"].text == ["pen", "ink", ""]
    assert data["item"].brand == ["A", "", ""]
    assert data[INTERACTS].edge_index[1].tolist() == [2, 0]


def test_relations_with_unknown_items_are_dropped_and_counted():
    relations = triples(("a", "r", "b"), ("a", "r", "z"), ("y", "s", "a"))
    with pytest.warns(UserWarning, match=r"Dropped 2 of 3 relations.*'z'"):
        data = assemble(interactions(), items(), relations)
    assert data["item", "r", "item"].edge_index.tolist() == [[0], [1]]
    assert data["item", "s", "item"].edge_index.shape == (2, 0)


@pytest.mark.parametrize("relations", [None, triples()])
def test_no_relations(relations):
    assert assemble(interactions(), items(), relations).edge_types == [INTERACTS]


def test_self_loops_alone_leave_an_empty_relation():
    data = assemble(interactions(), items(), triples(("a", "r", "a")))
    assert data["item", "r", "item"].edge_index.shape == (2, 0)


def test_no_items_have_text():
    data = assemble(interactions(), items(text=[None, np.nan]))
    assert data["item"].text == ["", ""]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Salt &amp; Pepper", "Salt & Pepper"),
        ("Men&#39;s  <span class='x'>shoe</span>\n", "Men's shoe"),
        ("I <3 NY, 5 < 6 > 4", "I <3 NY, 5 < 6 > 4"),
        ("Ünïcödé 日本語 🎧", "Ünïcödé 日本語 🎧"),
        (12.0, "12"),
        (["red", None, "blue"], "red, blue"),
        ({"odd": 1}, ""),
    ],
)
def test_texts_are_made_readable(raw, text):
    assert assemble(interactions(), items(text=[raw, ""]))["item"].text[0] == text


def test_user_with_one_interaction_stays_in_training():
    data = assemble(interactions(user=["u", "v"]), items())
    assert LeaveOneOut()(data)[INTERACTS].split.tolist() == [0, 0]


REVIEW = {"reviewerID": "U", "asin": "A", "unixReviewTime": 1}
META = {"asin": "A", "title": "pen"}


def amazon(root: Path, reviews: bytes, meta: bytes) -> AmazonReviews:
    (root / "reviews_Toys_5.json.gz").write_bytes(reviews)
    (root / "meta_Toys.json.gz").write_bytes(meta)
    return AmazonReviews(root, "Toys")


def zipped(*rows: object, form: Callable[[object], str] = json.dumps) -> bytes:
    return gzip.compress("".join(form(row) + "\n" for row in rows).encode())


@pytest.mark.parametrize(
    ("reviews", "meta", "message"),
    [
        (zipped(*[REVIEW] * 99)[:-9], zipped(META), "reviews_Toys_5.*complete"),
        (b"no gzip", zipped(META), "reviews_Toys_5.*complete"),
        (zipped(REVIEW), zipped(META)[:-9], "meta_Toys.*complete"),
        (zipped({"user_id": "U"}), zipped(META), "needs 'reviewerID'.*line 1.*release"),
        (zipped({**REVIEW, "unixReviewTime": "x"}), zipped(META), "unixReviewTime"),
        (
            zipped(REVIEW),
            zipped("[", form=str),
            r"Python literals \(got '\[' in line 1",
        ),
        (zipped(REVIEW), zipped({"parent_asin": "A"}), r"needs 'asin'.*\['parent_asin"),
        (zipped("{", form=str), zipped(META), r"to hold JSON \(got '\{' in line 1"),
        (zipped({**REVIEW, "unixReviewTime": -1}), zipped(META), r"got -1\.0 in row 0"),
        (zipped(), zipped(META), "at least one row"),
    ],
    ids=[
        *("reviews cut off", "reviews not zipped", "meta cut off", "other release"),
        *("time of text", "meta not parsed", "meta of other release"),
        *("reviews not parsed", "negative time", "no reviews"),
    ],
)
def test_amazon(reviews, meta, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        amazon(tmp_path, reviews, meta)


def test_amazon_never_runs_what_a_file_says(tmp_path):
    call = "{'asin': 'A', 'title': __import__('os').getcwd()}"
    with pytest.raises(ValueError, match="Python literals"):
        amazon(tmp_path, zipped(REVIEW), zipped(call, form=str))


def test_missing_amazon_file_says_what_from_where_and_where_to(tmp_path, monkeypatch):
    def refuse(url: str, **kwargs: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    message = (
        r"'reviews_Beauty_5\.json\.gz' is missing.*no network.*get it from "
        r"http://snap\.stanford\.edu/data/amazon/productGraph/categoryFiles/"
        rf"reviews_Beauty_5\.json\.gz and put it into '{re.escape(str(tmp_path))}/raw'"
    )
    with pytest.raises(FileNotFoundError, match=message):
        AmazonReviews(tmp_path)


PART = "user_id\titem_id\ttime\tneg_items\n"
META_HEAD = "item_id\tr_goes\n"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("dev.csv", "user_id,item_id,time\n", r"dev\.csv.*'user_id'.*tabs"),
        (
            "dev.csv",
            PART + "1\t1\t5\t[1, 99]\n",
            "catalogue in dev.csv .got 99 in row 0",
        ),
        (
            "dev.csv",
            PART + "1\t1\t5\t1, 2\n",
            "list of integers in dev.csv .got '1, 2'",
        ),
        ("dev.csv", PART + "1\t1\t5\t\n", "list of integers in dev.csv .got nan"),
        (
            "dev.csv",
            PART + "1\t1\t5\t[1]\n2\t1\t5\t[1, 2]\n",
            r"equal lengths.*\[1, 2\]",
        ),
        ("dev.csv", PART + "1\t1\t5\t[1]\n1\t2\t5\t[1]\n", "one row a user.*user 1"),
        ("dev.csv", PART + "1\tA\t5\t[1]\n", "'item_id' needs to be an integer.*'A'"),
        ("dev.csv", PART + "1\t1\t-5\t[1]\n", "non-negative seconds.*-5"),
        ("item_meta.csv", "item\n1\n", r"item_meta\.csv.*'item_id'"),
        ("item_meta.csv", META_HEAD + "1\t[x]\n", "'r_goes' needs a list of integers"),
        ("a.item2index", "A 1\n", r"a\.item2index.*an id and a number.*line 1"),
    ],
)
def test_rechorus(file, content, message, tmp_path):
    for name in ("train.csv", "test.csv", "dev.csv"):
        (tmp_path / name).write_text("user_id\titem_id\ttime\n1\t1\t1\n2\t2\t1\n")
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=message):
        ReChorus(tmp_path)


def test_rechorus_relations_with_unknown_items_are_dropped(tmp_path):
    for number, name in enumerate(("train.csv", "dev.csv", "test.csv")):
        (tmp_path / name).write_text(f"user_id\titem_id\ttime\n1\t{number}\t1\n")
    (tmp_path / "item_meta.csv").write_text(META_HEAD + "1\t[2, 99]\n")
    with pytest.warns(UserWarning, match="Dropped 1 of 2 relations.*'99'"):
        data = ReChorus(tmp_path)[0]
    assert data["item", "goes", "item"].edge_index.tolist() == [[1], [2]]


@pytest.mark.parametrize("name", ["train.csv", "dev.csv", "test.csv"])
def test_missing_rechorus_file_is_named(name, tmp_path):
    for other in {"train.csv", "dev.csv", "test.csv"} - {name}:
        (tmp_path / other).touch()
    with pytest.raises(FileNotFoundError, match=f"'{name}' is missing"):
        ReChorus(tmp_path)


MOVIE = "|".join(["1", "Up (2009)", "", "", ""] + ["0"] * 19)


@pytest.mark.parametrize(
    ("ratings", "movies", "triples", "message"),
    [
        ("1,1,5,9\n", MOVIE, "", r"u\.data.*needs user, item, rating and time"),
        ("1\tx\t5\t9\n", MOVIE, "", r"u\.data.*integers"),
        ("1\t1\t5\t9\n", "1|Up", "", r"u\.item.*got 2 fields in line 1"),
        (
            "1\t1\t5\t9\n",
            MOVIE,
            "a\tb\n",
            r"kg\.tsv\.gz.*head, relation, tail.*'a', 'b'",
        ),
    ],
)
def test_movielens(ratings, movies, triples, message, tmp_path):
    (tmp_path / "u.data").write_text(ratings)
    (tmp_path / "u.item").write_text(movies)
    if triples:
        (tmp_path / "kg.tsv.gz").write_bytes(gzip.compress(triples.encode()))
    with pytest.raises(ValueError, match=message):
        MovieLens(tmp_path)

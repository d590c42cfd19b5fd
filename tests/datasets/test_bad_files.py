"""What the datasets do with raw files that are not as they should be."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest

from lrdgraph.datasets import AmazonReviews, MovieLens, ReChorus

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
        (zipped(*[REVIEW] * 99)[:-9], zipped(META), "reviews_Toys_5.*cannot be read"),
        (b"no gzip", zipped(META), "reviews_Toys_5.*cannot be read"),
        (zipped(REVIEW), zipped(META)[:-9], "meta_Toys.*cannot be read"),
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
        ("dev.csv", "user_id,item_id,time\n", r"dev\.csv.*'user_id,.*by '\\t'"),
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
    for time, name in enumerate(("train.csv", "dev.csv", "test.csv")):
        rows = f"1\t1\t{time}\n2\t2\t{time}\n"
        (tmp_path / name).write_text(f"user_id\titem_id\ttime\n{rows}")
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
            r"kg\.tsv\.gz.*'head', 'relation', 'tail'.*'a', 'b'",
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

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from lrdgraph.datasets import INTERACTS, AmazonReviews
from lrdgraph.transforms import LeaveOneOut

TITLES = {"A1": "Pen &amp; Ink", "A2": "Pencil", "A3": "Caf\u00e9 cup"}


def write(path: Path, rows: Iterable[object], form: Callable[[object], str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(form(row) + "\n" for row in rows)


def write_2014(root: Path) -> None:
    reviews = [
        {"reviewerID": "U1", "asin": asin, "overall": 5.0, "unixReviewTime": 100}
        for asin in ("A2", "A1", "A3")
    ]
    meta = [
        {
            "asin": asin,
            "title": title,
            "brand": "Acme",
            "categories": [["Office", "Writing"], ["Other"]],
            "related": {"also_bought": ["A1", "A9"], "also_viewed": ["A2"]},
        }
        for asin, title in TITLES.items()
    ]
    write(root / "reviews_Toys_5.json.gz", reviews, json.dumps)
    write(root / "meta_Toys.json.gz", [*meta, {"asin": "A9"}], repr)


def write_2018(root: Path) -> None:
    reviews = [
        {"reviewerID": "U1", "asin": asin, "unixReviewTime": 100}
        for asin in ("A2", "A1", "A3")
    ]
    meta = [
        {
            "category": ["Office", "Writing"],
            "also_buy": ["A1", "A9"],
            "also_view": ["A2"],
            "brand": "Acme",
            "title": title,
            "asin": asin,
        }
        for asin, title in TITLES.items()
    ]
    write(root / "Toys_5.json.gz", reviews, json.dumps)
    write(root / "meta_Toys.json.gz", [meta[0], *meta], json.dumps)


def write_2023(root: Path) -> None:
    reviews = [
        {"user_id": "U1", "parent_asin": asin, "asin": "V", "timestamp": 100_000 + ms}
        for asin, ms in (("A3", 900), ("A2", 5), ("A1", 10))
    ]
    meta = [
        {
            "parent_asin": asin,
            "title": title,
            "store": "Acme",
            "categories": ["Office", "Writing"],
            "main_category": "Office",
            "bought_together": ["A1", "A9"] if asin == "A2" else None,
        }
        for asin, title in TITLES.items()
    ]
    write(root / "Toys.jsonl.gz", reviews, json.dumps)
    write(root / "meta_Toys.jsonl.gz", meta, json.dumps)


WRITERS = {"2014": write_2014, "2018": write_2018, "2023": write_2023}


@pytest.mark.parametrize("release", WRITERS)
def test_release(release, tmp_path):
    (tmp_path / "raw").mkdir()
    WRITERS[release](tmp_path / "raw")
    data = AmazonReviews(tmp_path, "Toys", release)[0]
    item = data["item"]
    assert item.id == ["A1", "A2", "A3"]
    assert item.title == ["Pen & Ink", "Pencil", "Café cup"]
    assert item.category == ["Writing"] * 3
    assert item.brand == ["Acme"] * 3
    assert item.text[0] == "Pen & Ink Writing Acme"
    assert data["user"].id == ["U1"]
    assert data[INTERACTS].edge_index[1].tolist() == [1, 0, 2]
    assert data[INTERACTS].time.tolist() == [100, 100, 100]
    for name in ("same_category", "same_brand"):
        assert data["item", name, "item"].num_edges == 6


@pytest.mark.parametrize("release", ["2014", "2018"])
def test_relations_have_the_same_names_in_all_releases(release, tmp_path):
    WRITERS[release](tmp_path)
    data = AmazonReviews(tmp_path, "Toys", release)[0]
    bought = data["item", "also_bought", "item"].edge_index
    viewed = data["item", "also_viewed", "item"].edge_index
    assert bought.tolist() == [[1, 2], [0, 0]]
    assert viewed.tolist() == [[0, 2], [1, 1]]


def test_bought_together_of_2023(tmp_path):
    write_2023(tmp_path)
    data = AmazonReviews(tmp_path, "Toys", "2023")[0]
    assert data["item", "bought_together", "item"].edge_index.tolist() == [[1], [0]]


def test_script_is_no_title(tmp_path):
    write_2018(tmp_path)
    meta = [{"asin": "A1", "title": "var t = (new Date()).getTime();", "category": []}]
    write(tmp_path / "meta_Toys.json.gz", meta, json.dumps)
    with pytest.warns(UserWarning, match="2 items of the interactions have no row"):
        data = AmazonReviews(tmp_path, "Toys", "2018")[0]
    assert data["item"].text == ["", "", ""]


def test_what_is_left_of_markup_is_no_category(tmp_path) -> None:
    write_2018(tmp_path)
    paths = [["Office", "Pens", "</span></span></span>"], ["<b></b>", ""], []]
    meta = [
        {"asin": asin, "category": p} for asin, p in zip(TITLES, paths, strict=True)
    ]
    write(tmp_path / "meta_Toys.json.gz", meta, json.dumps)
    data = AmazonReviews(tmp_path, "Toys", "2018")[0]
    assert data["item"].category == ["Pens", "", ""]


@pytest.mark.parametrize("folder", [".", "raw"])
def test_files_that_somebody_unpacked(folder, tmp_path) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    write_2023(tmp_path / folder)
    packed = AmazonReviews(tmp_path, "Toys", "2023")[0]
    for path in (tmp_path / folder).glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    data = AmazonReviews(tmp_path, "Toys", "2023")[0]
    assert data["item"].text == packed["item"].text
    assert data[INTERACTS].time.equal(packed[INTERACTS].time)


def test_of_an_item_told_twice_the_first_counts(tmp_path) -> None:
    write_2018(tmp_path)
    meta = [{"asin": "A1", "title": title} for title in ("Pen", "Pencil")]
    others = [{"asin": asin, "title": ""} for asin in ("A2", "A3")]
    write(tmp_path / "meta_Toys.json.gz", [*meta, *others], json.dumps)
    assert AmazonReviews(tmp_path, "Toys", "2018")[0]["item"].title == ["Pen", "", ""]


def test_beauty(shared_data, tmp_path):
    root = shared_data / "amazon-beauty"
    data = AmazonReviews(root, cache=tmp_path, pre_transform=LeaveOneOut())[0]
    assert data["user"].num_nodes == 22363
    assert data["item"].num_nodes == 12101
    assert data[INTERACTS].num_edges == 198502
    assert np.bincount(data[INTERACTS].split).tolist() == [153776, 22363, 22363]
    assert all(data["item"].text)
    # the file stands in the order of the standard benchmark: nothing may move
    first = data[INTERACTS].edge_index[:, :3]
    assert [data["item"].id[i] for i in first[1]] == [
        *("B007IY97U0", "B00870XLDS", "B008MIRO88")
    ]

"""Whatever readers are given that is valid comes back as it was."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.datasets import (
    INTERACTS,
    AmazonReviews,
    MovieLens,
    ReChorus,
    from_tables,
)
from lrdgraph.datasets.cleaning import clean_text

Steps = list[tuple[str, str, int]]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lrdgraph")

few = settings(max_examples=12)


def is_id(name: str) -> bool:
    return name == name.strip() != ""


def shops(ids: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Steps, list[str]]]:
    """Purchases, each once, and the items of the catalogue, bought or not."""

    def purchases(items: list[str]) -> st.SearchStrategy[tuple[Steps, list[str]]]:
        step = st.tuples(ids, st.sampled_from(items), st.integers(0, 10**10))
        steps = st.lists(step, min_size=1, max_size=8, unique=True)
        return st.tuples(steps, st.just(items))

    return st.lists(ids, min_size=1, max_size=5, unique=True).flatmap(purchases)


# A file of text has no null characters, and its reader takes all line ends for one.
unicode_ids = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=5
).filter(is_id)
words = st.sampled_from(["NA", "nan", "null", "None", "007", "1e5", "-1", "True", "#"])
paths = st.sampled_from(["../../x", "/etc/passwd", "C:\\x", "a/../b", "~", ".", ".."])
any_ids = unicode_ids | words | paths
numbers = st.integers(0, 10**6).map(str)


def check(data: HeteroData, steps: Steps, items: list[str]) -> None:
    """Users by first appearance, items as given, steps of a user in stable order."""
    users = list(dict.fromkeys(user for user, _, _ in steps))
    assert data["user"].id == users
    assert data["item"].id == items
    expected = sorted(steps, key=lambda step: (users.index(step[0]), step[2]))
    store = data[INTERACTS]
    rows = zip(*store.edge_index.tolist(), store.time.tolist(), strict=True)
    assert [(users[user], items[item], time) for user, item, time in rows] == expected


def write(table: pd.DataFrame, path: Path) -> Path:
    if ".csv" in path.name or ".tsv" in path.name:
        table.to_csv(path, index=False, sep="," if ".csv" in path.name else "\t")
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        rows = table.to_dict(orient="records")
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz", ".json.gz", ".parquet", ""])
@few
@given(shops(any_ids), st.data())
def test_tables(tmp_path_factory, suffix: str, shop, data) -> None:
    steps, items = shop
    titles = data.draw(st.lists(st.text(), min_size=len(items), max_size=len(items)))
    titles = [title.replace("\0", "").replace("\r", "") for title in titles]
    tables = [
        pd.DataFrame(steps, columns=["user_id", "item_id", "time"]),
        pd.DataFrame({"item_id": items, "title": titles}),
        pd.DataFrame({"head": items, "relation": "../%s", "tail": items[::-1]}),
    ]
    if suffix:
        folder = tmp_path_factory.mktemp("any")
        names = ("interactions", "items", "relations")
        files = [folder / f"{name}{suffix}" for name in names]
        tables = [write(table, path) for table, path in zip(tables, files, strict=True)]
    found = from_tables(*tables)
    check(found, steps, items)
    last = len(items) - 1
    pairs = [[place, last - place] for place in range(len(items)) if place * 2 != last]
    edges = found["item", "../%s", "item"].edge_index.t()
    assert edges.tolist() == pairs
    missing = {"NA", "N/A", "NaN", "nan", "None", "null", "NULL"}
    for title, text in zip(titles, found["item"].text, strict=True):
        assert text in (clean_text(title), "" if title in missing else None)


@few
@example(([("0", "1'", 0), ("0", "0", 0)], ["1'", "0"]), "2014")  # another quote in it
@given(shops(any_ids), st.sampled_from(["2014", "2018", "2023"]))
def test_amazon(tmp_path_factory, shop, release: str) -> None:
    steps, items = shop
    folder = tmp_path_factory.mktemp("any")
    user, item, time = (
        ("user_id", "parent_asin", "timestamp")
        if release == "2023"
        else ("reviewerID", "asin", "unixReviewTime")
    )
    scale = 1000 if release == "2023" else 1
    if release == "2023":  # is put in order of time
        steps = sorted(steps, key=lambda step: step[2])
    bought = {name for _, name, _ in steps}
    items = [
        name for name in items if name in bought
    ]  # the catalogue is what is bought
    reviews = [{user: who, item: what, time: when * scale} for who, what, when in steps]
    meta = [{item: name, "title": name, "also_buy": items} for name in items]
    form = repr if release == "2014" else json.dumps
    names = {"2014": "reviews_Toys_5.json", "2018": "Toys_5.json", "2023": "Toys.jsonl"}
    suffix = names[release].rsplit(".", 1)[1]
    for name, rows in (
        (names[release], map(json.dumps, reviews)),
        (f"meta_Toys.{suffix}", map(form, meta)),
    ):
        with gzip.open(folder / f"{name}.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)
    check(AmazonReviews(folder, "Toys", release)[0], steps, items)
    assert {path.name for path in folder.parent.iterdir()} >= {folder.name}
    written = {path.parent for path in folder.rglob("*") if path.is_file()}
    assert written == {folder, folder / "processed"}


@few
@given(shops(numbers))
def test_movielens(tmp_path_factory, shop) -> None:
    steps, items = shop
    folder = tmp_path_factory.mktemp("any")
    ratings = "".join(f"{user}::{item}::5::{time}\n" for user, item, time in steps)
    (folder / "ratings.dat").write_text(ratings)
    movies = "".join(f"{item}::Up ({item})::Drama\n" for item in items)
    (folder / "movies.dat").write_text(movies)
    check(MovieLens(folder)[0], steps, items)


@few
@given(shops(numbers), st.data())
def test_rechorus(tmp_path_factory, shop, data) -> None:
    steps, items = shop
    items = sorted(items, key=int)
    folder = tmp_path_factory.mktemp("any")
    line_safe = any_ids.filter(lambda name: not {*"\t\n\x85\u2028"} & {*name})
    size = {"min_size": len(items), "max_size": len(items), "unique": True}
    own = data.draw(st.lists(line_safe, **size))
    lines = "".join(f"{o}\t{item}\n" for o, item in zip(own, items, strict=True))
    (folder / "a.item2index").write_text(lines, encoding="utf-8")
    rows = [f"{user}\t{item}\t{time}\n" for user, item, time in steps]
    head = "user_id\titem_id\ttime\n"
    for name, part in (("train.csv", rows), ("dev.csv", []), ("test.csv", [])):
        (folder / name).write_text(head + "".join(part))
    renamed = dict(zip(items, own, strict=True))
    named = [(user, renamed[item], time) for user, item, time in steps]
    check(ReChorus(folder)[0], named, own)

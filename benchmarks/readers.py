"""Small whole files for every reader, and what reads them."""

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.datasets import (
    INTERACTS,
    AmazonReviews,
    MovieLens,
    ReChorus,
    from_tables,
)
from lrdgraph.models import LRDRec
from lrdgraph.testing import HashTextEncoder, make_shop
from lrdgraph.text import VectorCache
from lrdgraph.transforms import SetVectors

Read = Callable[[], HeteroData]

ITEMS = [f"B{number:03d}" for number in range(8)]
STEPS = [(f"u{step % 5}", ITEMS[step * 3 % 8], 1000 + 7 * step) for step in range(40)]
TITLES = [f"Réd “pen” & <b>ink</b>, no. {number} 筆" for number in range(8)]
FRAMES = {
    "interactions": pd.DataFrame(STEPS, columns=["user_id", "item_id", "time"]),
    "items": pd.DataFrame({"item_id": ITEMS, "title": TITLES, "brand": "Ä"}),
    "relations": pd.DataFrame(
        {"head": ITEMS[:-1], "relation": "goes with", "tail": ITEMS[1:]}
    ),
}


def tables(folder: Path, suffix: str) -> Read:
    """Three tables of the user's own."""
    paths = [folder / f"{name}{suffix}" for name in FRAMES]
    for path, frame in zip(paths, FRAMES.values(), strict=True):
        if suffix == ".parquet":
            frame.to_parquet(path)
        elif "json" in suffix:
            frame.to_json(path, orient="records", lines=True)
        else:
            frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    return lambda: from_tables(*paths, shared=["brand"])


def amazon(folder: Path, release: str) -> Read:
    """Reviews and metadata of a release."""
    late = release == "2023"
    user, item, time = (
        ("user_id", "parent_asin", "timestamp")
        if late
        else ("reviewerID", "asin", "unixReviewTime")
    )
    reviews = [{user: who, item: what, time: when} for who, what, when in STEPS]
    path = [["Toys", "Ink"]] if release == "2014" else ["Toys", "Ink"]
    also = {"also_bought": ITEMS[:3], "also_viewed": ITEMS[5:]}
    related = {"related": also} if release == "2014" else {"also_buy": ITEMS[:3]}
    meta = [
        {item: name, "title": title, "brand": "Ä", "categories": path, **related}
        for name, title in zip(ITEMS, TITLES, strict=True)
    ]
    suffix = "jsonl.gz" if late else "json.gz"
    name = {"2014": "reviews_Toys_5", "2018": "Toys_5", "2023": "Toys"}[release]
    form = repr if release == "2014" else json.dumps
    _zip(folder / f"{name}.{suffix}", [json.dumps(row) for row in reviews])
    _zip(folder / f"meta_Toys.{suffix}", [form(row) for row in meta])
    return lambda: AmazonReviews(folder, "Toys", release)[0]


def rechorus(folder: Path, _: str) -> Read:
    """A folder of ReChorus with everything that is optional."""
    number = {name: place + 1 for place, name in enumerate(ITEMS)}
    rows = [f"{int(who[1:]) + 1}\t{number[what]}\t{when}" for who, what, when in STEPS]
    head = "user_id\titem_id\ttime"
    given = [f"{row}\t[1, 4, 7]" for row in rows]
    files = {
        "train.csv": [head, *rows[:30]],
        "dev.csv": [f"{head}\tneg_items", *given[30:35]],
        "test.csv": [f"{head}\tneg_items", *given[35:]],
        "item_meta.csv": ["item_id\ti_brand\tr_near"]
        + [f"{place}\t{place % 2}\t[1, {place}]" for place in number.values()],
        "a.item2index": [f"{name}\t{place}" for name, place in number.items()],
        "a.text": ["id\ttext", *map("\t".join, zip(ITEMS, TITLES, strict=True))],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lambda: ReChorus(folder)[0]


def movielens(folder: Path, release: str) -> Read:
    """Ratings, movies and triples."""
    million = release == "1m"
    names = ("ratings.dat", "movies.dat") if million else ("u.data", "u.item")
    between, middle = ("::", "::") if million else ("\t", "|")
    flags = "|".join(str(place % 2) for place in range(19))
    rest = "::Drama|War" if million else f"||||{flags}"
    ratings = [
        (who[1:], what[1:].lstrip("0") or "0", "5", f"{when}")
        for who, what, when in STEPS
    ]
    movies = [f"{place}{middle}Nét, The ({1990 + place}){rest}" for place in range(8)]
    (folder / names[0]).write_text("\n".join(map(between.join, ratings)) + "\n")
    (folder / names[1]).write_text("\n".join(movies) + "\n", encoding="latin-1")
    triples = ["head\trelation\ttail", "1\tfilm.film.sequel\t2"]
    triples += [f"{place}\tfilm.film.directed_by\tm.{place % 2}" for place in range(8)]
    _zip(folder / "kg.tsv.gz", [*triples, "m.1\tfilm.director.film\t3"])
    return lambda: MovieLens(folder)[0]


def stored(folder: Path, _: str) -> Read:
    """What a dataset has stored of its files, which are whole."""
    raw = folder.with_name(f"{folder.name}-raw")
    raw.mkdir()
    movielens(raw, "1m")
    expected = MovieLens(raw, cache=folder)[0]

    def read() -> HeteroData:
        data = MovieLens(raw, cache=folder)[0]
        edges = expected[INTERACTS].edge_index
        assert data["item"].text == expected["item"].text, "stored texts are wrong"
        assert data[INTERACTS].edge_index.equal(edges), "stored edges are wrong"
        return data

    return read


def cached_vectors(folder: Path, _: str) -> Read:
    """Vectors in a cache, which are the right ones whatever became of it."""
    encoder = HashTextEncoder(4)
    VectorCache(encoder, folder)(TITLES)

    def read() -> HeteroData:
        vectors = VectorCache(encoder, folder)(TITLES)
        assert vectors.equal(encoder(TITLES)), "cached vectors are wrong"
        return from_tables(FRAMES["interactions"], FRAMES["items"])

    return read


def given_vectors(folder: Path, suffix: str) -> Read:
    """Vectors that were computed elsewhere."""
    path, rows = folder / f"vectors{suffix}", torch.randn(len(ITEMS), 4)
    if suffix == ".npy":
        np.save(path, rows.numpy())
    else:
        save_file(dict(zip(ITEMS, rows.unbind(), strict=True)), path)
    data = from_tables(FRAMES["interactions"], FRAMES["items"])
    return lambda: SetVectors(path)(data)


def kept_model(folder: Path, _: str) -> Read:
    """A small model in a folder."""
    for name, content in _model_files().items():
        (folder / name).write_bytes(content)

    def read() -> HeteroData:
        model = LRDRec.from_pretrained(folder)
        assert len(model.recommend(model.graph.ids[:1], 2)) == 2, "recommendations"
        return from_tables(FRAMES["interactions"], FRAMES["items"])

    return read


@cache
def _model_files() -> dict[str, bytes]:
    shop = make_shop([[0, 1, 2], [2, 1]], 4, {"near": [(0, 1), (1, 2), (2, 3)]})
    model = LRDRec(LatentRelationGraph(shop, num_latent=2, state_channels=4), 4)
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _zip(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 1))


READERS: dict[str, tuple[Callable[[Path, str], Read], tuple[str, ...]]] = {
    "from_tables": (
        tables,
        (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".json.gz", ".parquet"),
    ),
    "AmazonReviews": (amazon, ("2014", "2018", "2023")),
    "ReChorus": (rechorus, ("",)),
    "MovieLens": (movielens, ("100k", "1m")),
    "stored dataset": (stored, ("",)),
    "VectorCache": (cached_vectors, ("",)),
    "from_pretrained": (kept_model, ("",)),
    "SetVectors": (given_vectors, (".npy", ".safetensors")),
}
"""For each reader what writes its files, and in which kinds."""

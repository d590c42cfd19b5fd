"""Amazon product reviews in the raw files of the releases of 2014, 2018 and 2023."""

import ast
import json
import re
from array import array
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch_geometric.data import HeteroData

from lrdgraph.datasets.assemble import assemble
from lrdgraph.datasets.base import SharedValueDataset, Transform
from lrdgraph.datasets.cleaning import clean_text, join_text
from lrdgraph.datasets.reading import read_lines

_SNAP = "http://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_UCSD = "https://mcauleylab.ucsd.edu/public_datasets/data/"


class _Release(NamedTuple):
    """Where a release keeps its files and how it calls its fields."""

    reviews: str
    meta: str
    user: str
    item: str
    time: str
    ticks: int  # per second
    parse_meta: Callable[[str], Any]


_RELEASES = {
    "2014": _Release(
        reviews=f"{_SNAP}reviews_{{}}_5.json.gz",
        meta=f"{_SNAP}meta_{{}}.json.gz",
        user="reviewerID",
        item="asin",
        time="unixReviewTime",
        ticks=1,
        parse_meta=ast.literal_eval,
    ),
    "2018": _Release(
        reviews=f"{_UCSD}amazon_v2/categoryFilesSmall/{{}}_5.json.gz",
        meta=f"{_UCSD}amazon_v2/metaFiles2/meta_{{}}.json.gz",
        user="reviewerID",
        item="asin",
        time="unixReviewTime",
        ticks=1,
        parse_meta=json.loads,
    ),
    "2023": _Release(
        reviews=f"{_UCSD}amazon_2023/raw/review_categories/{{}}.jsonl.gz",
        meta=f"{_UCSD}amazon_2023/raw/meta_categories/meta_{{}}.jsonl.gz",
        user="user_id",
        item="parent_asin",
        time="timestamp",
        ticks=1000,
        parse_meta=json.loads,
    ),
}

_RELATIONS = {  # our name: the releases' names
    "also_bought": ("also_bought", "also_buy"),
    "also_viewed": ("also_viewed", "also_view"),
    "bought_together": ("bought_together",),
}

# What a title is in 2018 where the crawler caught a script instead; the authors of the
# release advise to filter by this word (https://nijianmo.github.io/amazon/).
_SCRIPT = "getTime"

_ASIN = re.compile(r"""['"]asin['"]: ?(['"])(\w+)\1""")


class AmazonReviews(SharedValueDataset):
    """A category of Amazon's product reviews, from the raw files of any release.

    The releases are `2014 <https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html>`_
    and `2018 <https://nijianmo.github.io/amazon/>`_ (both 5-core already) and `2023
    <https://amazon-reviews-2023.github.io/>`_ (all reviews: give
    ``pre_transform=KCore(5)``; its items are ``parent_asin``, its times milliseconds,
    by which they are ordered before they become seconds). Keep one release per
    ``root``, since the metadata files of 2014 and 2018 have the same names.

    A review is an interaction; the catalogue are the reviewed items. An item's text is
    its title, leaf category and brand, which are attributes too. Observed relations,
    restricted to the catalogue: ``also_bought``, ``also_viewed``, ``bought_together``
    (as far as the release has them), ``same_category`` (leaf) and ``same_brand``. The
    first two were crawled over the years of the reviews and so know of purchases in the
    test period: show a result with them beside one without.

    Args:
        root: Folder of the raw files, packed (``.gz``) or not; see
            :class:`ItemDataset`.
        name: Category as spelt in the file names, e.g. ``'Office_Products'``
            (default: ``'Beauty'``).
        release: ``'2014'``, ``'2018'`` or ``'2023'`` (default: ``'2014'``).
        transform: Applied at every access.
        pre_transform: Applied once, before the result is stored.
        max_partners: Most partners of an item in ``same_category`` and ``same_brand``
            (default: 30).
        force_reload: Whether to read the raw files again.
        cache: Folder of the stored result.

    Raises:
        ValueError: If the release is unknown, the name is none of a file, or a file is
            not what it should be.
        FileNotFoundError: If a raw file is missing and cannot be downloaded.
    """

    def __init__(
        self,
        root: str | Path,
        name: str = "Beauty",
        release: str = "2014",
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        *,
        max_partners: int = 30,
        force_reload: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        if release not in _RELEASES:
            raise ValueError(
                f"'release' needs to be one of {list(_RELEASES)} (got {release!r})"
            )
        if not re.fullmatch(r"[\w-]+", name):
            raise ValueError(
                "'name' needs to be a category as spelt in the file names "
                f"(got {name!r})"
            )
        self.name = name
        self.release = release
        super().__init__(
            root,
            transform,
            pre_transform,
            max_partners=max_partners,
            force_reload=force_reload,
            cache=cache,
        )

    @property
    def name_and_arguments(self) -> tuple[str, ...]:
        """What, beside the raw files, decides the result."""
        return "AmazonReviews", self.release, self.name, str(self.max_partners)

    @property
    def raw_urls(self) -> Mapping[str, str]:
        """The reviews and the metadata, with their official addresses."""
        release = _RELEASES[self.release]
        urls = [
            pattern.format(self.name) for pattern in (release.reviews, release.meta)
        ]
        return {self._as_it_lies(url.rsplit("/", 1)[1]): url for url in urls}

    def _as_it_lies(self, name: str) -> str:
        """The name of a packed file, or of the unpacked one that is there instead."""
        plain = name.removesuffix(".gz")
        is_packed = self._raw_path(name).exists() or not self._raw_path(plain).exists()
        return name if is_packed else plain

    def build(self) -> HeteroData:
        """Reads reviews and metadata."""
        release = _RELEASES[self.release]
        reviews, meta = (self.raw_file(name) for name in self.raw_file_names)
        interactions = _read_reviews(reviews, release)
        items, relations = _read_meta(meta, release, set(interactions["item"]))
        return assemble(
            interactions,
            items,
            relations,
            shared=("category", "brand"),
            max_partners=self.max_partners,
        )


def _read_reviews(path: Path, release: _Release) -> pd.DataFrame:
    users: list[str] = []
    items: list[str] = []
    times = array("d")
    for number, line in enumerate(read_lines(path), start=1):
        row = _parse(line, json.loads, path, number)
        try:
            users.append(intern(row[release.user]))
            items.append(intern(row[release.item]))
            times.append(row[release.time])
        except (KeyError, OverflowError, TypeError) as error:
            raise ValueError(
                f"'{path}' needs {release.user!r}, {release.item!r} and "
                f"{release.time!r} in every line (got {row} in line {number}); is it "
                "the file of another release?"
            ) from error
    # Objects, so that the door may say which id is no Unicode.
    ids = pd.DataFrame({"user": users, "item": items}, dtype=object)
    return ids.assign(time=np.array(times) / release.ticks)


def _read_meta(
    path: Path, release: _Release, catalogue: Container[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of items and relations for the items of the catalogue."""
    items: dict[str, tuple[str, ...]] = {}
    relations: list[tuple[str, str, str]] = []
    for row in _meta_rows(path, release, catalogue):
        asin = row[release.item]
        if asin in catalogue and asin not in items:
            items[asin] = _describe_item(row)
            relations += [
                (asin, relation, other)
                for relation, other in _related(row)
                if other in catalogue
            ]
    columns = ["text", "title", "category", "brand"]
    table = pd.DataFrame.from_dict(items, orient="index", columns=columns)
    table = table.rename_axis("item").reset_index()
    return table, pd.DataFrame(relations, columns=["head", "relation", "tail"])


def _meta_rows(
    path: Path, release: _Release, catalogue: Container[str]
) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_lines(path), start=1):
        asin = _ASIN.search(line)
        if release.item == "asin" and asin and asin[2] not in catalogue:
            continue  # most lines of a department's metadata, and dear to parse
        row = _parse(line, release.parse_meta, path, number)
        if not isinstance(row.get(release.item), str):
            raise ValueError(
                f"'{path}' needs {release.item!r} in every line (got {list(row)} in "
                f"line {number}); is it the file of another release?"
            )
        yield row


def _parse(
    line: str, parse: Callable[[str], Any], path: Path, number: int
) -> dict[str, Any]:
    try:
        row = parse(line)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        kind = "JSON" if parse is json.loads else "Python literals"
        raise ValueError(
            f"'{path}' needs to hold {kind} (got {line.strip()[:80]!r} in line "
            f"{number}); is it the file of another release?"
        ) from error
    return row if isinstance(row, dict) else {}


def _describe_item(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Text, title, leaf category and brand of an item."""
    title = clean_text(row.get("title"))
    if _SCRIPT in title:
        title = ""
    category = _leaf(row.get("categories") or row.get("category"))
    brand = clean_text(row.get("brand") or row.get("store"))
    return join_text(title, category, brand), title, category, brand


def _leaf(path: object) -> str:
    """The last of a path of categories; 2014 has several, of which the first counts.

    In 2018 some paths end in what is left of the page's markup, which says nothing.
    """
    while isinstance(path, list) and path and isinstance(path[0], list):
        path = path[0]
    names = reversed(path) if isinstance(path, list) else [path]
    return next(filter(None, map(clean_text, names)), "")


def _related(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every observed relation of an item with the other item's id."""
    related = row.get("related")
    source = related if isinstance(related, dict) else row
    for relation, names in _RELATIONS.items():
        for name in names:
            others = source.get(name)
            for other in others if isinstance(others, list) else ():
                if isinstance(other, str):
                    yield relation, other

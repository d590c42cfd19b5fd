"""MovieLens 100K and 1M, with a knowledge graph of the movies where one is given."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from torch_geometric.data import HeteroData

from lrdgraph.datasets.assemble import assemble
from lrdgraph.datasets.base import SharedValueDataset
from lrdgraph.datasets.reading import open_text, read_lines
from lrdgraph.datasets.shared import shared_value_pairs

_GENRES_100K = (  # in the order of the flags in u.item
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_KNOWLEDGE = "kg.tsv.gz"
_MAX_ENTITY_MOVIES = 100  # an entity with more (a language, a country) says too little

_SHARED = {  # Freebase names, in both directions, of what two movies may share
    "actor": ("film.film.actor", "film.actor.film"),
    "director": ("film.film.directed_by", "film.director.film"),
    "writer": ("film.film.written_by", "film.writer.film"),
    "producer": ("film.film.produced_by", "film.producer.film"),
    "cinematographer": ("film.film.cinematography", "film.cinematographer.film"),
    "company": ("film.film.production_companies", "film.production_company.films"),
    "subject": ("film.film.subjects", "film.film_subject.films"),
    "subgenre": ("film.film.genre", "film.film_genre.films_in_this_genre"),
    "rating": ("film.film.rating", "film.content_rating.film"),
    "award": ("film.film.award_won",),
    "nomination": ("film.film.award_nomination",),
    "language": ("film.film.language",),
    "country": ("film.film.country",),
}
_SHARED_NAME = {name: kind for kind, names in _SHARED.items() for name in names}

_TITLE = re.compile(r"^(?P<name>.*?)(, (?P<article>The|A|An))?( \((?P<year>\d{4})\))?$")


class MovieLens(SharedValueDataset):
    """Movie ratings of `MovieLens <https://grouplens.org/datasets/movielens/>`_.

    Which release it is, is seen by the files: 100K has ``u.data`` and ``u.item``, 1M
    has ``ratings.dat`` and ``movies.dat`` (``README`` of each tells its terms of use;
    they are not downloaded). Every rating is an interaction, whatever its height; all
    movies of the file are in the catalogue (``KCore(1)`` keeps the rated ones).

    A movie's text is its title, genres and year; ``title``, ``category`` (its genres)
    and ``year`` are attributes. Relations:

    * ``same_genre``, by MovieLens' own genres.
    * Where ``kg.tsv.gz`` is given (columns ``head``, ``relation``, ``tail``; movies by
      MovieLens id, other entities by any other id): two movies linked by the same
      relation with the same entity, which gives ``same_director``, ``same_actor`` and
      so on, both directions of a Freebase relation counting as one. An entity of more
      than 100 movies, such as a language, links none. A triple between two movies is a
      relation by the last part of its name (``sequel``, ``prequel``).

    Args:
        root: Folder of these files; see :class:`ItemDataset`.
        transform: Applied at every access.
        pre_transform: Applied once, before the result is stored.
        max_partners: Most partners of a movie by one genre or entity (default: 30).
        force_reload: Whether to read the raw files again.
        cache: Folder of the stored result.

    Raises:
        FileNotFoundError: If the files of neither release are there.
        ValueError: If a file does not have its release's columns.
    """

    @property
    def raw_urls(self) -> Mapping[str, None]:
        """Ratings and movies of the release that is there, and the triples if given."""
        million = self._raw_path("ratings.dat").exists()
        names = ["ratings.dat", "movies.dat"] if million else ["u.data", "u.item"]
        if self._raw_path(_KNOWLEDGE).exists():
            names.append(_KNOWLEDGE)
        return dict.fromkeys(names)

    def build(self) -> HeteroData:
        """Reads the ratings, the movies and the triples."""
        ratings, movies, *knowledge = (self.raw_file(n) for n in self.raw_file_names)
        interactions = _read_ratings(ratings)
        items = _read_movies(movies)
        genres = items[["item", "genres"]].explode("genres").dropna()
        shared = genres.rename(columns={"genres": "entity"}).assign(kind="genre")
        relations = []
        if knowledge:
            triples = _read_triples(knowledge[0])
            relations.append(_between_movies(triples, items["item"]))
            shared = pd.concat([shared, _to_entities(triples, items["item"])])
        relations += _shared_relations(shared, items["item"], self.max_partners)
        table = pd.concat(relations) if relations else None
        return assemble(interactions, items.drop(columns="genres"), table)


def _read_ratings(path: Path) -> pd.DataFrame:
    """Columns ``user``, ``item``, ``time``; ``::`` counts as two separators."""
    separator, columns = (
        ("\t", [0, 1, 3]) if path.name == "u.data" else (":", [0, 2, 6])
    )
    try:
        with open_text(path) as file:
            table = pd.read_csv(
                file, sep=separator, header=None, usecols=columns, dtype=int
            )
    except ValueError as error:
        raise ValueError(
            f"'{path}' needs user, item, rating and time in integers ({error})"
        ) from error
    return table.set_axis(["user", "item", "time"], axis=1)


def _read_movies(path: Path) -> pd.DataFrame:
    """Columns ``item``, ``text``, ``title``, ``category``, ``year``, ``genres``."""
    rows = []
    for number, line in enumerate(read_lines(path, encoding="latin-1"), start=1):
        fields = line.rstrip("\r\n").split("|" if path.name == "u.item" else "::")
        if len(fields) != (5 + len(_GENRES_100K) if path.name == "u.item" else 3):
            raise ValueError(
                f"'{path}' needs the fields of its release in every line "
                f"(got {len(fields)} fields in line {number})"
            )
        genres = fields[2].split("|")
        if path.name == "u.item":
            flags = zip(_GENRES_100K, fields[5:], strict=True)
            genres = [genre for genre, flag in flags if flag == "1"]
        rows.append(_describe_movie(fields[0], fields[1], genres))
    columns = ["item", "text", "title", "category", "year", "genres"]
    return pd.DataFrame(rows, columns=columns)


def _describe_movie(
    item: str, title: str, genres: list[str]
) -> tuple[str, str, str, str, str, list[str]]:
    """A row of movies; ``'Net, The (1995)'`` reads ``'The Net'`` of ``'1995'``."""
    parts = _TITLE.match(title.strip())
    assert parts is not None  # every group is optional
    title = " ".join(filter(None, (parts["article"], parts["name"])))
    genres = [genre for genre in genres if genre != "unknown"]
    year = parts["year"] or ""
    text = ", ".join(filter(None, (title, *genres, year)))
    return item, text, title, ", ".join(genres), year, genres


def _read_triples(path: Path) -> pd.DataFrame:
    columns, rows = ["head", "relation", "tail"], []
    for number, line in enumerate(read_lines(path), start=1):
        row = line.rstrip("\n").split("\t")
        if number == 1 and row != columns:
            raise ValueError(f"'{path}' needs the columns {columns} (got {row})")
        if len(row) != 3:
            raise ValueError(
                f"'{path}' needs three fields, separated by tabs, in every line "
                f"(got {len(row)} in line {number})"
            )
        rows.append(row)
    if not rows:
        raise ValueError(f"'{path}' needs the columns {columns} (got an empty file)")
    return pd.DataFrame(rows[1:], columns=columns)


def _between_movies(triples: pd.DataFrame, movies: pd.Series) -> pd.DataFrame:
    """The triples between two movies, their relation by the last part of its name."""
    table = triples[triples["head"].isin(movies) & triples["tail"].isin(movies)]
    return table.assign(relation=table["relation"].map(_last_part))


def _last_part(relation: str) -> str:
    return relation.rsplit(".", 1)[-1]


def _to_entities(triples: pd.DataFrame, movies: pd.Series) -> pd.DataFrame:
    """Columns ``item``, ``entity``, ``kind`` of the triples with one movie."""
    ends = []
    for movie, entity in (("head", "tail"), ("tail", "head")):
        table = triples[triples[movie].isin(movies) & ~triples[entity].isin(movies)]
        ends.append(table.rename(columns={movie: "item", entity: "entity"}))
    table = pd.concat(ends)
    kind = table["relation"].map(_SHARED_NAME)
    table["kind"] = kind.fillna(table["relation"].map(_last_part))
    table = table[["item", "entity", "kind"]].drop_duplicates()
    movies_of = table.groupby(["kind", "entity"])["item"].transform("size")
    return table[movies_of <= _MAX_ENTITY_MOVIES]


def _shared_relations(
    shared: pd.DataFrame, movies: pd.Series, max_partners: int
) -> list[pd.DataFrame]:
    """Triples ``same_<kind>`` between the movies that share an entity."""
    ids = movies.drop_duplicates().to_numpy()
    tables = []
    for kind, group in shared.groupby("kind", sort=False):
        item = pd.Index(ids).get_indexer(pd.Index(group["item"]))
        value, _ = pd.factorize(group["entity"])
        head, tail = shared_value_pairs(
            item.astype(np.int64), value.astype(np.int64), max_partners
        )
        table = pd.DataFrame({"head": ids[head], "tail": ids[tail]})
        tables.append(table.assign(relation=f"same_{kind}"))
    return tables

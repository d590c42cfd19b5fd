import gzip
from pathlib import Path

import pytest

from lrdgraph.datasets import INTERACTS, MovieLens


def write_100k(root: Path) -> None:
    (root / "u.data").write_text("1\t2\t5\t30\n1\t1\t1\t20\n2\t1\t3\t10\n")
    flags = {1: (3, 5), 2: (3,), 3: (0,)}
    titles = {1: "Ch\xe9ri, The (1995)", 2: "M\xe1s", 3: "unknown"}
    lines = [
        "|".join(
            [str(i), titles[i], "", "", ""]
            + ["1" if genre in flags[i] else "0" for genre in range(19)]
        )
        for i in titles
    ]
    (root / "u.item").write_text("\n".join(lines), encoding="latin-1")


def test_100k(tmp_path):
    write_100k(tmp_path)
    data = MovieLens(tmp_path)[0]
    assert data["item"].id == ["1", "2", "3"]
    assert data["item"].title == ["The Chéri", "Más", "unknown"]
    assert data["item"].category == ["Animation, Comedy", "Animation", ""]
    assert data["item"].text[0] == "The Chéri, Animation, Comedy, 1995"
    assert data[INTERACTS].edge_index.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert data["item", "same_genre", "item"].edge_index.tolist() == [[0, 1], [1, 0]]


def test_1m(tmp_path):
    (tmp_path / "ratings.dat").write_text("1::2::5::30\n1::1::1::20\n")
    movies = "1::Alien: Part::2 (1979)::Horror|Sci-Fi\n".replace("::2", " 2")
    movies += "2::Up (2009)::Comedy\n"
    (tmp_path / "movies.dat").write_text(movies, encoding="latin-1")
    data = MovieLens(tmp_path)[0]
    assert data["item"].text == [
        "Alien: Part 2, Horror, Sci-Fi, 1979",
        "Up, Comedy, 2009",
    ]
    assert data[INTERACTS].time.tolist() == [20, 30]


def test_knowledge_graph(tmp_path):
    write_100k(tmp_path)
    triples = [
        ("head", "relation", "tail"),
        ("1", "film.film.directed_by", "m.1"),
        ("m.1", "film.director.film", "3"),
        ("2", "film.film.sequel", "3"),
        ("2", "film.film.written_by", "m.1"),
        ("m.8", "film.director.film", "m.9"),
    ]
    with gzip.open(tmp_path / "kg.tsv.gz", "wt") as file:
        file.writelines("\t".join(triple) + "\n" for triple in triples)
    data = MovieLens(tmp_path)[0]
    same_director = data["item", "same_director", "item"].edge_index
    assert same_director.tolist() == [[0, 2], [2, 0]]
    assert data["item", "sequel", "item"].edge_index.tolist() == [[1], [2]]


def test_an_entity_of_many_movies_links_none(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lrdgraph.datasets.movielens._MAX_ENTITY_MOVIES", 2)
    write_100k(tmp_path)
    with gzip.open(tmp_path / "kg.tsv.gz", "wt") as file:
        file.write("head\trelation\ttail\n")
        file.writelines(f"{i}\tfilm.film.language\tm.1\n" for i in (1, 2, 3))
        file.writelines(f"{i}\tfilm.film.country\tm.1\n" for i in (1, 2, 2))
    data = MovieLens(tmp_path)[0]
    assert ("item", "same_language", "item") not in data.edge_types
    assert data["item", "same_country", "item"].edge_index.tolist() == [[0, 1], [1, 0]]


def test_real_100k(shared_data, tmp_path):
    data = MovieLens(shared_data / "ml-100k", cache=tmp_path)[0]
    assert (data["user"].num_nodes, data["item"].num_nodes) == (943, 1682)
    assert data[INTERACTS].num_edges == 100_000
    assert data["item"].text[0] == "Toy Story, Animation, Children's, Comedy, 1995"
    assert data["item", "same_director", "item"].num_edges > 1000


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'u\.data' is missing.*/raw'"):
        MovieLens(tmp_path)

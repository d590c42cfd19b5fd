"""What every dataset does with tables that are not as they should be.

Raw files that are not: ``test_bad_files.py``.
"""

import re

import numpy as np
import pandas as pd
import pytest

from lrdgraph.datasets import (
    INTERACTS,
    AmazonReviews,
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


NO_TIME = (
    "'time' needs to be non-negative seconds since 1970, or ISO 8601 dates, in "
    "interactions "
)

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
    "interaction in training and in the test": (
        lambda: assemble(
            interactions(user=["u"] * 4, item=list("abab"), time=[1, 2, 1, 2]).assign(
                split=[0, 0, 0, 2]
            ),
            items(),
        ),
        "'split' needs to be the same for the same user, item and time in interactions "
        "(got 0 in row 1 and 2 in row 3, both with 'u', 'b', 2)",
    ),
    "no interactions": (
        lambda: assemble(interactions().iloc[:0], items()),
        "'interactions' needs at least one row (got 0)",
    ),
    "NaN time": (
        lambda: assemble(interactions(time=[1, np.nan]), items()),
        NO_TIME + "(got nan in row 1)",
    ),
    "negative time": (
        lambda: assemble(interactions(time=[1, -3.0]), items()),
        NO_TIME + "(got -3.0 in row 1)",
    ),
    "infinite time": (
        lambda: assemble(interactions(time=[np.inf, 1]), items()),
        NO_TIME + "(got inf in row 0)",
    ),
    "time in milliseconds": (
        lambda: assemble(interactions(time=[1_400_000_000_000, 1]), items()),
        NO_TIME + "(got 1400000000000",
    ),
    "time that is none": (
        lambda: assemble(interactions(time=["2020-01-01", "soon"]), items()),
        NO_TIME + "(got 'soon' in row 1)",
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
        "'relation' needs names other than ['none'], which are made without these rows",
    ),
    "relations that are made later": (
        lambda: assemble(
            interactions(),
            items(),
            triples(("a", "transition", "b"), ("a", "r", "b")),
        ),
        "'relation' needs names other than ['transition'], which are made",
    ),
    "relation called like a shared attribute": (
        lambda: assemble(
            interactions(),
            items(brand=["x", "x"]),
            triples(("a", "same_brand", "b")),
            shared=["brand"],
        ),
        "'relation' needs names other than ['same_brand'], which are made",
    ),
    "split out of range": (
        lambda: assemble(interactions(split=[0, 3]), items()),
        "'split' needs to be 0 (train), 1 (val) or 2 (test) in interactions (got 3",
    ),
    "wrong column names in tables": (
        lambda: from_tables(interactions(), items()),
        "'interactions' needs the columns ['user_id', 'item_id'] (got ['user', 'item'",
    ),
    "no time in tables": (
        lambda: from_tables(
            interactions().drop(columns="time"), items(), user="user", item="item"
        ),
        "says what came first; where there are no times, number the rows",
    ),
    "ids of another kind": (
        lambda: assemble(interactions(), items().assign(item=["00a", "00b"])),
        "such as 'a' (got none, but such as '00a'); ids are compared as text",
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


def test_duplicates_within_a_part_of_the_split_are_dropped():
    repeated = interactions(item=["a", "a"], time=[1, 1], split=[2, 2])
    with pytest.warns(UserWarning, match="Dropped 1 interactions that repeat"):
        data = assemble(repeated, items())
    assert data[INTERACTS].split.tolist() == [2]


@pytest.mark.parametrize("name", ["count", "encoder", "trend", "vector_steps", "_mine"])
def test_names_of_attributes_that_mean_something_else(name):
    message = re.escape(f"'items' needs attributes with other names than ['{name}']")
    with pytest.raises(ValueError, match=message):
        assemble(interactions(), items(**{name: ["1", "2"]}))


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


def test_values_that_are_given_as_relations_belong_elsewhere():
    relations = triples(("a", "made_by", "Acme"), ("b", "made_by", "Acme"))
    with pytest.warns(UserWarning, match="brands go into 'shared'"):
        assemble(interactions(), items(), relations)


@pytest.mark.parametrize("relations", [None, triples()])
def test_no_relations(relations):
    assert assemble(interactions(), items(), relations).edge_types == [INTERACTS]


def test_a_relation_may_be_called_like_an_attribute_that_is_not_shared():
    data = assemble(
        interactions(), items(brand=["x", "y"]), triples(("a", "same_brand", "b"))
    )
    assert data["item", "same_brand", "item"].edge_index.tolist() == [[0], [1]]


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
        ("&lt;b&gt;Bold&lt;/b&gt; pen, 5 &lt; 6", "Bold pen, 5 < 6"),
        ("A<BR/>B<!-- <i>not\nthis</i> -->C<o:p></o:p> <!--", "A B C <!--"),
        ("T-Shirt <XL>, <S>, <Set of 3>, <body-wash>",) * 2,
        ("Monitor <16:9> at <10:30 AM> in <Color:Red>",) * 2,
        ("<!DOCTYPE html><label for='x'>Blue</label><o:p>pen</o:p>", "Blue pen"),
        ("Ünïcödé 日本語 🎧", "Ünïcödé 日本語 🎧"),
        (12.0, "12"),
        (["red", None, "blue"], "red, blue"),
    ],
)
def test_texts_are_made_readable(raw, text):
    assert assemble(interactions(), items(text=[raw, ""]))["item"].text[0] == text


def test_user_with_one_interaction_stays_in_training():
    data = assemble(interactions(user=["u", "v"]), items())
    assert LeaveOneOut()(data)[INTERACTS].split.tolist() == [0, 0]

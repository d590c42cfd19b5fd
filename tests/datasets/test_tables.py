import codecs
import gzip
from pathlib import Path

import pandas as pd
import pytest

from lrdgraph.datasets import INTERACTS, from_tables

INTERACTIONS = pd.DataFrame(
    {"user_id": ["u", "u", "v"], "item_id": ["007", "8", "8"], "time": [5, 6, 7]}
)
ITEMS = pd.DataFrame(
    {"item_id": ["007", "8"], "title": ["Caf&eacute;", "茶"], "brand": ["A", "A"]}
)
RELATIONS = pd.DataFrame({"head": ["007"], "relation": ["goes_with"], "tail": ["8"]})


def write(table: pd.DataFrame, path: Path) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith(("csv", "tsv")):
        table.to_csv(path, index=False, sep="," if name.endswith("csv") else "\t")
    elif name.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    return path


@pytest.mark.parametrize(
    "kind", ["csv", "tsv", "tsv.gz", "jsonl", "json.gz", "parquet"]
)
def test_every_kind_of_file_gives_the_same(kind, tmp_path):
    expected = from_tables(INTERACTIONS, ITEMS, RELATIONS, shared=["brand"])
    files = {"i": INTERACTIONS, "p": ITEMS, "r": RELATIONS}
    paths = [write(table, tmp_path / f"{n}.{kind}") for n, table in files.items()]
    data = from_tables(*paths, shared=["brand"])
    assert data["item"].id == ["007", "8"]
    assert data["item"].text == ["Café", "茶"]
    assert data.edge_types == expected.edge_types
    for edge_type in data.edge_types:
        edges = data[edge_type].edge_index.tolist()
        assert edges == expected[edge_type].edge_index.tolist()


@pytest.mark.parametrize("kind", ["csv", "tsv.gz", "jsonl", "parquet"])
def test_what_reads_like_a_number_is_text(kind, tmp_path):
    items = ITEMS.assign(title=["00", "1.50"], model=["007", "7"])
    path = write(items, tmp_path / f"items.{kind}")
    data = from_tables(INTERACTIONS, path, shared=["model"])
    assert data["item"].text == ["00", "1.50"]
    assert data["item"].model == ["007", "7"]
    assert data["item", "same_model", "item"].num_edges == 0


def test_what_an_export_says_of_the_unknown_is_no_brand(tmp_path):
    items = pd.DataFrame({"item_id": ["007", "8", "NA"], "title": "tea", "brand": "NA"})
    for brand in ("NULL", "None", "nan", "N/A", ""):
        path = write(items.assign(brand=brand), tmp_path / "items.csv")
        data = from_tables(INTERACTIONS, path, shared=["brand"])
        assert data["item"].id == ["007", "8", "NA"]
        assert data["item"].brand == ["", "", ""]
        assert data["item", "same_brand", "item"].num_edges == 0


@pytest.mark.parametrize("id", [None, "Variant SKU"])
def test_names_of_columns(id):
    data = from_tables(
        INTERACTIONS.set_axis(["who", "sku", "when"], axis=1),
        ITEMS.rename(columns={"item_id": id or "sku"}),
        user="who",
        item="sku",
        time="when",
        id=id,
        text=("brand", "title"),
    )
    assert data["item"].text == ["A Café", "A 茶"]
    assert data["item"].title == ["Café", "茶"]
    assert data["item"].id == ["007", "8"]
    assert data[INTERACTS].time.tolist() == [5, 6, 7]


OWN = {"CustomerID": ["u"], "sku": ["7"], "InvoiceDate": [1]}


@pytest.mark.parametrize(
    ("column", "value", "place"),
    [
        ("CustomerID", None, "of interactions"),
        ("sku", " ", "of interactions"),
        ("InvoiceDate", "soon", "in interactions"),
        ("Variant SKU", None, "of items"),
    ],
)
def test_errors_name_the_columns_that_the_user_has(column, value, place):
    bought = pd.DataFrame(OWN, dtype=object)
    items = pd.DataFrame({"Variant SKU": ["7"], "title": ["pen"]})
    (bought if column in OWN else items).loc[0, column] = value
    names = {"user": "CustomerID", "item": "sku", "time": "InvoiceDate"}
    with pytest.raises(ValueError, match=rf"'{column}' needs .* {place} .*in row 0"):
        from_tables(bought, items, **names, id="Variant SKU")


def test_texts_that_are_not_named_are_not_lost():
    items = ITEMS.assign(text=["A cup of it", "Green"])
    message = r"no column 'text' beside the texts in \['title'\]: name it in 'text'"
    with pytest.raises(ValueError, match=message):
        from_tables(INTERACTIONS, items)
    data = from_tables(INTERACTIONS, items, text=["title", "text"])
    assert data["item"].text == ["Café A cup of it", "茶 Green"]
    named = items.drop(columns="text").rename(columns={"item_id": "text"})
    assert from_tables(INTERACTIONS, named, id="text")["item"].id == ["007", "8"]


def test_own_split():
    data = from_tables(INTERACTIONS.assign(split=[0, 2, 0]), ITEMS)
    assert data[INTERACTS].split.tolist() == [0, 2, 0]


def test_pairs_that_are_found_anew_in_texts_are_no_known_relation():
    found = RELATIONS.assign(relation=" text_knn")
    with pytest.raises(
        ValueError, match=r"'relation' needs names .* than \['text_knn'\]"
    ):
        from_tables(INTERACTIONS, ITEMS, found)


def test_file_of_another_kind(tmp_path):
    path = tmp_path / "interactions.xlsx"
    path.touch()
    with pytest.raises(ValueError, match=r"'interactions' .*'\.csv'.*got '.*\.xlsx'"):
        from_tables(path, ITEMS)


@pytest.mark.parametrize("kind", ["csv", "tsv.gz", "jsonl", "json.gz"])
def test_a_byte_order_mark_is_no_part_of_a_table(kind, tmp_path):
    path = write(ITEMS, tmp_path / f"items.{kind}")
    packed = kind.endswith("gz")
    text = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    marked = codecs.BOM_UTF8 + text
    path.write_bytes(gzip.compress(marked) if packed else marked)
    assert from_tables(INTERACTIONS, path)["item"].text == ["Café", "茶"]


@pytest.mark.filterwarnings("error::DeprecationWarning", "error::FutureWarning")
def test_a_table_of_items_with_a_header_alone(tmp_path):
    path = write(ITEMS[:0], tmp_path / "items.csv")
    with pytest.warns(UserWarning, match="2 items of the interactions have no row"):
        data = from_tables(INTERACTIONS, path, shared=["brand"])
    assert data["item"].id == ["007", "8"]
    assert data["item"].text == data["item"].brand == ["", ""]
    assert data["item", "same_brand", "item"].num_edges == 0


def test_cut_off_file_is_named(tmp_path):
    path = tmp_path / "items.csv.gz"
    path.write_bytes(gzip.compress(b"item_id,title\n1,pen\n" * 100)[:-20])
    with pytest.raises(ValueError, match=r"items\.csv\.gz' cannot be read: .*ended"):
        from_tables(INTERACTIONS, path)

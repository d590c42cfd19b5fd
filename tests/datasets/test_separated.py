import re

import pandas as pd
import pytest

from lrdgraph.datasets import INTERACTS, ReChorus, from_tables
from lrdgraph.datasets.separated import read_separated
from lrdgraph.datasets.tables import read_table

ITEMS = pd.DataFrame({"item_id": ["7", "8"], "title": ["pen", "ink"]})
HEADER = "user_id,item_id,time\n"


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        ("u,7,1,\nu,8,2,\n", "its first row 4"),
        ("u,pen, red,7,1\nu,8,2\n", "its first row 5"),
        ("u,pen,7,1\nu,8,2\n", "its first row 4"),
        ("\n\nu,7,1,\n", "its first row 4"),
        ("u,7,1\nu,pen,8,2\n", "Expected 3 fields in line 3, saw 4"),
    ],
)
def test_rows_with_more_fields_than_the_header(rows, got, tmp_path):
    path = tmp_path / "bought.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(ValueError, match=rf"bought\.csv' cannot be read: .*{got}"):
        from_tables(path, ITEMS)


def test_as_many_in_the_header(tmp_path):
    path = tmp_path / "bought.csv"
    path.write_text("user_id,item_id,time,\nu,7,1,\nu,8,2,\n")
    data = from_tables(path, ITEMS)
    assert data["user"].id == ["u"]
    assert data[INTERACTS].time.tolist() == [1, 2]


@pytest.mark.parametrize("rows", ["", "\n", "u,7\n"])
def test_fewer_fields_and_no_rows(rows, tmp_path):
    path = tmp_path / "bought.csv"
    path.write_text(HEADER + rows)
    table = read_table(path, "interactions", ("user_id", "item_id"))
    assert table.columns.tolist() == ["user_id", "item_id", "time"]
    assert table["user_id"].tolist() == ["u"] * rows.count("u")


def test_rechorus(tmp_path):
    for name in ("train.csv", "dev.csv", "test.csv"):
        (tmp_path / name).write_text("user_id\titem_id\ttime\n1\t2\t3\t\n")
    with pytest.raises(ValueError, match=r"train\.csv' .*3 fields, but .*first row 4"):
        ReChorus(tmp_path)


MORE = "item_id,title,brand\n"


@pytest.mark.parametrize(
    ("name", "content", "start"),
    [
        (
            "a.tsv",
            'item_id\ttitle\n1\t"Best ruler\n2\tpen\n3\t24" TV\n4\tink\n',
            "Best",
        ),
        ("a.csv", MORE + '1,"Best ruler,Acme\r\n2,pen,Borg\r\n3,"TV",Corx\r\n', "Best"),
        ("b.csv", MORE + '"1,pen,Acme\n\n2,pen,Borg\n3",ink,Corx\n', "1,pen"),
        ("c.csv", MORE + '1,"pen,Acme\n2,ink,"Borg, Inc\n', "pen,Acme"),
    ],
)
def test_a_quote_that_is_not_closed(name, content, start, tmp_path):
    path = tmp_path / name
    path.write_bytes(content.encode())
    with pytest.warns(
        UserWarning, match=rf"{name}' has 1 fields .* in row 0, '{start}"
    ):
        read_table(path, "items", ("item_id",), numbers=False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('item_id,title,brand\n1,"pen, blue\nor red",Acme\n2,"ink\n",Acme\n', 2),
        ('item_id,title,brand\n1,"pen\nblue, or, red",Acme\n', 1),
        ('item_id\ttitle\n1\t"pen, blue\n3, 4"\n', 1),
        ('item_id\n"1\n2"\n"\n"\n', 2),
        ("item_id,title,flag\n1,pen,True\n2,ink,\n", 2),
    ],
)
def test_texts_of_several_lines(content, rows, tmp_path):
    path = tmp_path / ("items.tsv" if "\t" in content else "items.csv")
    path.write_text(content)
    for numbers in (False, True):
        assert len(read_table(path, "items", ("item_id",), numbers)) == rows


def test_commas_may_be_semicolons(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('item_id;title\n1;"pen; blue, 2,5 mm"\n2;ink, red\n')
    table = read_table(path, "items", ("item_id",))
    assert table.to_dict("list") == {
        "item_id": ["1", "2"],
        "title": ["pen; blue, 2,5 mm", "ink, red"],
    }
    path.write_text("item_id,a;b\n1,2;3\n")  # a comma is one
    assert [*read_table(path, "items", ())] == ["item_id", "a;b"]
    path.write_text('"a;b"\n1\n')
    with pytest.raises(ValueError, match=r"separated by ',' \(got ';'\?\)"):
        read_table(path, "items", ())
    path.write_text("a;b\n1;2;3\n")
    with pytest.raises(ValueError, match="header has 2 fields, but its first row 3"):
        read_table(path, "items", ())


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_another_separator_is_named(tmp_path, separator):
    path = tmp_path / "table.csv"
    path.write_text(separator.join("ab") + "\n" + separator.join("12"))
    message = f"separated by ',' (got {separator!r}?)"
    with pytest.raises(ValueError, match=re.escape(message)):
        read_separated(path, ",")


def test_another_encoding_is_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("a,b\nTür,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match="needs to be in UTF-8"):
        read_separated(path, ",")

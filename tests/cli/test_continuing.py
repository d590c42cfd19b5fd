"""Training that goes on with a kept model."""

import re

import pandas as pd
import pytest

from lrdgraph.cli.settings import read_settings
from lrdgraph.models import LRDRec


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
    "given",
    [
        *("--trends", "--num-latent 8", "--objective marginal", "--steps 2000"),
        *("--sequence-encoder hstu", "--max-length 20", "--relation-weight 0.3"),
    ],
)
def test_what_only_a_new_model_can_have_is_refused_to_go_on_with(
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

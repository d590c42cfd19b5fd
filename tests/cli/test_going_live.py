"""Training for a model that goes live, and takes the place of an earlier one."""

from shutil import copytree

import pandas as pd

from lrdgraph.cli.settings import read_settings
from lrdgraph.models import LRDRec


def test_a_model_is_replaced_only_if_asked_to(model, tables, quickly, tmp_path, run):
    out = tmp_path / "m"
    copytree(model, out)
    kept = (out / "model.safetensors").read_bytes()
    train = ["train", *tables, "--out", out, "--epochs", "1", *quickly]
    add = ["add", model, "--items", tmp_path / "new.csv", "--out", out]
    (tmp_path / "new.csv").write_text("item_id,title,category\nNEW,Ink,Office\n")
    for command in (train, add):
        code, _, err = run(*command)
        assert code == 2
        assert "holds a model already" in err
        assert (out / "model.safetensors").read_bytes() == kept
    (out / ".checkpoints").mkdir()  # of a training to replace it, which broke off
    assert run(*add).code == 2
    for command in (add, train):
        assert run(*command, "--overwrite").code == 0
        replaced = (out / "model.safetensors").read_bytes()
        assert replaced != kept
        kept = replaced


def test_that_nobody_bought_enough_is_told_before_texts_are_read(
    folder, tmp_path, quickly, run
):
    purchases = pd.read_csv(folder / "purchases.csv")
    purchases.groupby("user_id").head(2).to_csv(tmp_path / "few.csv", index=False)
    tables = ["--interactions", tmp_path / "few.csv", "--items", folder / "items.csv"]
    code, _, err = run("train", *tables, *quickly, "--out", tmp_path / "m")
    assert code == 2
    assert "three or more interactions" in err
    assert "embedding" not in err


def test_the_model_that_goes_live_learns_from_all_purchases(
    folder, tables, quickly, tmp_path, run
):
    train = ["train", *tables, *quickly, "--final", "--out", tmp_path / "live"]
    code, _, err = run(*train)
    assert code == 2
    assert "--final needs --epochs" in err
    code, out, err = run(*train, "--epochs", "2", "--patience", "1")
    assert code == 0
    assert "training for 2 epochs\n" in err
    assert "epoch 2: train/next_item" in err
    assert "NDCG" not in out
    live = LRDRec.from_pretrained(tmp_path / "live")
    purchases = pd.read_csv(folder / "purchases.csv")
    assert live.graph.popularity.sum() == len(purchases)
    assert read_settings(tmp_path / "live").metrics == {}
    told = f"'{tmp_path / 'live'}' was trained with --final"
    assert told in run("evaluate", tmp_path / "live", *tables[:2]).err
    going_on = ["--continue-from", tmp_path / "live", "--epochs", "1", *quickly[2:4]]
    code, _, err = run("train", *tables, *going_on, "--out", tmp_path / "later")
    assert (code, told in err) == (0, True)
    told = f"'{tmp_path / 'later'}' was trained with --final"
    assert told in run("evaluate", tmp_path / "later", *tables[:2]).err

"""Training that was interrupted, and what goes on with it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lrdgraph.cli.settings import CHECKPOINTS


@pytest.fixture
def interrupted(tables, quickly, tmp_path, run, monkeypatch) -> Path:
    """The folder of a training of one epoch that was stopped before its evaluation."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lrdgraph.cli.train.measure", stop)
        argv = ["train", *tables, "--out", tmp_path / "m", "--epochs", "1", *quickly]
        assert run(*argv, "--seed", "3").code == 130
    return tmp_path / "m"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--seed 4", "with --seed 3 (got it with --seed 4)"),
        ("--seed 3 --trends", "without --trends (got it with --trends)"),
    ],
)
def test_another_command_does_not_go_on_with_it(
    interrupted, tables, quickly, run, given, told
):
    argv = ["train", *tables, "--out", interrupted, "--epochs", "1", *quickly]
    code, _, err = run(*argv, *given.split())
    assert (code, told in err) == (2, True), err
    shutil.rmtree(interrupted / CHECKPOINTS)
    assert run(*argv, *given.split()).code == 0


def test_an_earlier_model_is_not_left_out_without_a_word(
    interrupted, model, tables, folder, run
):
    argv = ["train", *tables, "--out", interrupted, "--vectors", folder / "vectors"]
    code, _, err = run(*argv, "--continue-from", model, "--seed", "3")
    assert code == 2
    assert f"without --continue-from (got it with --continue-from {model})" in err


def test_the_same_command_goes_on(interrupted, tables, quickly, run):
    begun = json.loads((interrupted / CHECKPOINTS / "begun.json").read_text())
    assert begun["seed"] == 3
    argv = ["train", *tables, "--out", interrupted, "--epochs", "1", *quickly]
    assert run(*argv, "--seed", "3").code == 0
    assert not (interrupted / CHECKPOINTS).exists()


def test_there_is_no_model_yet(interrupted, run):
    code, _, err = run("recommend", interrupted, "--history", "P000001")
    assert code == 2
    assert "holds a training that was interrupted, and no model yet" in err


def test_tables_without_a_text_are_refused(folder, tables, tmp_path, run):
    items = pd.read_csv(folder / "items.csv")
    items.assign(title="").to_csv(tmp_path / "items.csv", index=False)
    bare = ["--interactions", folder / "purchases.csv"]
    bare += ["--items", tmp_path / "items.csv"]
    code, _, err = run("train", *bare, "--out", tmp_path / "m")
    assert code == 2
    assert "needs texts in ['title'], which relations are read from (got none" in err


def test_a_table_of_new_items_alone_is_no_table_to_go_on_with(
    model, folder, tmp_path, run
):
    items = pd.read_csv(folder / "items.csv")
    items.head(3).to_csv(tmp_path / "items.csv", index=False)
    code, _, err = run(
        *("train", "--continue-from", model, "--out", tmp_path / "m"),
        *("--interactions", folder / "purchases.csv", "--epochs", "1"),
        *("--items", tmp_path / "items.csv", "--vectors", folder / "vectors"),
    )
    assert code == 2
    assert "needs to have all items, old and new (got a text for 3 of" in err

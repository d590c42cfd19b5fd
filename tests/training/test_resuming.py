"""With which runs a folder's training goes on, and with which it does not."""

import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import SASRec
from lrdgraph.testing import make_shop, tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.training.resuming import read_checkpoint
from lrdgraph.transforms import LeaveOneOut

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")

X = torch.randn(192, 8, generator=torch.Generator().manual_seed(0))
USUAL: dict[str, Any] = {"max_length": 10, "batch_size": 128}


def batches(**options: Any) -> SequenceDataModule:
    return SequenceDataModule(tiny_shop(num_users=100), **USUAL | options)


def train(
    folder: Path, module: SequenceDataModule, x: torch.Tensor = X, **options: Any
) -> SASRec:
    seed_everything(0, verbose=False)
    model = SASRec(192, 8, max_length=10, x=x)
    options = {"max_epochs": 2, "progress": False} | options
    fit(make_trainer(folder, **options), NextItem(model), module)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of two epochs."""
    folder = tmp_path_factory.mktemp("run")
    train(folder, batches())
    return folder


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"batch_size": 64}, "batch_size is 128, not 64; 1 in all"),
        ({"num_questions": 7}, "questions is 100, not 7; 1 in all"),
    ],
)
def test_folder_of_other_batches_is_refused(folder, options, difference):
    with pytest.raises(ValueError, match=difference):
        train(folder, batches(**options))


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"precision": "bf16-mixed"}, "precision is 32-true, not bf16-mixed; 1 in all"),
        ({"average": False}, "average is True, not False; 1 in all"),
        ({"monitor": "val/MRR"}, "monitor is val/NDCG@10, not val/MRR; 1 in all"),
        ({"monitor": None}, "monitor is val/NDCG@10, not None; 1 in all"),
    ],
)
def test_folder_of_another_way_to_train_is_refused(folder, options, difference):
    with pytest.raises(ValueError, match=difference):
        train(folder, batches(), **options)


def test_folder_of_a_run_without_validation_is_refused(tmp_path):
    train(tmp_path, batches(), monitor=None)
    with pytest.raises(ValueError, match="monitor is None, not val/NDCG@10; 1 in all"):
        train(tmp_path, batches())


def test_folder_of_other_vectors_is_refused(folder):
    for other in (X.roll(1, dims=1), X.roll(1, dims=0), X + 0.01, -X):
        with pytest.raises(ValueError, match=r"values of model\.x is .*; 1 in all"):
            train(folder, batches(), other)


@pytest.mark.filterwarnings("ignore:.* is over")
def test_vectors_may_differ_in_their_last_bits(folder):
    other = X * (1 + 1e-7 * torch.randn(X.shape))
    assert not other.equal(X)
    assert train(folder, batches(), other).x.equal(other)


@pytest.mark.filterwarnings("ignore:.* is over")
@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("size", [0, 10, 0.5, -1])
def test_a_checkpoint_that_is_cut_off_is_named(folder, name, size, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    path = tmp_path / "run" / f"{name}.ckpt"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(size * len(whole)) if size == 0.5 else size])
    message = (
        rf"'{re.escape(str(path))}' needs to be a whole .* in '.*run' to train anew"
    )
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", batches())


def test_what_is_no_checkpoint_is_named(tmp_path):
    path = tmp_path / "last.ckpt"
    for content in (b"text " * 99, pickle.dumps({"a": print})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"last\.ckpt' needs to be a whole"):
            read_checkpoint(path)
    torch.save(torch.ones(3), path)
    with pytest.raises(ValueError, match=r"last\.ckpt' needs to be a whole"):
        read_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.ckpt")


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "Input/output error"),
        MemoryError(),
        RuntimeError("unable to mmap 9 bytes: Cannot allocate memory (12)"),
    ],
)
def test_a_checkpoint_that_cannot_be_read_now_is_not_to_be_removed(
    folder, error, monkeypatch
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(type(error)) as caught:
        train(folder, batches())
    assert caught.value is error


def test_fewer_epochs_than_a_run_has_are_refused(tmp_path):
    train(tmp_path, batches(), max_epochs=2)
    before = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(ValueError, match=r"holds a run of 2 epochs, more .*\(got 1\)"):
        train(tmp_path, batches(), max_epochs=1)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_a_run_with_dense_gradients_goes_on_with_the_same_task(tmp_path):
    """To clip them turns off that they are sparse, which is no other run."""
    task = NextItem(SASRec(192, 8, max_length=10, num_negatives=20))
    for max_epochs in (1, 2):
        trainer = make_trainer(tmp_path, max_epochs=max_epochs, progress=False)
        trainer.gradient_clip_val = 1.0
        fit(trainer, task, batches())
    assert read_checkpoint(tmp_path / "last.ckpt")["epoch"] == 1


def test_nothing_to_validate_is_said_before_training(tmp_path):
    module = SequenceDataModule(LeaveOneOut()(make_shop([[0, 1], [2, 3]], 192)), 10)
    with pytest.raises(ValueError, match="validation needs at least one purchase"):
        train(tmp_path, module)
    assert not list(tmp_path.iterdir())


def test_a_run_whose_folder_was_moved_keeps_its_best_epoch(tmp_path):
    """It learns nothing, so the first one is the best."""

    def train(folder: Path, max_epochs: int) -> ModelCheckpoint:
        trainer = make_trainer(folder, max_epochs=max_epochs, progress=False)
        task = NextItem(SASRec(192, 8, max_length=10), lr=0.0)
        fit(trainer, task, batches())
        return trainer.checkpoint_callback

    before, after = tmp_path / "before", tmp_path / "after"
    train(before, 2)
    shutil.copytree(before, after)
    found, expected = train(after, 4), train(before, 4)
    assert read_checkpoint(after / "last.ckpt")["epoch"] == 3
    assert read_checkpoint(after / "best.ckpt")["epoch"] == 0
    assert found.best_model_score == expected.best_model_score
    assert found.best_model_path == str(after / "best.ckpt")


def test_a_graph_of_another_kind_is_left_alone(tmp_path):
    for max_epochs in (1, 2):
        model = SASRec(192, 8, max_length=10)
        model.graph = {"of": "one's own"}
        trainer = make_trainer(tmp_path, max_epochs=max_epochs, progress=False)
        fit(trainer, task := NextItem(model), batches())
    assert read_checkpoint(tmp_path / "last.ckpt")["epoch"] == 1
    assert task.health == {}

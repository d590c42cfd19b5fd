import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Question
from lrdgraph.datasets import PlantedRelations
from lrdgraph.health import Health
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.testing import tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.training.next_item import MONITOR
from lrdgraph.training.resuming import read_checkpoint
from lrdgraph.transforms import TrainOnAll

LENGTH = 10

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


@pytest.fixture(scope="module")
def module() -> SequenceDataModule:
    return SequenceDataModule(tiny_shop(num_users=400), LENGTH, batch_size=128)


class Worsening(NextItem):
    """Learns, but is told that every epoch is worse than the one before."""

    def validation_step(self, question: Question, batch_idx: int) -> None:
        self.log(MONITOR, 1 / (1 + self.current_epoch), batch_size=1)


def make_task(seed: int = 0, kind: type[NextItem] = NextItem) -> NextItem:
    torch.manual_seed(seed)
    shop = tiny_shop(num_users=400)
    graph = LatentRelationGraph(shop, num_latent=3, state_channels=16)
    return kind(LRDRec(graph, 16, max_length=LENGTH, dropout=0.2))


def frozen(task: NextItem) -> NextItem:
    task.lr = task.gate_lr = task.dvae_lr = 0.0
    return task


class Recorder(Callback):
    """Remembers validation metrics and the state of the random generator by epoch."""

    def __init__(self) -> None:
        self.scores: dict[int, float] = {}
        self.random: dict[int, Tensor] = {}

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.random.setdefault(trainer.current_epoch, torch.get_rng_state())

    def on_validation_end(self, trainer: Trainer, *_: Any) -> None:
        self.scores[trainer.current_epoch] = float(trainer.callback_metrics[MONITOR])


def run(
    folder: Path,
    module: SequenceDataModule,
    max_epochs: int,
    task: NextItem | None = None,
    patience: int = 5,
) -> tuple[NextItem, Recorder, Trainer]:
    task = make_task() if task is None else task
    seed_everything(0, verbose=False)
    trainer = make_trainer(
        folder, max_epochs=max_epochs, patience=patience, progress=False
    )
    recorder = Recorder()
    trainer.callbacks.append(recorder)
    fit(trainer, task, module)
    return task, recorder, trainer


@pytest.fixture(scope="module")
def whole(module, tmp_path_factory) -> tuple[NextItem, Recorder, Trainer]:
    """A run of five epochs without interruption."""
    return run(tmp_path_factory.mktemp("whole"), module, 5)


def test_learns_more_than_what_is_popular(whole, module):
    task, recorder, trainer = whole
    popular = NextItem(Popularity(tiny_shop(num_users=400)["item"]["count"]))
    learned, known = (
        trainer.test(t, module, verbose=False)[0] for t in (task, popular)
    )
    assert learned["test/NDCG@10"] > 1.5 * known["test/NDCG@10"]
    assert recorder.scores[4] > recorder.scores[0]


def test_best_epoch_is_left_in_the_model(whole, module):
    task, recorder, trainer = whole
    (found,) = trainer.validate(task, module, verbose=False)
    assert found[MONITOR] == pytest.approx(max(recorder.scores.values()))


def test_same_seed_gives_the_same_numbers(tmp_path):
    module = SequenceDataModule(tiny_shop(num_users=400), LENGTH, batch_size=128)
    scores = [run(tmp_path / name, module, 2)[1].scores for name in "ab"]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 2


def test_interrupted_run_goes_on_as_if_it_had_not_been(
    whole, module, tmp_path, recwarn
):
    expected, recorder, _ = whole
    run(tmp_path, module, 2)
    task, resumed, _ = run(tmp_path, module, 5, make_task(seed=1))
    assert not [one for one in recwarn if "is over" in str(one.message)]
    assert sorted(resumed.random) == [2, 3, 4]
    for epoch in (2, 3, 4):
        assert resumed.random[epoch].equal(recorder.random[epoch]), epoch
        assert resumed.scores[epoch] == recorder.scores[epoch]
    for name, value in task.state_dict().items():
        assert value.equal(expected.state_dict()[name]), name


def test_without_validation_all_epochs_are_trained_and_the_last_is_kept(tmp_path):
    shop = PlantedRelations(num_users=400, num_items=192)[0]
    module = SequenceDataModule(TrainOnAll()(shop), LENGTH)
    assert len(module.validation) == len(module.test) == 0

    def train(folder: Path, *max_epochs: int) -> NextItem:
        for number in max_epochs:
            task = make_task()
            seed_everything(0, verbose=False)
            options = {"monitor": None, "progress": False, "max_epochs": number}
            fit(trainer := make_trainer(folder, **options), task, module)
        assert trainer.current_epoch == number
        return task

    whole, resumed = train(tmp_path / "whole", 3), train(tmp_path / "resumed", 1, 3)
    last = read_checkpoint(tmp_path / "whole" / "last.ckpt")
    assert last["epoch"] == 2
    for name, value in whole.state_dict().items():
        assert value.equal(resumed.state_dict()[name]), name
    for name, value in last["state_dict"].items():
        assert value.equal(whole.state_dict()[name]), name


def test_checkpoints_need_no_other_disk(module, tmp_path, monkeypatch):
    """What is moved from one disk to another is half there if the run is killed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    run(tmp_path / "run", module, 1)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"best.ckpt", "last.ckpt"}


def test_checkpoints_leave_items_and_pairs_to_the_data(whole):
    task, _, trainer = whole
    kept = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)
    left_out = {*task.state_dict()} - {*kept["state_dict"]}
    tensors = task.model.graph.candidates.tensors()
    assert left_out == {f"model.graph.{name}" for name in tensors}


def test_epochs_without_improvement_are_not_repeated(module, tmp_path):
    task = frozen(make_task())
    run(tmp_path, module, 2, task)
    _, resumed, trainer = run(tmp_path, module, 3, task)
    assert sorted(resumed.random) == [2]
    assert trainer.early_stopping_callback.wait_count == 2


def test_health_of_discovery_is_recorded_after_every_epoch(whole, module, tmp_path):
    task, *_ = whole
    assert list(task.health) == list(Health._fields)
    assert [len(values) for values in task.health.values()] == [5, 5, 5]
    assert 1 <= min(task.health["perplexity"]) <= max(task.health["perplexity"]) <= 4
    run(tmp_path, module, 3)
    resumed, *_ = run(tmp_path, module, 5, make_task(seed=1))
    assert resumed.health == task.health


def test_collapse_is_warned_of_once(module, tmp_path):
    task = frozen(make_task())
    with torch.no_grad():
        task.model.graph.dvae.outcome.bias[2] = 99.0
    with pytest.warns(UserWarning, match="collapsing: 1.0 latent") as caught:
        run(tmp_path, module, 5, task)
    assert len([w for w in caught if "collapsing" in str(w.message)]) == 1


def test_finished_run_is_not_trained_again(whole, module):
    expected, _, trainer = whole
    folder = Path(trainer.checkpoint_callback.dirpath)
    with pytest.warns(UserWarning, match=f"'{folder}' holds a run that is over"):
        task, recorder, _ = run(folder, module, 5, make_task(seed=1))
    assert recorder.random == {}
    for name, value in task.state_dict().items():
        assert value.equal(expected.state_dict()[name]), name


def test_training_stops_when_validation_does_and_is_then_over(module, tmp_path):
    first = make_task(kind=Worsening)
    _, recorder, _ = run(tmp_path, module, 9, first, patience=2)
    assert sorted(recorder.random) == [0, 1, 2]
    task = make_task(1, Worsening)
    with pytest.warns(UserWarning, match=f"'{tmp_path}' holds a run that is over"):
        again, recorder, _ = run(tmp_path, module, 9, task, patience=2)
    assert recorder.random == {}
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in again.state_dict().items():
        assert value.equal(first.state_dict()[name]), name
    assert not again.model.bias.equal(last["model.bias"])


def test_more_patience_takes_a_stopped_run_further(module, tmp_path):
    run(tmp_path, module, 9, make_task(kind=Worsening), patience=1)
    task = make_task(kind=Worsening)
    _, recorder, _ = run(tmp_path, module, 9, task, patience=3)
    assert sorted(recorder.random) == [2, 3]


def change_rate(task: NextItem) -> None:
    task.lr = 1e-4


def change_dropout(task: NextItem) -> None:
    task.model.encoder.dropout.p = 0.5


def change_objective(task: NextItem) -> None:
    task.model.relation_weight = 0.7


def change_size(task: NextItem) -> None:
    task.model.id = torch.nn.Embedding(192, 32)


def change_model(task: NextItem) -> None:
    task.model = SASRec(192, 16, max_length=LENGTH)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (change_rate, r"lr is 0\.003, not 0\.0001; 1 in all"),
        (change_dropout, r"model\.encoder\.dropout\.p is 0\.2, not 0\.5; 1 in all"),
        (change_objective, r"model\.relation_weight is 0\.3, not 0\.7; 1 in all"),
        (change_size, r"model\.id\.weight is \[192, 16\], not \[192, 32\]; 2 in all"),
        (change_model, r"model is LRDRec, not SASRec, "),
    ],
)
def test_folder_of_another_run_is_refused_and_kept(whole, module, change, difference):
    *_, trainer = whole
    folder = Path(trainer.checkpoint_callback.dirpath)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    task = make_task()
    change(task)
    with pytest.raises(ValueError, match=difference) as refused:
        run(folder, module, 9, task)
    assert f"'{folder}' needs" in str(refused.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_folder_of_other_data_or_another_program_is_refused(whole, module, tmp_path):
    *_, trainer = whole
    folder = Path(trainer.checkpoint_callback.dirpath)
    data = tiny_shop(num_users=400)
    data["user", "interacts", "item"].time[0] -= 1
    with pytest.raises(ValueError, match=r"data is \w+, not \w+; 1 in all"):
        run(folder, SequenceDataModule(data, LENGTH, batch_size=128), 9)
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"task is None, not NextItem, "):
        run(tmp_path, module, 9)


def test_trainer_that_fit_cannot_go_on_with(module):
    with pytest.raises(ValueError, match="'trainer' needs to come from 'make_trainer'"):
        fit(Trainer(logger=False, devices=1), make_task(), module)


def test_edges_of_a_validation_that_broke_off_are_forgotten(module, tmp_path):
    class Breaking(NextItem):
        def validation_step(self, question: Question, batch_idx: int) -> None:
            raise RuntimeError("broken off")

    task = make_task(kind=Breaking)
    with pytest.raises(RuntimeError, match="broken off"):
        run(tmp_path, module, 1, task)
    model = task.model.eval()
    with torch.no_grad():
        before = model.edges(torch.arange(50)).weight
        model.graph.dvae.project.weight.mul_(3)
        assert not model.edges(torch.arange(50)).weight.equal(before)

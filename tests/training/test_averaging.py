import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn
from torch.utils.data import DataLoader

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import SASRec
from lrdgraph.training import NextItem, make_trainer
from lrdgraph.training.averaging import WeightAverage


class Line(LightningModule):
    """Goes from 0 to 1, 2, 3... whatever the loss; validated on where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1))
        self.register_buffer("graph", torch.ones(1))
        self.trained: list[float] = []
        self.validated: list[float] = []

    def training_step(self, batch, batch_idx):
        self.trained.append(self.place.item())
        return -self.place.sum()

    def validation_step(self, batch, batch_idx):
        self.validated.append(self.place.item())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


def batches(number: int) -> DataLoader:
    return DataLoader(torch.zeros(number), batch_size=1)


def fit(epochs: int, callback: WeightAverage, folder, **resume) -> tuple[Line, Trainer]:
    line, one, two = Line(), batches(1), batches(2)
    options = {"logger": False, "enable_progress_bar": False, "devices": 1}
    quiet = {"enable_model_summary": False, "enable_checkpointing": False}
    trainer = Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        default_root_dir=folder,
        num_sanity_val_steps=0,
        **options,
        **quiet,
    )
    trainer.fit(line, two, one, weights_only=True, **resume)
    return line, trainer


def naive(num_steps: int, decay: float) -> float:
    average = 0.0
    for step in range(1, num_steps + 1):
        share = min(decay, step / (step + 9))
        average = share * average + (1 - share) * step
    return average


@pytest.mark.filterwarnings("ignore")
def test_the_average_is_validated_and_training_goes_on_from_the_weights(tmp_path):
    line, _ = fit(3, WeightAverage(decay=0.3), tmp_path)
    assert line.trained == [0, 1, 2, 3, 4, 5]
    expected = [naive(steps, 0.3) for steps in (2, 4, 6)]
    assert line.validated == pytest.approx(expected)
    assert line.place.item() == 6


@pytest.mark.filterwarnings("ignore")
def test_checkpoints_hold_the_average_and_go_on_with_the_weights(tmp_path):
    _, trainer = fit(2, WeightAverage(), tmp_path)
    path = tmp_path / "last.ckpt"
    trainer.save_checkpoint(path)
    state = torch.load(path, weights_only=True)["state_dict"]
    assert state["place"].item() == pytest.approx(naive(4, 0.98))
    assert state["graph"].item() == 1
    resumed, _ = fit(3, WeightAverage(), tmp_path, ckpt_path=path)
    assert resumed.trained == [4, 5]
    assert resumed.validated == pytest.approx([naive(6, 0.98)])


@pytest.mark.filterwarnings("ignore")
def test_outside_of_training_the_weights_are_what_they_are(tmp_path):
    line, trainer = fit(1, WeightAverage(), tmp_path)
    trainer.validate(line, batches(1), verbose=False)
    assert trainer.state.fn == TrainerFn.VALIDATING
    assert line.validated[-1] == line.place.item() == 2


def test_item_states_that_are_a_parameter_stay_one_of_the_model(shop, tmp_path):
    task = NextItem(SASRec(shop["item"].num_nodes, 8))  # its states are its ids
    before = [name for name, _ in task.named_parameters()]
    trainer = make_trainer(tmp_path, max_epochs=3, progress=False)
    trainer.fit(task, SequenceDataModule(shop))
    assert [name for name, _ in task.named_parameters()] == before


class Table(Line):
    """Two rows at most are touched in a step, by a sparse gradient or a dense one."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 2, sparse=sparse)

    def training_step(self, batch, batch_idx):
        step = len(self.trained)
        rows = torch.tensor([step % 5, (step * step) % 3])
        return super().training_step(batch, batch_idx) + self.table(rows).square().sum()

    def validation_step(self, batch, batch_idx):
        self.validated.append(self.table.weight.detach().clone())


def test_rows_that_are_touched_rarely_are_averaged_as_all_others(tmp_path):
    seen = []
    for sparse in (True, False):
        torch.manual_seed(0)
        table, callback = Table(sparse), WeightAverage(0.7)
        trainer = Trainer(
            max_epochs=4,
            callbacks=[callback],
            default_root_dir=tmp_path,
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            devices=1,
        )
        trainer.fit(table, batches(7), batches(1))
        seen.append(torch.stack(table.validated))
    assert torch.allclose(*seen, atol=1e-6)
    assert not torch.allclose(seen[0][0], seen[0][3])


def test_a_checkpoint_between_validations_holds_the_average_of_all_rows(
    tmp_path,
) -> None:
    kept = []
    for sparse in (True, False):
        torch.manual_seed(0)
        table, path = Table(sparse), tmp_path / f"{sparse}.ckpt"
        trainer = Trainer(
            max_epochs=1,
            callbacks=[WeightAverage(0.7)],
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            limit_val_batches=0,
            devices=1,
        )
        trainer.fit(table, batches(7), batches(1))
        trainer.save_checkpoint(path)
        kept.append(torch.load(path, weights_only=True)["state_dict"]["table.weight"])
    assert torch.allclose(*kept, atol=1e-6)
    assert not torch.allclose(kept[0], table.table.weight, atol=1e-3)

"""Batches for Lightning."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import HeteroData

from lrdgraph.data.sequences import Histories, Questions, TrainingWindows
from lrdgraph.typing import TEST, VAL


class SequenceDataModule(LightningDataModule):
    """Training windows, validation and test questions of a data set.

    Args:
        data: Interactions with a split, and given negatives where there are any.
        max_length: Number of history slots ``L`` of the model.
        batch_size: Windows in a training batch; evaluation takes twice as many.
    """

    def __init__(
        self, data: HeteroData, max_length: int = 20, batch_size: int = 256
    ) -> None:
        super().__init__()
        histories = Histories.from_data(data)
        self.batch_size = batch_size
        self.windows = TrainingWindows(histories, max_length)
        if not len(self.windows):
            raise ValueError(
                "training needs at least one user with two training interactions "
                "(got none)"
            )
        self.validation, self.test = (
            Questions(histories, part, max_length, data["user"].get(name))
            for part, name in ((VAL, "val_negatives"), (TEST, "test_negatives"))
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Training windows in a random order."""
        return _loader(self.windows, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation questions."""
        return _loader(self.validation, 2 * self.batch_size)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test questions."""
        return _loader(self.test, 2 * self.batch_size)


def _loader(
    dataset: Dataset[Any], batch_size: int, shuffle: bool = False
) -> DataLoader[Any]:
    return DataLoader(dataset, batch_size, shuffle, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch

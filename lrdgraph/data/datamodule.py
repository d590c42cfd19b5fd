"""Batches for Lightning."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import HeteroData

from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.sequences import Histories, Questions, TrainingWindows
from lrdgraph.typing import TEST, VAL


class SequenceDataModule(LightningDataModule):
    """Training batches, validation and test questions of a data set.

    Args:
        data: Interactions with a split, and given negatives where there are any.
        max_length: Number of history slots ``L`` of the model.
        batch_size: Windows in a training batch; evaluation takes twice as many.
        training: What to train on instead of windows, such as
            :class:`~lrdgraph.data.choices.TrainingChoices`.
        num_questions: How many questions validation and test ask at most, each of which
            ranks the whole catalogue; None is all
            (:class:`~lrdgraph.data.sequences.Questions`).

    Attributes:
        fingerprint: Equal for data of the same interactions, split and relations.
            Vectors are left out: their last bits may differ between two machines.

    Raises:
        ValueError: If ``max_length``, ``batch_size`` or ``num_questions`` is not
            positive, if the data has no split, or if there is nothing to train on.
    """

    def __init__(
        self,
        data: HeteroData,
        max_length: int = 20,
        batch_size: int = 256,
        training: TrainingWindows | TrainingChoices | None = None,
        num_questions: int | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("max_length", max_length), ("batch_size", batch_size)):
            if size < 1:
                raise ValueError(
                    f"{name!r} needs to be a positive integer in 'SequenceDataModule' "
                    f"(got {size})"
                )
        histories = Histories.from_data(data)
        self.fingerprint = _fingerprint(data)
        self.batch_size = batch_size
        self.training = training or TrainingWindows(histories, max_length)
        if not len(self.training):
            raise ValueError(
                "training needs at least one user with two training interactions "
                "(got none)"
            )
        users = data["user"]
        self.validation, self.test = (
            Questions(histories, part, max_length, users.get(name), num_questions)
            for part, name in ((VAL, "val_negatives"), (TEST, "test_negatives"))
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """What to train on, in a random order."""
        return _loader(self.training, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation questions.

        Raises:
            ValueError: If there are none.
        """
        if not len(self.validation):
            raise ValueError(
                "validation needs at least one purchase to ask for (got none): "
                "'LeaveOneOut' needs users with three purchases, 'TemporalSplit' users "
                "who had bought something before"
            )
        return _loader(self.validation, 2 * self.batch_size)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test questions."""
        return _loader(self.test, 2 * self.batch_size)


def _fingerprint(data: HeteroData) -> str:
    digest = sha256()
    for place, store in [*data.node_items(), *data.edge_items()]:
        for name, value in store.items():
            if isinstance(value, Tensor) and not value.is_floating_point():
                digest.update(f"{place} {name} {list(value.shape)}".encode())
                digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _loader(
    dataset: Dataset[Any], batch_size: int, shuffle: bool = False
) -> DataLoader[Any]:
    # By name, or Lightning cannot give each of several processes its share.
    return DataLoader(
        dataset, batch_size=batch_size, shuffle=shuffle, collate_fn=_as_it_is
    )


def _as_it_is(batch: Any) -> Any:
    return batch

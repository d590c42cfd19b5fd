"""Training that goes on after an interruption as if there had been none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from lrdgraph.cli.telling import on_terminal, say
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import LRDRec
from lrdgraph.tasks import MONITOR, NextItem, fit, make_trainer


class Repeatable(NextItem):
    """Draws the random numbers of an epoch from a seed and the epoch's number.

    A checkpoint holds no random state: otherwise the epochs after an interruption had
    other numbers than they would have had without it.

    Args:
        model: The model to train.
        seed: Seed of the first epoch.
    """

    def __init__(self, model: LRDRec, seed: int) -> None:
        super().__init__(model)
        self.seed = seed

    def on_train_epoch_start(self) -> None:
        """Shuffle by the number of the epoch."""
        loader: Any = self.trainer.train_dataloader
        loader.sampler.generator = torch.Generator().manual_seed(self._epoch_seed())

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed what the model draws, once the batches are shuffled."""
        if batch_idx == 0:
            torch.manual_seed(self._epoch_seed())

    def on_train_epoch_end(self) -> None:
        """Tell how it goes where no progress bar does."""
        if not on_terminal():
            found = float(self.trainer.callback_metrics[MONITOR])
            say(f"epoch {self.current_epoch + 1}: {MONITOR} {found:.4f}")

    def _epoch_seed(self) -> int:
        return self.seed + self.current_epoch


def quiet_trainer(folder: Path, max_epochs: int, patience: int) -> Trainer:
    """A :func:`~lrdgraph.tasks.make_trainer` that says nothing of itself."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return make_trainer(
        folder, max_epochs=max_epochs, patience=patience, progress=on_terminal()
    )


def fit_or_stop(trainer: Trainer, task: Repeatable, data: SequenceDataModule) -> None:
    """Train, or go on with the run in the folder; see :func:`~lrdgraph.tasks.fit`.

    Raises:
        KeyboardInterrupt: After Ctrl-C, which Lightning turns into an exit of its own.
    """
    try:
        fit(trainer, task, data)
    except SystemExit as stop:
        raise KeyboardInterrupt from stop

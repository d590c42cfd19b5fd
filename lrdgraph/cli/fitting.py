"""Training as the command line has it: told of, and stopped by Ctrl-C."""

from __future__ import annotations

import logging
from pathlib import Path

from pytorch_lightning import Trainer

from lrdgraph.cli.telling import on_terminal, say
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.training.next_item import MONITOR


class ToldNextItem(NextItem):
    """Tells of each epoch where nobody sees the progress bar."""

    def on_train_epoch_end(self) -> None:
        """Tell what the epoch has come to."""
        if not on_terminal():
            found = float(self.trainer.callback_metrics[MONITOR])
            say(f"epoch {self.current_epoch + 1}: {MONITOR} {found:.4f}")


def quiet_trainer(folder: Path, max_epochs: int, patience: int) -> Trainer:
    """What :func:`~lrdgraph.training.make_trainer` makes, silent about itself."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return make_trainer(
        folder, max_epochs=max_epochs, patience=patience, progress=on_terminal()
    )


def fit_or_stop(trainer: Trainer, task: NextItem, data: SequenceDataModule) -> None:
    """Train, or go on with the run in the folder; see :func:`~lrdgraph.training.fit`.

    Raises:
        KeyboardInterrupt: After Ctrl-C, which Lightning turns into an exit of its own.
    """
    try:
        fit(trainer, task, data)
    except SystemExit as stop:
        raise KeyboardInterrupt from stop

"""Training as the command line has it: told of, and stopped by Ctrl-C."""

from __future__ import annotations

import logging
from pathlib import Path

from pytorch_lightning import Trainer

from lrdgraph.cli.telling import on_terminal, say
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.training.fitting import BEST, LAST
from lrdgraph.training.next_item import MONITOR
from lrdgraph.training.resuming import read_checkpoint


class ToldNextItem(NextItem):
    """Tells of each epoch where nobody sees the progress bar."""

    def on_train_epoch_end(self) -> None:
        """Tell what the epoch has come to."""
        if not on_terminal():
            found = self.trainer.callback_metrics
            name = MONITOR if MONITOR in found else "train/next_item"
            say(f"epoch {self.current_epoch + 1}: {name} {float(found[name]):.4f}")


def quiet_trainer(
    folder: Path, max_epochs: int, patience: int, monitor: str | None
) -> Trainer:
    """What :func:`~lrdgraph.training.make_trainer` makes, silent about itself."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return make_trainer(
        folder,
        max_epochs=max_epochs,
        patience=patience,
        monitor=monitor,
        progress=on_terminal(),
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


def tell_best(folder: Path) -> None:
    """Tell which epoch was the best, for a training on all purchases."""
    best, last = (
        read_checkpoint(folder / f"{name}.ckpt")["epoch"] + 1 for name in (BEST, LAST)
    )
    more = "; with more --epochs it may become better" if best == last else ""
    say(f"epoch {best} of {last} was the best on the validation part{more}")

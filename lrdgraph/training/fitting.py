"""Trainers, and a training that goes on where it stopped."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from pytorch_lightning import Callback, Trainer

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models.agreement import check_histories
from lrdgraph.training.averaging import WeightAverage
from lrdgraph.training.next_item import MONITOR, NextItem
from lrdgraph.training.resuming import (
    KeptEpochs,
    Patience,
    RandomState,
    WholeCheckpoints,
    constants,
    describe_run,
    earlier_run,
    is_over,
    read_checkpoint,
)

BEST, LAST = "best", "last"
"""Names of the checkpoints that are kept."""


def make_trainer(
    folder: str | Path,
    *,
    max_epochs: int = 100,
    patience: int = 5,
    monitor: str | None = MONITOR,
    average: bool = True,
    progress: bool = True,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    devices: int = 1,
    num_nodes: int = 1,
) -> Trainer:
    """A trainer that stops when validation no longer improves.

    On several devices, each has a process of its own with a share of the batches and of
    the questions (DDP). Where these do not come out even, a question counts twice.

    Args:
        folder: Where checkpoints go: the best and the last epoch.
        max_epochs: Number of epochs at most.
        patience: Epochs without a better figure of validation before training stops.
        monitor: That figure. None validates nothing, trains for all of ``max_epochs``
            and keeps the last one: for data of
            :class:`~lrdgraph.transforms.TrainOnAll`.
        average: Whether to keep a :class:`~lrdgraph.training.averaging.WeightAverage`.
        progress: Whether to show a progress bar.
        precision: ``'bf16-mixed'`` encodes histories and texts in half precision; the
            graph, scores and losses stay in single precision.
        devices: Number of GPUs, or of processes where there is none. A batch is that of
            each: ``batch_size=64`` on four is 256 on one.
        num_nodes: Number of machines with so many devices each, started as Lightning's
            documentation says, by ``torchrun`` or by SLURM.
    """
    several = devices * num_nodes > 1
    best, last = (
        KeptEpochs(
            folder,
            filename=filename,
            monitor=figure,
            mode="max",
            enable_version_counter=False,
        )
        for filename, figure in ((BEST, monitor), (LAST, None))
    )
    callbacks: list[Callback] = [WeightAverage()] if average else []
    callbacks.append(RandomState())
    if monitor:
        callbacks += [Patience(monitor, mode="max", patience=patience), best]
    # The last epoch is written after the best one, to know of it when resumed;
    # ``save_last`` would only write the epochs that are better.
    callbacks.append(last)
    return Trainer(
        max_epochs=max_epochs,
        limit_val_batches=None if monitor else 0,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        precision=precision,
        devices=devices,
        num_nodes=num_nodes,
        strategy="ddp_find_unused_parameters_true" if several else "auto",
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def fit(trainer: Trainer, task: NextItem, datamodule: SequenceDataModule) -> None:
    """Train, and leave the weights of the best epoch in ``task.model``.

    A run that was interrupted goes on after its last whole epoch when it is called
    again with a trainer of the same folder, to the same weights as if it had not been.
    One that is over is not trained again, and a warning says so. Without validation,
    the last epoch is best.

    Args:
        trainer: A trainer from :func:`make_trainer`.
        task: The model and how it learns.
        datamodule: Where the batches come from.

    Raises:
        TypeError: If ``task`` or ``datamodule`` is something else, such as the model.
        ValueError: If the folder holds another run: of another model, of the same
            model with other arguments, on other data or batches, of another precision
            or ``monitor``; if that run has more epochs than ``max_epochs``; if its
            checkpoints are damaged; if nothing is validated; if the trainer is not from
            :func:`make_trainer`; or for what
            :func:`~lrdgraph.models.agreement.check_histories` raises.
    """
    _check_kind("task", task, NextItem)
    _check_kind("datamodule", datamodule, SequenceDataModule)
    stopping, kept = trainer.early_stopping_callback, trainer.checkpoint_callback
    ours = isinstance(trainer.strategy.checkpoint_io, WholeCheckpoints)
    if not (ours and isinstance(kept, KeptEpochs)):
        got = [type(callback).__name__ for callback in (stopping, kept)]
        raise ValueError(f"'trainer' needs to come from 'make_trainer' (got {got})")
    for part in (datamodule.training, datamodule.validation):
        check_histories(task.model, part.histories, part.max_length)
    folder = Path(str(kept.dirpath))
    task.run = describe_run(trainer, task, datamodule)
    there = earlier_run(folder, task.run)
    task.train()  # a kept model comes in evaluation mode, which Lightning would keep
    if there is None:
        _train(trainer, task, datamodule)
    elif is_over(trainer, there, folder):
        warnings.warn(
            f"'{folder}' holds a run that is over: its weights are taken, and nothing "
            "is trained",
            stacklevel=2,
        )
        task.on_load_checkpoint(there)
    else:
        del there  # some systems do not replace a file that is mapped
        _train(trainer, task, datamodule, ckpt_path=folder / f"{LAST}.ckpt")
    state = read_checkpoint(folder / f"{kept.filename}.ckpt")["state_dict"]
    task.load_state_dict(state | constants(task))


def _check_kind(name: str, part: object, kind: type) -> None:
    if not isinstance(part, kind):
        raise TypeError(
            f"{name!r} needs to be a {kind.__name__} (got a {type(part).__name__}): "
            "fit(trainer, NextItem(model), SequenceDataModule(data))"
        )


def _train(
    trainer: Trainer,
    task: NextItem,
    datamodule: SequenceDataModule,
    ckpt_path: Path | None = None,
) -> None:
    """Train, and keep nothing of a validation that broke off."""
    try:
        trainer.fit(task, datamodule, ckpt_path=ckpt_path, weights_only=True)
    finally:
        task.release()

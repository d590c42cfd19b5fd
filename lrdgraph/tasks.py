"""Training with PyTorch Lightning: the rim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Question
from lrdgraph.metrics import rank_among, rank_of_target, ranking_metrics
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.typing import Batch

MONITOR = "val/NDCG@10"


class NextItem(LightningModule):
    """Trains a recommender to predict the next item, and evaluates it.

    Every part is ranked over the whole catalogue with the user's earlier items masked
    (``val/NDCG@10``, ``test/HR@5``, ...) and, where the data brings negatives, among
    those (``test/sampled/NDCG@5``, ...).

    Args:
        model: A recommender with ``item_states()``, ``forward(history, states)`` and
            ``loss(batch)``.
        lr: Learning rate.
        gate_lr: Learning rate of the relational scorer's gates: scalars that have far
            to go.
        dvae_lr: Learning rate of the DVAE, so that relations are found before the
            recommender has settled without them.
        weight_decay: Weight decay of AdamW; the gates have none.
    """

    def __init__(
        self,
        model: LRDRec | Popularity | SASRec,
        lr: float = 3e-3,
        *,
        gate_lr: float = 2e-2,
        dvae_lr: float = 1e-2,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__()
        self.model: Any = model  # Popularity has no loss, and is never trained
        self.lr, self.gate_lr, self.dvae_lr = lr, gate_lr, dvae_lr
        self.weight_decay = weight_decay
        self._states: Tensor | None = None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of the model's losses."""
        losses = self.model.loss(batch)
        size = batch["history"].size(0)
        for name, value in losses.items():
            self.log(
                f"train/{name}", value, on_epoch=True, on_step=False, batch_size=size
            )
        return torch.stack(list(losses.values())).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, with groups of their own for the gates and for discovery."""
        groups: dict[str, list[nn.Parameter]] = {"rest": [], "gates": [], "dvae": []}
        for name, parameter in self.named_parameters():
            place = (
                "gates"
                if ".scorer." in name
                else "dvae"
                if ".dvae." in name
                else "rest"
            )
            groups[place].append(parameter)
        options: dict[str, dict[str, Any]] = {
            "gates": {"lr": self.gate_lr, "weight_decay": 0.0},
            "dvae": {"lr": self.dvae_lr},
            "rest": {},
        }
        return torch.optim.AdamW(
            [
                {"params": group, **options[name]}
                for name, group in groups.items()
                if group
            ],
            lr=self.lr,
            weight_decay=self.weight_decay,
        )

    def on_validation_epoch_start(self) -> None:
        """Compute the item states once for all questions."""
        self._states = self.model.item_states()

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a validation batch."""
        self._answer(question, "val/")

    def test_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a test batch."""
        self._answer(question, "test/")

    def _answer(self, question: Question, prefix: str) -> None:
        scores = self.model(question["history"], self._states)
        target = question["target"]
        seen = (question["seen_row"], question["seen_item"])
        self._log_ranks(prefix, rank_of_target(scores, target, seen))
        negatives = question["negatives"]
        given = (negatives >= 0).any(dim=1)  # a user may be without
        if given.any():
            rank = rank_among(scores[given], target[given], negatives[given])
            self._log_ranks(f"{prefix}sampled/", rank)

    def _log_ranks(self, prefix: str, rank: Tensor) -> None:
        for name, value in ranking_metrics(rank).items():
            self.log(
                f"{prefix}{name}",
                value,
                on_epoch=True,
                batch_size=rank.numel(),
                prog_bar=f"{prefix}{name}" == MONITOR,
                sync_dist=True,
            )


def make_trainer(
    folder: str | Path,
    *,
    max_epochs: int = 100,
    patience: int = 5,
    progress: bool = True,
) -> Trainer:
    """A trainer that stops when validation no longer improves.

    Args:
        folder: Where checkpoints go: the best and the last epoch.
        max_epochs: Number of epochs at most.
        patience: Epochs without a better validation NDCG@10 before training stops.
        progress: Whether to show a progress bar.
    """
    best, last = (
        ModelCheckpoint(
            folder,
            filename=filename,
            monitor=monitor,
            mode="max",
            enable_version_counter=False,
        )
        for filename, monitor in (("best", MONITOR), ("last", None))
    )
    stopping = EarlyStopping(MONITOR, mode="max", patience=patience)
    return Trainer(
        max_epochs=max_epochs,
        # The last epoch is written after the best one, to know of it when resumed;
        # ``save_last`` would only write the epochs that are better.
        callbacks=[stopping, best, last],
        devices=1,
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def fit(trainer: Trainer, task: NextItem, datamodule: SequenceDataModule) -> None:
    """Train, and leave the weights of the best epoch in ``task.model``.

    A run that was interrupted goes on after its last whole epoch when it is called
    again with a trainer of the same folder.
    """
    checkpoints = trainer.checkpoint_callback
    assert isinstance(checkpoints, ModelCheckpoint)
    last = Path(str(checkpoints.dirpath)) / "last.ckpt"
    resumed = str(last) if last.exists() else None
    trainer.fit(task, datamodule, ckpt_path=resumed, weights_only=True)
    best = torch.load(checkpoints.best_model_path, weights_only=True)
    task.load_state_dict(best["state_dict"])

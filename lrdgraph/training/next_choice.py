"""Learning from single choices, as published for RCF, KDA and LRD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lrdgraph.data.sequences import Question
from lrdgraph.metrics import rank_among
from lrdgraph.models.rcf import RCF
from lrdgraph.training.fitting import make_trainer
from lrdgraph.training.next_item import NextItem

MONITOR = "val/sampled/NDCG@5"
"""What the authors choose the best epoch by."""


def make_choice_trainer(
    folder: str | Path, *, max_epochs: int = 200, progress: bool = True
) -> Trainer:
    """A trainer that stops as the authors' does, and keeps the weights as they are.

    It stops 20 epochs after the best one. Theirs stops, too, when the last five epochs
    rise nowhere, which in their logs ended RCF+LRD at epoch 200 of 200.

    Args:
        folder: Where checkpoints go: the best and the last epoch.
        max_epochs: Number of epochs at most.
        progress: Whether to show a progress bar.
    """
    return make_trainer(
        folder,
        max_epochs=max_epochs,
        patience=20,
        monitor=MONITOR,
        average=False,
        progress=progress,
    )


class NextChoice(NextItem):
    """Trains a recommender that scores single candidates, and evaluates it.

    It learns from single choices
    (:class:`~lrdgraph.data.choices.TrainingChoices`), by Adam with an L2 penalty, and
    is validated among the given negatives alone (``val/sampled/NDCG@5``, ...): ranking
    the whole catalogue costs in proportion to its size, and is left to the test.

    Args:
        model: :class:`~lrdgraph.models.RCF` or :class:`~lrdgraph.models.KDA`.
        lr: Learning rate.
        l2: Weight of the L2 penalty; biases have none, as in the authors' code.
        rank_catalogue: Whether the test ranks the whole catalogue, too.
    """

    def __init__(
        self,
        model: RCF,
        lr: float = 1e-3,
        *,
        l2: float = 1e-6,
        rank_catalogue: bool = True,
    ) -> None:
        super().__init__(model, lr, dvae_lr=lr, weight_decay=l2, dvae_weight_decay=l2)
        self.rank_catalogue = rank_catalogue
        self._flushed: bool | None = None  # before training

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, whose L2 penalty leaves out biases."""
        named = list(self.named_parameters())
        weights = [p for name, p in named if "bias" not in name]
        biases = [p for name, p in named if "bias" in name]
        groups: list[dict[str, Any]] = [
            {"params": weights},
            {"params": biases, "weight_decay": 0.0},
        ]
        return torch.optim.Adam(
            groups, lr=self.lr, weight_decay=self.weight_decay, fused=True
        )

    def setup(self, stage: str) -> None:
        """See to it that there is something to validate by.

        Raises:
            ValueError: If no user of the validation part has negatives.
        """
        super().setup(stage)
        module = self.trainer.datamodule  # type: ignore[attr-defined]  # of `fit`
        stops = stage == "fit" and self.trainer.early_stopping_callback is not None
        if stops and module and not (module.validation.negatives >= 0).any():
            raise ValueError(
                "'NextChoice' validates by given negatives (got none): give the data "
                "some, or make a trainer with 'monitor' None"
            )

    def on_fit_start(self) -> None:
        """Take what is below 1e-38 for 0, which keeps a processor fast.

        By the L2 penalty, Adam moves a weight near 0 by a tenth of itself. Without
        another gradient for a thousand steps, that is a denormal number, with which
        products take several times as long.
        """
        self._flushed = not torch.tensor(1e-40).mul(1).item()
        torch.set_flush_denormal(True)

    def on_fit_end(self) -> None:
        """Forget what was for training alone."""
        self.release()

    def release(self) -> None:
        """And take numbers again for what they were taken for before."""
        super().release()
        if self._flushed is not None:
            torch.set_flush_denormal(self._flushed)
            self._flushed = None

    def on_test_epoch_start(self) -> None:
        """Make ready for what the test ranks."""
        if self.rank_catalogue:
            super().on_test_epoch_start()
        else:
            self.on_validation_epoch_start()

    def validation_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a validation batch among given negatives."""
        self._choose(question, "val/")

    def test_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a test batch."""
        self._choose(question, "test/")
        if self.rank_catalogue:
            self._rank_all(question, self._score(question), "test/")

    def _choose(self, question: Question, prefix: str) -> None:
        target, negatives = question["target"].unsqueeze(1), question["negatives"]
        counts = (negatives >= 0) & (negatives != target)
        given = counts.any(dim=1)  # a user may be without
        if not given.any():
            return
        candidates = torch.cat([target, negatives.clamp(min=0)], dim=1)
        scores = self._score(question, candidates)[given]
        place = torch.arange(1, candidates.size(1), device=scores.device)
        others = place.where(counts[given], -1)
        rank = rank_among(scores, torch.zeros_like(others[:, 0]), others)
        self._log_ranks(f"{prefix}sampled/", rank)

    def _score(self, question: Question, candidates: Tensor | None = None) -> Tensor:
        scores: Tensor = self.model(
            question["history"],
            self._states,
            history_time=question["history_time"],
            user=question["user"],
            time=question["time"],
            candidates=candidates,
        )
        return scores

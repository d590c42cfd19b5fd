"""Averaging the weights of training, with PyTorch Lightning."""

from __future__ import annotations

import math
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor


class WeightAverage(Callback):
    r"""Validates, and keeps, a running average of the weights instead of the last ones.

    After each step the average moves towards the weights,
    :math:`\bar\theta \leftarrow \beta \bar\theta + (1 - \beta) \theta`, first with a
    smaller :math:`\beta` so that a short training is no average of its start. Noise of
    single steps cancels, so early stopping sees the trend. Lightning's own
    ``WeightAveraging`` averages or copies all buffers at each step, too: here they are
    the whole graph, and do not change.

    Of a table with a sparse gradient, rows are averaged when they are touched: as long
    as a row does not change, its average moves towards it by a known power of
    :math:`\beta`, which is made up for at once.

    Checkpoints hold the average as ``state_dict``, and the weights to go on with as
    state of this callback.

    Args:
        decay: The largest :math:`\beta`.
    """

    def __init__(self, decay: float = 0.98) -> None:
        self.decay = decay
        self.num_steps = 0
        self.average: list[Tensor] = []
        self._weights: list[Tensor] = []  # to go on with, from a checkpoint
        self._now = 0.0  # logarithm of how much is left of the last average of all rows
        self._clock: dict[int, Tensor] = {}  # the same, when each row was averaged last

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from the weights that there are."""
        self.average = [p.detach().clone() for p in pl_module.parameters()]
        for parameter, weight in zip(
            pl_module.parameters(), self._weights, strict=False
        ):
            parameter.data.copy_(weight)
        self._now, self._clock = 0.0, {}

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, *optimizer: Any
    ) -> None:
        """Let the average of rows that are going to change catch up with them."""
        for place, parameter in enumerate(pl_module.parameters()):
            if parameter.grad is not None and parameter.grad.is_sparse:
                if place not in self._clock:
                    clock = parameter.new_zeros(len(parameter), dtype=torch.double)
                    self._clock[place] = clock + self._now
                self._catch_up(place, parameter, _rows(parameter))

    @torch.no_grad()
    def _catch_up(self, place: int, table: Tensor, row: Tensor) -> None:
        left = (self._now - self._clock[place][row]).exp().float().unsqueeze(1)
        weight = table[row]
        self.average[place][row] = weight + left * (self.average[place][row] - weight)
        self._clock[place][row] = self._now

    def _catch_up_all(self, module: LightningModule) -> None:
        for place, parameter in enumerate(module.parameters()):
            if place in self._clock:
                self._catch_up(place, parameter, torch.arange(len(parameter)))
                self._clock[place].zero_()
        self._now = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Move the average towards the weights."""
        self.num_steps += 1
        decay = min(self.decay, self.num_steps / (self.num_steps + 9))
        self._now += math.log(decay)
        for place, parameter in enumerate(pl_module.parameters()):
            average, weight = self.average[place], parameter.detach()
            if place not in self._clock:
                average.lerp_(weight, 1 - decay)
            elif parameter.grad is not None:
                row = _rows(parameter)
                average[row] = average[row].lerp(weight[row], 1 - decay)
                self._clock[place][row] = self._now

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the average be validated."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._catch_up_all(pl_module)
            self._swap(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the weights."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._swap(pl_module)

    def _swap(self, module: LightningModule) -> None:
        for place, parameter in enumerate(module.parameters()):
            parameter.data, self.average[place] = self.average[place], parameter.data

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the average where the weights are looked for."""
        self._catch_up_all(pl_module)
        names = [name for name, _ in pl_module.named_parameters()]
        averages = dict(zip(names, self.average, strict=True))
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **averages}
        checkpoint["weights"] = [p.detach() for p in pl_module.parameters()]

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the weights to go on with until training starts."""
        self._weights = checkpoint["weights"]

    def state_dict(self) -> dict[str, Any]:
        """The number of steps so far."""
        return {"num_steps": self.num_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.num_steps = state_dict["num_steps"]


def _rows(table: Tensor) -> Tensor:
    """The rows that a sparse gradient touches."""
    assert table.grad is not None
    return table.grad.coalesce().indices()[0]

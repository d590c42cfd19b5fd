"""Averaging the weights of training, with PyTorch Lightning."""

from __future__ import annotations

from typing import Any

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

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from the weights that there are."""
        self.average = [p.detach().clone() for p in pl_module.parameters()]
        for parameter, weight in zip(
            pl_module.parameters(), self._weights, strict=False
        ):
            parameter.data.copy_(weight)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Move the average towards the weights."""
        self.num_steps += 1
        decay = min(self.decay, self.num_steps / (self.num_steps + 9))
        for average, parameter in zip(
            self.average, pl_module.parameters(), strict=True
        ):
            average.lerp_(parameter.detach(), 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the average be validated."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._swap(pl_module)

    on_validation_end = on_validation_start

    def _swap(self, module: LightningModule) -> None:
        for place, parameter in enumerate(module.parameters()):
            parameter.data, self.average[place] = self.average[place], parameter.data

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the average where the weights are looked for."""
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

"""What lets an interrupted training go on as if it had not been, with Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from lrdgraph.datasets.files import atomic_write


class RandomState(Callback):
    """Keeps the state of PyTorch's random generators in checkpoints.

    Lightning's checkpoints lack it, and a resumed run would shuffle and drop out
    otherwise than the run that it goes on with.
    """

    def __init__(self) -> None:
        self._there: dict[str, Any] | None = None  # to go on with, from a checkpoint

    def state_dict(self) -> dict[str, Any]:
        """The states of the generators of the CPU and of each GPU, as bytes."""
        gpus: list[Tensor] = torch.cuda.get_rng_state_all()
        return {"cpu": torch.get_rng_state(), "gpus": gpus}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until training starts."""
        self._there = state_dict

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on where the other run stopped, before batches are drawn."""
        if self._there is not None:
            torch.set_rng_state(self._there["cpu"])
            if len(self._there["gpus"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(self._there["gpus"])


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints that are there whole or not at all.

    Lightning's are moved out of the folder of temporary files, which copies them where
    that is another disk: half a checkpoint is left if the process is killed then.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint beside its place, and then into it."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(Path(path)) as file:
            torch.save(checkpoint, file)

"""What lets an interrupted training go on as if it had not been, with Lightning."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.files import save_tensors
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.memory import lacks_memory
from lrdgraph.training.averaging import WeightAverage


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


class Patience(EarlyStopping):
    """Has the patience that it was given, also when it goes on with an earlier run."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take all but the patience."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def is_over(self, state_dict: dict[str, Any]) -> bool:
        """Whether a run in this state has stopped."""
        waited: int = state_dict["wait_count"]
        return waited >= max(self.patience, 1)


class KeptEpochs(ModelCheckpoint):
    """Knows which epoch was best also when its folder was moved, or has another name.

    Lightning's takes any later epoch for the best one then.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take all, as it is in the folder that there is now."""
        state = {**state_dict, "dirpath": self.dirpath}
        for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[name] = self._here(state[name])
        best = state["best_k_models"].items()
        state["best_k_models"] = {self._here(path): score for path, score in best}
        super().load_state_dict(state)

    def _here(self, path: str) -> str:
        """The same file in this folder; no file stays none."""
        return path and str(Path(str(self.dirpath)) / Path(path).name)


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
        save_tensors(checkpoint, Path(path))


def earlier_run(folder: Path, run: dict[str, str]) -> dict[str, Any] | None:
    """The last checkpoint of the run in the folder, if there is one.

    Raises:
        ValueError: If the folder holds another run, or a checkpoint that is damaged.
    """
    if not (folder / "last.ckpt").exists():
        return None
    checkpoint = read_checkpoint(folder / "last.ckpt")
    there = checkpoint.get("run", {})
    names = [name for name in {**run, **there} if run.get(name) != there.get(name)]
    if names:
        found = [f"{n} is {there.get(n)}, not {run.get(n)}" for n in names[:3]]
        raise ValueError(
            f"'{folder}' needs to be empty or to hold checkpoints of the same run (got "
            f"one in which {', '.join(found)}; {len(names)} in all): give "
            "'make_trainer' another folder, or remove this one to train anew"
        )
    return checkpoint


def is_over(trainer: Trainer, checkpoint: dict[str, Any], folder: Path) -> bool:
    """Whether the trainer has nothing to add to the run in a folder.

    Args:
        trainer: The trainer.
        checkpoint: The last one of the run.
        folder: Where it is.

    Raises:
        ValueError: If the run has more epochs than the trainer is to have.
    """
    most, there = trainer.max_epochs, checkpoint["epoch"] + 1
    if most is not None and 0 <= most < there:
        raise ValueError(
            f"'{folder}' holds a run of {there} epochs, more than are asked for (got "
            f"{most}): ask for {there} or more, or remove the folder to train anew"
        )
    return most == there or _has_stopped(trainer, checkpoint)


def _has_stopped(trainer: Trainer, checkpoint: dict[str, Any]) -> bool:
    """Whether validation no longer improved in the run of a checkpoint."""
    stopping = trainer.early_stopping_callback
    return isinstance(stopping, Patience) and stopping.is_over(
        checkpoint["callbacks"][stopping.state_key]
    )


_CUT_OFF = errno.EINVAL  # what the system says of a file that ends too early


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint whose tensors are read when they are used; nothing is unpickled.

    Raises:
        OSError: If there is no such file, or none that can be read now.
        RuntimeError: If memory ran out.
        ValueError: If it is cut off, or something else.
    """
    try:
        checkpoint = torch.load(path, "cpu", weights_only=True, mmap=True)
        return dict(checkpoint)
    except Exception as error:  # whatever a file makes PyTorch and the system say
        if lacks_memory(error) or getattr(error, "errno", _CUT_OFF) != _CUT_OFF:
            raise  # which is no reason to remove it
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"'{path}' needs to be a whole checkpoint (got: {said:.100}): remove the "
            f"checkpoints in '{path.parent}' to train anew"
        ) from error


def constants(task: LightningModule) -> dict[str, Tensor]:
    """What training does not change, by its name in the state: items and pairs.

    Checkpoints leave it out, most of what a large model holds: whoever goes on has the
    same interactions and pairs, by their
    :attr:`~lrdgraph.data.datamodule.SequenceDataModule.fingerprint`, and brings the
    vectors, which may differ in their last bits.
    """
    model: Any = task.model
    graph = getattr(model, "graph", None)
    if not isinstance(graph, LatentRelationGraph):
        return {}
    there = graph.candidates.tensors()
    return {f"model.graph.{name}": tensor for name, tensor in there.items()}


_CHANGED = ("training", "sparse")  # of a module, by those who train it


def describe_run(
    trainer: Trainer, task: LightningModule, datamodule: SequenceDataModule
) -> dict[str, str]:
    """What a run is, by which its checkpoints are known: names and their values."""
    kinds = {part: type(module) for part, module in task.named_modules()}
    run: dict[str, Any] = {part or "task": k.__qualname__ for part, k in kinds.items()}
    run |= _of_batches(datamodule) | {"precision": trainer.precision}
    run["monitor"] = getattr(trainer.early_stopping_callback, "monitor", None)
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    run["average"] = any(isinstance(one, WeightAverage) for one in callbacks)
    rates = ("lr", "gate_lr", "dvae_lr", "weight_decay", "dvae_weight_decay")
    run |= {name: getattr(task, name) for name in rates}
    model: Any = task.model
    for part, module in model.named_modules(prefix="model"):
        found = _settings(module).items()
        run |= {f"{part}.{name}": v for name, v in found if name not in _CHANGED}
    for name, tensor in task.state_dict().items():
        run[name] = list(tensor.shape)
    for name, vectors in task.named_buffers():
        if name.endswith(".x"):
            run[f"values of {name}"] = _sketch(vectors)
    return {name: str(value) for name, value in run.items()}


def _of_batches(datamodule: SequenceDataModule) -> dict[str, Any]:
    """Which batches a run trains on, and which questions it is validated by."""
    return {
        "data": datamodule.fingerprint,
        "batch_size": datamodule.batch_size,
        "training": type(datamodule.training).__qualname__,
        "questions": len(datamodule.validation),
        **_settings(datamodule.training),
    }


def _settings(part: object) -> dict[str, Any]:
    """What is public of a part, and a number or a name."""
    return {
        name: value
        for name, value in vars(part).items()
        if not name.startswith("_") and isinstance(value, int | float | str)
    }


def _sketch(x: Tensor) -> str:
    """Three digits of a sum over vectors ``[N, C]`` with signs and weights of its own.

    Other vectors give others; equal ones whose last bits differ, as those of the same
    texts on another machine do, the same.
    """
    rows, columns = (torch.arange(1.0, n + 1, device=x.device).cos() for n in x.shape)
    return f"{float(rows @ x.float() @ columns):.2e}"

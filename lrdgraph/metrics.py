"""How well items are ranked."""

from collections.abc import Sequence

import torch
from torch import Tensor


def rank_of_target(
    scores: Tensor, target: Tensor, seen: tuple[Tensor, Tensor]
) -> Tensor:
    """Rank of each target in the whole catalogue, without the items seen before.

    Ties count against the model: every other item with the target's score is ahead of
    it, so that a model that scores all items alike is last, not first.

    Args:
        scores: Scores of all items, with shape ``[B, N]``.
        target: The true next items, with shape ``[B]``.
        seen: Rows and items to leave out, both ``[M]``. The target itself counts even
            when it is among them.

    Returns:
        Number of items ahead of the target (0 is best), int64 with shape ``[B]``.

    Raises:
        ValueError: If a score is NaN or a target is no item.
    """
    ahead = scores >= _target_score(scores, target)
    ahead[seen] = False
    ahead.scatter_(1, target.unsqueeze(1), False)
    return ahead.sum(dim=1, dtype=torch.int32).long()  # twice as fast


def rank_among(scores: Tensor, target: Tensor, negatives: Tensor) -> Tensor:
    """Rank of each target among itself and given negatives.

    Ties count against the model. A negative that is given twice counts twice; one that
    is the target does not count.

    Args:
        scores: Scores of all items, with shape ``[B, N]``.
        target: The true next items, with shape ``[B]``.
        negatives: Items to compare with, ``[B, Q]``, padded with -1.

    Returns:
        Number of negatives ahead of the target (0 is best), int64 with shape ``[B]``.

    Raises:
        ValueError: If a score is NaN, or a target or a negative is no item.
    """
    target_score = _target_score(scores, target)
    _check_items("negatives", negatives, -1, scores.size(1))
    ahead = scores.gather(1, negatives.clamp(min=0)) >= target_score
    counts = (negatives >= 0) & (negatives != target.unsqueeze(1))
    return (ahead & counts).sum(dim=1)


def ranking_metrics(rank: Tensor, ks: Sequence[int] = (5, 10)) -> dict[str, float]:
    r"""Mean metrics of rankings that have one target each.

    .. math::
        \text{HR@}k = [\text{rank} < k], \quad
        \text{NDCG@}k = \frac{[\text{rank} < k]}{\log_2(\text{rank} + 2)}, \quad
        \text{MRR} = \frac{1}{\text{rank} + 1}

    They equal PyG's :class:`~torch_geometric.metrics.LinkPredHitRatio`,
    :class:`~torch_geometric.metrics.LinkPredNDCG` and, at :math:`k = N`,
    :class:`~torch_geometric.metrics.LinkPredMRR`. Those read the indices of the top
    :math:`k`, in which a tie is broken by ``topk`` (often for the target) and where
    sampled negatives have no place; ranks settle both.

    Args:
        rank: 0-based ranks with shape ``[B]``, from :func:`rank_of_target` or
            :func:`rank_among`.
        ks: Cut-offs.

    Returns:
        ``{'HR@5': ..., 'NDCG@5': ..., 'HR@10': ..., 'NDCG@10': ..., 'MRR': ...}``.

    Raises:
        ValueError: If there are no ranks or a cut-off is not positive.
    """
    if rank.numel() == 0:
        raise ValueError("'rank' needs at least one rank in 'ranking_metrics' (got 0)")
    if min(ks, default=1) < 1:
        raise ValueError(f"'ks' needs to be positive in 'ranking_metrics' (got {ks})")
    rank = rank.double()
    gain = 1 / torch.log2(rank + 2)
    metrics = {}
    for k in ks:
        hit = (rank < k).double()
        metrics[f"HR@{k}"] = hit.mean().item()
        metrics[f"NDCG@{k}"] = (hit * gain).mean().item()
    return metrics | {"MRR": (1 / (rank + 1)).mean().item()}


def _target_score(scores: Tensor, target: Tensor) -> Tensor:
    """Scores of the targets, ``[B, 1]``, after a look at what was given."""
    _check_items("target", target, 0, scores.size(1))
    broken = scores.amax(dim=1).isnan()  # one look at each; a NaN is the largest
    if broken.any():
        raise ValueError(
            "'scores' needs to hold numbers in a ranking "
            f"(got NaN in {int(broken.sum())} of {len(broken)} rows)"
        )
    return scores.gather(1, target.unsqueeze(1))


def _check_items(name: str, index: Tensor, least: int, num_items: int) -> None:
    wrong = index[(index < least) | (index >= num_items)]
    if wrong.numel():
        raise ValueError(
            f"'{name}' needs to hold items from {least} to {num_items - 1} in a "
            f"ranking (got {int(wrong[0])})"
        )

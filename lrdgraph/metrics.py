"""How well items are ranked, and how well relations are recovered."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    v_measure_score,
)
from sklearn.metrics.cluster import contingency_matrix
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


def relation_recovery(gold: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """How well predicted relations agree with the true ones, whatever their numbers.

    All are 1 for the same partition of the pairs. Labels at random give about 0 in the
    adjusted Rand index; the others depend on the sizes and numbers of the relations, so
    they are to be read beside those of :func:`shuffled_labels` and
    :func:`kmeans_labels`.

    Args:
        gold: The true relation of each pair, integers with shape ``[M]``.
        predicted: The predicted relation of each pair, integers with shape ``[M]``.

    Returns:
        - ``'V-measure'``: harmonic mean of homogeneity and completeness;
        - ``'ARI'``: Rand index, adjusted for chance;
        - ``'NMI'``: mutual information over the *geometric* mean of the entropies
          (`Strehl & Ghosh, 2002 <https://jmlr.org/papers/v3/strehl02a.html>`_; over the
          arithmetic one, it would be the V-measure again);
        - ``'B3-F1'``: F1 of B-cubed precision and recall (Bagga & Baldwin, 1998);
        - ``'accuracy'``: under the best one-to-one matching of predicted with true
          relations.

    Raises:
        ValueError: If the labels are not two vectors of the same length above 0.
    """
    gold, predicted = np.asarray(gold), np.asarray(predicted)
    if gold.ndim != 1 or gold.shape != predicted.shape or not gold.size:
        raise ValueError(
            "'gold' and 'predicted' need to hold one label per pair in "
            f"'relation_recovery' (got shapes {gold.shape} and {predicted.shape})"
        )
    table = contingency_matrix(gold, predicted)
    return {
        "V-measure": float(v_measure_score(gold, predicted)),
        "ARI": float(adjusted_rand_score(gold, predicted)),
        "NMI": float(
            normalized_mutual_info_score(gold, predicted, average_method="geometric")
        ),
        "B3-F1": _b_cubed_f1(table),
        "accuracy": float(table[linear_sum_assignment(-table)].sum() / gold.size),
    }


def kmeans_labels(
    x: Tensor, edge_index: Tensor, num_clusters: int, seed: int
) -> NDArray[np.int64]:
    """The baseline that needs no learning: k-means on differences of item vectors.

    Args:
        x: Item text vectors with shape ``[N, C_text]``.
        edge_index: Item pairs ``(i, j)`` with shape ``[2, M]``; what is clustered is
            ``x_j - x_i``.
        num_clusters: Number of labels.
        seed: Seed of the 10 starts, of which the best is taken.

    Returns:
        A label ``0..num_clusters - 1`` for each pair, with shape ``[M]``.

    Raises:
        ValueError: If there are fewer pairs than clusters.
    """
    num_pairs = edge_index.size(1)
    if num_pairs < num_clusters:
        raise ValueError(
            f"'edge_index' needs at least 'num_clusters' = {num_clusters} pairs in "
            f"'kmeans_labels' (got {num_pairs})"
        )
    difference = (x[edge_index[1]] - x[edge_index[0]]).numpy(force=True)
    kmeans = KMeans(num_clusters, n_init=10, random_state=seed)
    return kmeans.fit_predict(difference).astype(np.int64)


def shuffled_labels(labels: ArrayLike, seed: int) -> NDArray[np.int64]:
    """The baseline that knows only how frequent each label is.

    Args:
        labels: Labels with shape ``[M]``.
        seed: Seed of the permutation.

    Returns:
        The same labels in random order.
    """
    return np.random.default_rng(seed).permutation(np.asarray(labels, dtype=np.int64))


def _b_cubed_f1(table: NDArray[np.int64]) -> float:
    """F1 of B-cubed precision and recall from a contingency table ``[gold, pred]``."""
    squared = table.astype(np.float64) ** 2
    precision = (squared / table.sum(axis=0)).sum() / table.sum()
    recall = (squared / table.sum(axis=1, keepdims=True)).sum() / table.sum()
    return float(2 * precision * recall / (precision + recall))


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

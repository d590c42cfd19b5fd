"""How well relations are recovered, and baselines that recover some of them."""

import numpy as np
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

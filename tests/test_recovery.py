import numpy as np
import pytest
import torch

from lrdgraph.recovery import kmeans_labels, relation_recovery, shuffled_labels


def test_recovery_of_the_same_partition_is_perfect_under_other_numbers() -> None:
    scores = relation_recovery([0, 0, 1, 2, 2], [7, 7, 3, -1, -1])
    names = ["V-measure", "ARI", "NMI", "B3-F1", "accuracy"]
    assert scores == pytest.approx(dict.fromkeys(names, 1.0))
    assert list(scores) == names


def test_recovery_by_hand() -> None:
    # Two gold relations of two pairs; one of the pairs is put into a third relation.
    scores = relation_recovery([0, 0, 1, 1], [0, 0, 1, 2])
    # H(gold) = MI = ln 2 and H(predicted) = 1.5 ln 2.
    assert scores["V-measure"] == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert scores["NMI"] == pytest.approx(1 / 1.5**0.5)
    # Of 6 couples of pairs, 2 are together in gold, 1 in the prediction, 1 in both.
    by_chance = 2 * 1 / 6
    assert scores["ARI"] == pytest.approx((1 - by_chance) / ((2 + 1) / 2 - by_chance))
    # Precision is 1 for all; recall is 1, 1, 1/2, 1/2.
    assert scores["B3-F1"] == pytest.approx(2 * 1 * 0.75 / (1 + 0.75))
    assert scores["accuracy"] == pytest.approx(3 / 4)


def test_recovery_by_one_relation_for_all() -> None:
    scores = relation_recovery([0, 0, 0, 1], [0, 0, 0, 0])
    # Precision is 3/4, 3/4, 3/4, 1/4; recall is 1.
    precision = (3 * 3 / 4 + 1 / 4) / 4
    expected = {"V-measure": 0, "ARI": 0, "NMI": 0, "accuracy": 3 / 4}
    expected["B3-F1"] = 2 * precision / (precision + 1)
    assert scores == pytest.approx(expected, abs=1e-12)


def test_accuracy_takes_the_best_matching_not_the_greedy_one() -> None:
    # Greedily, predicted 0 takes gold 0 (3 pairs) and leaves nothing for predicted 1.
    gold, predicted = [0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1]
    assert relation_recovery(gold, predicted)["accuracy"] == pytest.approx(4 / 7)


def test_kmeans_finds_relations_that_are_translations() -> None:
    generator = torch.Generator().manual_seed(0)
    item = torch.randn(200, 8, generator=generator)
    shift = torch.eye(8)[:3] * 5
    gold = torch.arange(200) % 3
    other = item + shift[gold] + 0.1 * torch.randn(200, 8, generator=generator)
    edge_index = torch.stack([torch.arange(200), torch.arange(200, 400)])
    labels = kmeans_labels(torch.cat([item, other]), edge_index, 3, seed=0)
    assert relation_recovery(gold, labels)["accuracy"] == 1.0
    again = kmeans_labels(torch.cat([item, other]), edge_index, 3, seed=0)
    assert labels.tolist() == again.tolist()


def test_shuffled_labels_keep_only_the_histogram() -> None:
    gold = np.repeat([0, 1, 2], [50, 100, 250])
    shuffled = shuffled_labels(gold, seed=1)
    assert np.bincount(shuffled).tolist() == [50, 100, 250]
    assert abs(relation_recovery(gold, shuffled)["ARI"]) < 0.03
    assert shuffled.tolist() == shuffled_labels(gold, seed=1).tolist()
    assert shuffled.tolist() != shuffled_labels(gold, seed=2).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: relation_recovery([0, 1], [0]), r"shapes \(2,\) and \(1,\)"),
        (lambda: relation_recovery([], []), r"one label per pair"),
        (
            lambda: kmeans_labels(torch.eye(2), torch.tensor([[0], [1]]), 2, seed=0),
            r"at least 'num_clusters' = 2 pairs .*got 1",
        ),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

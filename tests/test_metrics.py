import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.metrics import LinkPredHitRatio, LinkPredMRR, LinkPredNDCG

from lrdgraph.metrics import rank_among, rank_of_target, ranking_metrics

NOTHING = (torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Scores with many ties, targets, and which items are seen."""
    num_rows, num_items = draw(st.integers(1, 4)), draw(st.integers(1, 6))

    def matrix(cell: st.SearchStrategy) -> list:
        row = st.lists(cell, min_size=num_items, max_size=num_items)
        return draw(st.lists(row, min_size=num_rows, max_size=num_rows))

    score = st.sampled_from([float("-inf"), -1.0, 0.0, 0.5, float("inf")])
    item = st.integers(0, num_items - 1)
    target = draw(st.lists(item, min_size=num_rows, max_size=num_rows))
    return (
        torch.tensor(matrix(score)),
        torch.tensor(target),
        torch.tensor(matrix(st.booleans())),
    )


@given(questions())
def test_rank_of_target_equals_a_loop(question: tuple[Tensor, Tensor, Tensor]) -> None:
    scores, target, seen = question
    expected = [
        sum(
            row[item] >= row[goal]
            for item in range(len(row))
            if item != goal and not hidden[item]
        )
        for row, goal, hidden in zip(
            scores.tolist(), target.tolist(), seen.tolist(), strict=True
        )
    ]
    before = scores.clone()
    rank = rank_of_target(scores, target, seen.nonzero(as_tuple=True))
    assert rank.tolist() == expected
    assert scores.equal(before)


@given(questions(), st.data())
def test_rank_among_equals_a_loop(
    question: tuple[Tensor, Tensor, Tensor], data: st.DataObject
) -> None:
    scores, target, _ = question
    width = data.draw(st.integers(0, 5))
    item = st.integers(-1, scores.size(1) - 1)
    row = st.lists(item, min_size=width, max_size=width)
    size = {"min_size": len(scores), "max_size": len(scores)}
    negatives = data.draw(st.lists(row, **size))
    expected = [
        sum(scored[i] >= scored[goal] for i in given_items if i not in (-1, goal))
        for scored, goal, given_items in zip(
            scores.tolist(), target.tolist(), negatives, strict=True
        )
    ]
    given_negatives = torch.tensor(negatives).view(len(scores), width).long()
    assert rank_among(scores, target, given_negatives).tolist() == expected


@given(questions())
def test_all_other_items_as_negatives_are_the_full_ranking(
    question: tuple[Tensor, Tensor, Tensor],
) -> None:
    scores, target, _ = question
    everything = torch.arange(scores.size(1)).expand_as(scores)
    among = rank_among(scores, target, everything)
    assert among.equal(rank_of_target(scores, target, NOTHING))


def test_a_constant_model_is_last() -> None:
    scores, target = torch.zeros(2, 10), torch.tensor([0, 9])
    assert rank_of_target(scores, target, NOTHING).tolist() == [9, 9]
    assert rank_among(scores, target, torch.tensor([[1, 2], [3, 3]])).tolist() == [2, 2]


def test_a_seen_target_counts_and_other_seen_items_do_not() -> None:
    scores, target = torch.tensor([[5.0, 4.0, 3.0, 2.0]]), torch.tensor([2])
    seen = (torch.tensor([0, 0]), torch.tensor([2, 0]))
    assert rank_of_target(scores, target, seen).tolist() == [1]


def test_padded_negatives_and_the_target_among_them_do_not_count() -> None:
    scores, target = torch.tensor([[1.0, 5.0, 4.0]]), torch.tensor([0])
    negatives = torch.tensor([[-1, 0, 1, 1, -1, 2]])
    assert rank_among(scores, target, negatives).tolist() == [3]


@given(st.integers(1, 30), st.integers(2, 40), st.integers(0, 2**31))
def test_metrics_equal_those_of_pyg(num_rows: int, num_items: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Permutations: scores without ties, on which PyG's top-k is unambiguous.
    scores = torch.stack(
        [torch.randperm(num_items, generator=generator) for _ in range(num_rows)]
    ).float()
    target = torch.randint(num_items, (num_rows,), generator=generator)
    ours = ranking_metrics(rank_of_target(scores, target, NOTHING))
    truth = torch.stack([torch.arange(num_rows), target])
    for name, metric in {
        "HR@5": LinkPredHitRatio(5),
        "NDCG@5": LinkPredNDCG(5),
        "HR@10": LinkPredHitRatio(10),
        "NDCG@10": LinkPredNDCG(10),
        "MRR": LinkPredMRR(num_items),
    }.items():
        top = scores.topk(min(metric.k, num_items)).indices
        metric.update(top, truth)
        assert ours[name] == pytest.approx(float(metric.compute()), abs=1e-6), name


@given(st.lists(st.integers(0, 50), min_size=1))
def test_metrics_equal_a_loop(ranks: list[int]) -> None:
    gains = [1 / np.log2(rank + 2) for rank in ranks]
    expected = {"MRR": sum(1 / (rank + 1) for rank in ranks) / len(ranks)}
    for k in (1, 20):
        hits = [rank < k for rank in ranks]
        expected[f"HR@{k}"] = sum(hits) / len(ranks)
        gained = (gain for gain, hit in zip(gains, hits, strict=True) if hit)
        expected[f"NDCG@{k}"] = sum(gained) / len(ranks)
    assert ranking_metrics(torch.tensor(ranks), (1, 20)) == pytest.approx(expected)


def test_metrics_have_the_usual_names_in_the_usual_order() -> None:
    metrics = ranking_metrics(torch.tensor([0, 2, 7]))
    assert list(metrics) == ["HR@5", "NDCG@5", "HR@10", "NDCG@10", "MRR"]
    assert metrics["HR@5"] == pytest.approx(2 / 3)
    assert metrics["NDCG@5"] == pytest.approx((1 + 1 / 2) / 3)
    assert metrics["MRR"] == pytest.approx((1 + 1 / 3 + 1 / 8) / 3)


ONE_ROW = torch.tensor([[0.0, 1.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: rank_of_target(
                torch.tensor([[0.0, 1.0], [0.0, float("nan")]]),
                torch.tensor([0, 0]),
                NOTHING,
            ),
            r"'scores' needs to hold numbers .*got NaN in 1 of 2 rows",
        ),
        (
            lambda: rank_among(
                ONE_ROW * float("nan"), torch.tensor([0]), torch.tensor([[1]])
            ),
            r"got NaN in 1 of 1 rows",
        ),
        (
            lambda: rank_of_target(ONE_ROW, torch.tensor([3]), NOTHING),
            r"'target' needs to hold items from 0 to 2 .*got 3",
        ),
        (
            lambda: rank_among(ONE_ROW, torch.tensor([-1]), torch.tensor([[1]])),
            r"'target' needs to hold items from 0 to 2 .*got -1",
        ),
        (
            lambda: rank_among(ONE_ROW, torch.tensor([0]), torch.tensor([[1, 3]])),
            r"'negatives' needs to hold items from -1 to 2 .*got 3",
        ),
        (lambda: ranking_metrics(torch.tensor([])), r"at least one rank .*got 0"),
        (lambda: ranking_metrics(torch.tensor([1]), (5, 0)), r"'ks' needs to be pos"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

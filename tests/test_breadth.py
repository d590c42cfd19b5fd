"""Which items a ranking finds, and what it shows."""

import pytest
import torch

from lrdgraph.breadth import Breadth, item_buckets
from lrdgraph.metrics import rank_of_target, ranking_metrics

COUNT = torch.tensor([9, 0, 5, 7, 4, 30, 6, 5, 8, 2])


def test_buckets_hold_each_item_once():
    buckets = {k: v.nonzero().squeeze(1) for k, v in item_buckets(COUNT).items()}
    assert {k: v.tolist() for k, v in buckets.items()} == {
        "head": [0, 5],
        "tail": [2, 3, 6, 7, 8],
        "cold": [1, 4, 9],
    }


def test_what_was_hardly_bought_is_no_head():
    buckets = item_buckets(torch.tensor([4, 1, 0]))
    assert not (buckets["head"] | buckets["tail"]).any()
    assert buckets["cold"].all()


def test_a_fifth_of_few_items_is_rounded_up() -> None:
    buckets = item_buckets(torch.tensor([9, 8, 7, 6, 5, 5]))
    assert buckets["head"].nonzero().squeeze(1).tolist() == [0, 1]


@pytest.mark.parametrize("k", [3, 20])
def test_figures_are_those_of_a_loop(k):
    generator = torch.Generator().manual_seed(0)
    breadth, ranks, targets, shown = Breadth(COUNT, k), [], [], []
    for num_users in (40, 1, 17):
        scores = torch.rand(num_users, 10, generator=generator)
        target = torch.randint(10, (num_users,), generator=generator)
        row = torch.arange(num_users).repeat_interleave(2)
        item = torch.randint(10, (2 * num_users,), generator=generator)
        rank = rank_of_target(scores, target, (row, item))
        breadth.update(scores, rank, target, (row, item))
        ranks += rank.tolist()
        targets += target.tolist()
        for user in range(num_users):
            bought = set(item[row == user].tolist())
            order = sorted(range(10), key=lambda i: -scores[user, i].item())
            kept = [i for i in order if i not in bought]
            shown.append(kept[:k])
    found = breadth.compute()
    everything = {i for items in shown for i in items}
    assert found[f"coverage@{k}"] == pytest.approx(len(everything) / 10)
    popular = [COUNT[i].item() for items in shown for i in items]
    assert found[f"popularity@{k}"] == pytest.approx(sum(popular) / len(popular))
    for name, bucket in item_buckets(COUNT).items():
        there = [r for r, t in zip(ranks, targets, strict=True) if bucket[t]]
        for metric, value in ranking_metrics(torch.tensor(there)).items():
            assert found[f"{name}/{metric}"] == pytest.approx(value, abs=1e-6)


def test_what_was_bought_does_not_fill_a_list():
    breadth, seen = Breadth(torch.arange(12), k=10), torch.arange(8)
    none = torch.full((1, 12), -torch.inf)
    scores = torch.rand(1, 12).index_fill(1, torch.tensor([11]), -torch.inf)
    for given in (scores, none):  # the last item is not offered, either
        place = torch.zeros(8, dtype=torch.long), seen
        breadth.update(given, torch.tensor([0]), torch.tensor([8]), place)
    found = breadth.compute()
    assert found["coverage@10"] == pytest.approx(3 / 12)
    assert found["popularity@10"] == pytest.approx((8 + 9 + 10) / 3)


def test_a_bucket_without_targets_has_no_figures():
    breadth = Breadth(COUNT)
    scores, target = torch.rand(4, 10), torch.tensor([0, 5, 5, 0])
    nothing = (torch.empty(0, dtype=torch.long),) * 2
    breadth.update(scores, rank_of_target(scores, target, nothing), target, nothing)
    names = {name.split("/")[0] for name in breadth.compute() if "/" in name}
    assert names == {"head"}

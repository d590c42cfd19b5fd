from functools import partial
from pathlib import Path

import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets import INTERACTS, PlantedRelations
from lrdgraph.transforms import KCore, LeaveOneOut

SmallShop = partial(PlantedRelations, num_users=30, num_items=96)


def gold(data: HeteroData) -> dict[tuple[str, str], str]:
    """The planted relation of each pair, in external ids."""
    ids, names = data["item"].id, data.gold_relations
    kinds = zip(*data.gold_edge_index.tolist(), data.gold_edge_type, strict=True)
    return {(ids[source], ids[target]): names[kind] for source, target, kind in kinds}


def test_transforms_apply() -> None:
    class Count(BaseTransform):
        def forward(self, data: HeteroData) -> HeteroData:
            data.count = data.get("count", 0) + 1
            return data

    dataset = SmallShop(transform=Count(), pre_transform=Count())
    assert len(dataset) == 1
    assert dataset[0].count == dataset[0].count == 2


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"num_users": 0}, "'num_users' needs to be at least 1 .* \\(got 0\\)"),
        ({"num_items": 47}, "'num_items' needs to be at least 48 .* \\(got 47\\)"),
        ({"noise": 1.5}, "'noise' needs to be from 0 to 1 .* \\(got 1.5\\)"),
        ({"noise": float("nan")}, "'noise' needs to be from 0 to 1 .* \\(got nan\\)"),
    ],
)
def test_bad_arguments(argument: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlantedRelations(**argument)


def test_leave_one_out_applies() -> None:
    data = SmallShop(transform=LeaveOneOut())[0]
    user, split = data[INTERACTS].edge_index[0], data[INTERACTS].split
    for history in split.split(user.bincount().tolist()):
        assert history.tolist() == [0] * (len(history) - 2) + [1, 2]
    assert len(data.split_hash) == 16


def test_core_keeps_the_planted_pairs_of_its_items() -> None:
    whole, core = SmallShop()[0], SmallShop(transform=KCore(4))[0]
    left = set(core["item"].id)
    assert 0 < len(left) < 96
    expected = {
        pair: name for pair, name in gold(whole).items() if left.issuperset(pair)
    }
    assert 0 < len(expected) < len(gold(whole))
    assert gold(core) == expected
    assert core.gold_edge_index.size(1) == len(core.gold_edge_type) == len(expected)


def test_nothing_is_written_without_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    SmallShop(pre_transform=LeaveOneOut())
    assert list(tmp_path.iterdir()) == []


def test_root_stores_each_shop_under_its_own_name(tmp_path: Path) -> None:
    first = SmallShop(tmp_path)[0]
    assert gold(SmallShop(tmp_path)[0]) == gold(first)
    assert len(list(tmp_path.rglob("*.pt"))) == 1
    other = SmallShop(tmp_path, seed=1)[0]
    assert len(list(tmp_path.rglob("*.pt"))) == 2
    assert other["item"].text != first["item"].text
    assert torch.equal(SmallShop(seed=1)[0].gold_edge_index, other.gold_edge_index)

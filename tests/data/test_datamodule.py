import pytest
import torch

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut


def test_batches_cover_the_data_in_a_new_order_each_time(shop):
    module = SequenceDataModule(shop, max_length=5, batch_size=32)
    loader = module.train_dataloader()
    epochs = [torch.cat([batch["history"] for batch in loader]) for _ in range(2)]
    assert epochs[0].shape == (len(module.training), 5)
    assert not epochs[0].equal(epochs[1])
    assert sorted(epochs[0].tolist()) == sorted(epochs[1].tolist())
    sizes = [batch["history"].size(0) for batch in loader]
    assert sizes[:-1] == [32] * (len(sizes) - 1)


def test_questions_come_in_order_and_in_larger_batches(shop):
    module = SequenceDataModule(shop, max_length=5, batch_size=32)
    for loader, part in (
        (module.val_dataloader(), module.validation),
        (module.test_dataloader(), module.test),
    ):
        batches = list(loader)
        assert [len(batch["target"]) for batch in batches] == [64, 64, 22]
        target = torch.cat([batch["target"] for batch in batches])
        assert target.equal(part.histories.item[part.position])


def test_given_negatives_reach_their_part():
    data = LeaveOneOut()(make_shop([[0, 1, 2, 3]], 6))
    data["user"].val_negatives = torch.tensor([[4]])
    data["user"].test_negatives = torch.tensor([[5]])
    module = SequenceDataModule(data)
    (val,), (test,) = module.val_dataloader(), module.test_dataloader()
    assert val["negatives"].tolist() == [[4]]
    assert test["negatives"].tolist() == [[5]]


def test_users_with_one_interaction_are_left_out():
    module = SequenceDataModule(LeaveOneOut()(make_shop([[0], [1, 2], [3]], 4)), 3)
    (batch,) = module.train_dataloader()
    assert batch["history"].tolist() == [[4, 4, 1]]
    assert batch["target"].tolist() == [[4, 4, 2]]


def test_somebody_needs_to_have_two_training_interactions():
    data = LeaveOneOut()(make_shop([[0], [1, 2, 3]], 4))
    with pytest.raises(ValueError, match=r"two training interactions \(got none\)"):
        SequenceDataModule(data)


@pytest.mark.parametrize("name", ["max_length", "batch_size"])
@pytest.mark.parametrize("size", [0, -1])
def test_sizes_need_to_be_positive(shop, name, size):
    message = (
        rf"'{name}' needs .* positive integer in 'SequenceDataModule' \(got {size}\)"
    )
    with pytest.raises(ValueError, match=message):
        SequenceDataModule(shop, **{name: size})


@pytest.mark.parametrize(
    ("relation", "name"),
    [
        (("user", "interacts", "item"), "edge_index"),
        (("user", "interacts", "item"), "split"),
        (("item", "text_knn", "item"), "edge_index"),
        (("item", "transition", "item"), "count"),
    ],
)
def test_fingerprint_is_that_of_interactions_split_and_relations(shop, relation, name):
    known = SequenceDataModule(shop).fingerprint
    same, other = shop.clone(), shop.clone()
    same["item"].x += 1e-6
    assert SequenceDataModule(same, 7, batch_size=3).fingerprint == known
    other[relation][name].view(-1)[-1] -= 1
    assert SequenceDataModule(other).fingerprint != known

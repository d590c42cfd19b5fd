import torch

from lrdgraph.models import Popularity


def test_scores_are_the_counts_for_everybody():
    model = Popularity(torch.tensor([3, 0, 7]))
    scores = model(torch.tensor([[0], [3]]), model.item_states())
    assert scores.tolist() == [[3, 0, 7], [3, 0, 7]]


def test_scores_can_be_masked_without_changing_the_model():
    model = Popularity(torch.tensor([3, 0, 7]))
    model(torch.tensor([[0]])).fill_(-1)
    assert model.count.tolist() == [3, 0, 7]


def test_state_dict_keeps_the_counts():
    model = Popularity(torch.zeros(3))
    model.load_state_dict(Popularity(torch.tensor([3, 0, 7])).state_dict())
    assert model.item_states().tolist() == [3, 0, 7]

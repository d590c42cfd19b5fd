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


def test_what_counts_in_a_period_is_asked_of_that_period():
    model = Popularity(torch.tensor([[3, 1], [0, 2], [7, 0]]))
    history = torch.tensor([[0], [3]])
    found = model(history, model.item_states(), torch.tensor([1, 0]))
    assert found.tolist() == [[1, 2, 0], [3, 0, 7]]
    assert model(history).tolist() == [[1, 2, 0], [1, 2, 0]]
    assert model.num_items == 3

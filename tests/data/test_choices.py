import pytest
import torch

from lrdgraph.data import Histories
from lrdgraph.data.choices import TrainingChoices
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut

NUM_ITEMS = 8
USERS = [[0, 1, 2, 4, 5], [3, 1, 6, 7]]  # the last two of each are held out


@pytest.fixture
def histories() -> Histories:
    return Histories.from_data(LeaveOneOut()(make_shop(USERS, NUM_ITEMS)))


def test_each_training_interaction_with_a_past_is_a_choice(histories):
    choices = TrainingChoices(histories, 3)
    assert len(choices) == 2 + 1
    batch = choices.__getitems__([0, 1, 2])
    assert batch["user"].tolist() == [0, 0, 1]
    assert batch["target"].tolist() == [1, 2, 1]
    assert batch["history"].tolist() == [[8, 8, 0], [8, 0, 1], [8, 8, 3]]
    age = batch["time"].unsqueeze(1) - batch["history_time"]
    assert age[batch["history"] < NUM_ITEMS].tolist() == [1, 2, 1, 1]


@pytest.mark.parametrize("spared", [False, True])
def test_negatives_are_what_the_user_did_not_have(histories, spared):
    choices = TrainingChoices(histories, 3, 2, spare_held_out=spared)
    torch.manual_seed(0)
    batches = [choices.__getitems__([0, 1, 2]) for _ in range(100)]
    found = torch.stack([batch["negatives"] for batch in batches])  # [100, 3, 2]
    had = [set(items if spared else items[:-2]) for items in USERS]
    everything = set(range(NUM_ITEMS))
    assert set(found[:, :2].flatten().tolist()) == everything - had[0]
    assert set(found[:, 2].flatten().tolist()) == everything - had[1]


def test_a_user_who_had_everything_ends_the_search():
    histories = Histories.from_data(LeaveOneOut()(make_shop([[0, 1, 2, 0, 1]], 3)))
    assert TrainingChoices(histories, 3).__getitems__([0])["negatives"].shape == (1, 1)


def test_there_are_negatives(histories):
    with pytest.raises(ValueError, match=r"'num_negatives' needs .*got 0"):
        TrainingChoices(histories, 3, 0)

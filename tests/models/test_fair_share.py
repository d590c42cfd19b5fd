import pytest
import torch

from lrdgraph.models import SASRec
from lrdgraph.models.fair_share import give_fair_share

KNOWN, NEW = 60, 20


@pytest.fixture
def model() -> SASRec:
    torch.manual_seed(0)
    model = SASRec(KNOWN + NEW, 8, max_length=4, x=torch.randn(KNOWN + NEW, 6))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    with torch.no_grad():
        model.bias[KNOWN:] -= 4  # as if nobody knew them
    return model.eval()


@torch.no_grad()
def after_each(model: SASRec, num_items: int) -> torch.Tensor:
    """Scores after each single item, which is no candidate itself."""
    history = torch.full((num_items, model.max_length), model.num_items)
    history[:, -1] = torch.arange(num_items)
    scores = model(history)
    scores[torch.arange(num_items), torch.arange(num_items)] = -torch.inf
    return scores


def share(model: SASRec, first: int, places: int = 10) -> float:
    best = after_each(model, first).topk(places).indices
    return float((best >= first).float().mean())


@pytest.mark.parametrize("shift", [0.0, 9.0])
def test_new_items_get_the_places_of_their_share(model, shift):
    with torch.no_grad():
        model.bias[KNOWN:] += shift
    assert abs(share(model, KNOWN) - NEW / (KNOWN + NEW)) > 0.1
    give_fair_share(model, KNOWN)
    assert share(model, KNOWN) == pytest.approx(NEW / (KNOWN + NEW), abs=0.01)


def test_the_rankings_among_new_and_among_known_items_stay(model):
    before, bias = after_each(model, KNOWN), model.bias.detach().clone()
    give_fair_share(model, KNOWN)
    after = after_each(model, KNOWN)
    assert after[:, :KNOWN].equal(before[:, :KNOWN])
    assert after[:, KNOWN:].argsort().equal(before[:, KNOWN:].argsort())
    change = (model.bias - bias)[KNOWN:]
    assert torch.allclose(change, change[0])
    assert not model.training


@pytest.mark.parametrize("num_new", [1, 3])
def test_few_new_items_get_a_place_somewhere(model, num_new):
    first = model.num_items - num_new
    assert share(model, first) == 0
    give_fair_share(model.train(), first)
    assert model.training
    found = share(model.eval(), first)
    assert found == pytest.approx(num_new / model.num_items, abs=0.005)


@pytest.mark.parametrize("first", [KNOWN + NEW, 1, 0])
def test_where_nothing_is_new_or_nothing_known_all_stays(model, first):
    bias = model.bias.detach().clone()
    give_fair_share(model, first)
    assert model.bias.equal(bias)

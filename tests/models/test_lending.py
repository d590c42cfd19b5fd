import torch
from torch.nn.functional import cosine_similarity

from lrdgraph.models import SASRec
from lrdgraph.models.lending import lend_ids

KNOWN = 30


def make_model(num_new: int) -> SASRec:
    torch.manual_seed(0)
    x = torch.randn(KNOWN + num_new, 6)
    x[4] = x[KNOWN + 1] = 0  # without text
    return SASRec(len(x), 8, x=x)


def test_new_items_start_from_their_nearest_known_ones():
    model = make_model(5)
    before = model.id.weight.detach().clone()
    lend_ids(model, KNOWN, k=3)
    after = model.id.weight.detach()
    assert after[:KNOWN].equal(before[:KNOWN])
    for new in (KNOWN, KNOWN + 2, KNOWN + 3, KNOWN + 4):
        cosine = cosine_similarity(model.x[new], model.x[:KNOWN])
        near = sorted(set(range(KNOWN)) - {4}, key=lambda i: -cosine[i])[:3]
        share = (10 * cosine[near]).exp()
        expected = (share[:, None] * before[near]).sum(0) / share.sum()
        assert torch.allclose(after[new], expected, atol=1e-5)


def test_a_twin_of_a_known_item_starts_close_to_it():
    model = make_model(2)
    model.x[KNOWN] = model.x[7]
    lend_ids(model, KNOWN, k=KNOWN)
    lent = model.id.weight[KNOWN].detach()
    distance = (model.id.weight[:KNOWN].detach() - lent).norm(dim=1)
    assert distance.argmin() == 7


def test_without_text_or_without_neighbours_all_stays():
    model = make_model(5)
    before = model.id.weight.detach().clone()
    lend_ids(model, KNOWN)
    assert model.id.weight[KNOWN + 1].equal(before[KNOWN + 1])
    blank = SASRec(4, 8, x=torch.tensor([[0.0], [0.0], [1.0], [1.0]]))
    before = blank.id.weight.detach().clone()
    lend_ids(blank, 2)
    assert blank.id.weight.equal(before)

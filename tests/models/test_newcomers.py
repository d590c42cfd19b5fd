import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.models.newcomers import Newcomers
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, TextKNN, Transitions

NUM_ITEMS, NEW = 6, 5  # nobody bought the last one
HISTORIES = [[0, 1, 2, 3, 4], [3, 2, 1, 4, 0], [4, 2, 0, 1, 3]]


def shop() -> HeteroData:
    data = LeaveOneOut()(make_shop(HISTORIES, NUM_ITEMS))
    return Transitions()(TextKNN(3)(data))


def make(share: float = 0.5) -> tuple[LatentRelationGraph, Newcomers]:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop(), num_latent=2, state_channels=8)
    newcomers = Newcomers(graph, share)
    torch.nn.init.normal_(newcomers.strength)
    torch.nn.init.normal_(newcomers.bias)
    return graph, newcomers


@pytest.mark.parametrize("share", [-0.1, 1.0, 7.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float):
    with pytest.raises(ValueError, match=r"'newness' needs .* less than 1 \(got"):
        make(share)


def test_who_is_new_is_drawn_in_training_alone():
    never_bought = torch.arange(NUM_ITEMS) == NEW
    _, newcomers = make()
    assert newcomers.new.equal(never_bought)
    drawn = []
    for _ in range(400):
        newcomers.draw()
        drawn.append(newcomers.new)
    often = torch.stack(drawn).float().mean(0)
    assert torch.allclose(often, torch.where(never_bought, 1.0, 0.5), atol=0.1)
    assert newcomers.eval().new.equal(never_bought)
    _, newcomers = make(share=0.0)
    newcomers.draw()
    assert newcomers.new.equal(never_bought)


def test_ids_are_lent_by_known_items_near_in_text():
    graph, newcomers = make()
    ids = torch.randn(NUM_ITEMS, 4)
    found = newcomers.ids(ids, ids.__getitem__)
    assert found[:NEW].equal(ids[:NEW])
    column = graph.relations.index("text_knn")
    near = [n for n in range(NEW) if graph.find(*torch.tensor([[NEW], [n]])) >= 0]
    assert graph.observed[graph.find(torch.tensor([NEW]), torch.tensor(near[:1]))][
        0, column
    ]
    cosine = torch.cosine_similarity(graph.x[[NEW]], graph.x[near])
    expected = (10 * cosine).softmax(0) @ ids[near]
    assert torch.allclose(found[NEW], expected, atol=1e-5)


def test_what_is_known_of_the_edges_of_new_items():
    graph, newcomers = make()
    newcomers.drawn[2] = True  # as if it was new, though it was bought
    given, found = graph(), newcomers(graph())
    counted = graph.relations.index("transition")
    for (source, target), before, after in zip(
        given.edge_index.t().tolist(), given.weight, found.weight, strict=True
    ):
        expected = before.clone()
        if {source, target} & {2, NEW}:
            expected[counted] = 0
        if target in (2, NEW):
            expected *= newcomers.strength.exp()
        assert torch.allclose(after, expected)
    assert given.weight[:, counted].any()


def test_new_items_have_one_bias():
    _, newcomers = make()
    found = newcomers.biases(torch.arange(NUM_ITEMS).float())
    assert found.tolist() == [*range(NEW), pytest.approx(newcomers.bias.item())]


def test_without_purchases_nothing_is_new_and_without_texts_nothing_is_lent():
    data = make_shop(HISTORIES, NUM_ITEMS, {"bought": [(0, 5), (5, 1)]})
    unsplit = Newcomers(LatentRelationGraph(data, 0), 0.1)
    assert not unsplit.new.any()
    ones = torch.ones(NUM_ITEMS, 4)
    for step in (LeaveOneOut(), Transitions()):
        data = step(data)
        split = Newcomers(LatentRelationGraph(data, 0), 0.1)
        assert split.new.nonzero().tolist() == [[NEW]]
        assert not split.ids(ones, ones.__getitem__)[NEW].any()

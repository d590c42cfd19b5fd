"""Whatever is wrong with the input is named, with what was expected and what came."""

from collections.abc import Callable

import pytest
import torch
from torch import nan
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import LRDRec
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, Transitions

NUM_ITEMS = 5
TRANSITIONS = ("item", "transition", "item")


def good() -> HeteroData:
    histories = [[0, 1, 2, 3], [1, 2, 0, 4]]
    return LeaveOneOut()(make_shop(histories, NUM_ITEMS, {"bought": [(0, 1), (2, 1)]}))


def no_vectors(data: HeteroData) -> None:
    del data["item"].x


def flat_vectors(data: HeteroData) -> None:
    data["item"].x = torch.ones(NUM_ITEMS)


def too_few_vectors(data: HeteroData) -> None:
    data["item"].x = torch.ones(3, 8)


def one_nan(data: HeteroData) -> None:
    data["item"].x[2, 4] = nan


def minus_infinity(data: HeteroData) -> None:
    data["item"].x[3, 1] = -torch.inf


def no_relation(data: HeteroData) -> None:
    del data["item", "bought", "item"]


def empty_relation(data: HeteroData) -> None:
    data["item", "bought", "item"].edge_index = torch.empty(2, 0, dtype=torch.long)


def uncounted_transitions(data: HeteroData) -> None:
    data[TRANSITIONS].edge_index = torch.tensor([[0], [1]])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_vectors, r"'x' needs .*got none.*EmbedText or SetVectors"),
        (flat_vectors, r"'x' needs to have shape \[5, C_text\] \(got \[5\]\)"),
        (too_few_vectors, r"'x' needs to have shape \[5, C_text\] \(got \[3, 8\]\)"),
        (one_nan, r"'x' needs to be finite \(got nan for item 'i2'\)"),
        (minus_infinity, r"'x' needs to be finite \(got -inf for item 'i3'\)"),
        (no_relation, r"at least one candidate pair \(got no .*TextKNN or Transitions"),
        (empty_relation, r"at least one candidate pair \(got no item-item relation"),
        (
            uncounted_transitions,
            r"'transition' needs 'count' and 'window', .*Transitions.*"
            r"\(got the relation with \['edge_index'\], .*another name",
        ),
    ],
)
def test_graph_of_bad_data(spoil: Callable[[HeteroData], None], message: str):
    data = good()
    spoil(data)
    with pytest.raises(ValueError, match=message):
        LatentRelationGraph(data)


@pytest.mark.parametrize(
    ("place", "key"),
    [(TRANSITIONS, "count"), (TRANSITIONS, "window"), ("item", "count")],
)
def test_half_counted_transitions(place: tuple[str, ...] | str, key: str):
    data = Transitions()(good())
    del data[place][key]
    with pytest.raises(ValueError, match=r"'transition' needs 'count' and 'window'"):
        LatentRelationGraph(data)


def test_empty_relation_beside_another_is_no_relation():
    data = good()
    nothing = torch.empty(2, 0, dtype=torch.long)
    data["item", "viewed", "item"].edge_index = nothing
    data[TRANSITIONS].edge_index = nothing
    graph = LatentRelationGraph(data, num_latent=0)
    assert graph.relations == ("bought",)
    LRDRec(graph).recommend(["i0"])


def test_negative_number_of_latent_relations():
    with pytest.raises(ValueError, match=r"'num_latent' .* 0 or more \(got -1\)"):
        LatentRelationGraph(good(), num_latent=-1)


def test_latent_relations_need_pairs_to_live_on():
    data = Transitions()(good())
    no_relation(data)
    with pytest.raises(ValueError, match=r"latent relations need pairs.*TextKNN"):
        LatentRelationGraph(data)
    assert LatentRelationGraph(data, num_latent=0).relations == ("transition",)


@pytest.mark.parametrize("num_latent", [0, 1])
def test_few_latent_relations_work(num_latent):
    graph = LatentRelationGraph(good(), num_latent=num_latent)
    assert any("dvae" in name for name in graph.state_dict()) == bool(num_latent)
    assert len(LRDRec(graph).recommend(["i0", "i1"], k=2)) == 2


def test_states_of_another_size_than_the_graph_reconstructs():
    graph = LatentRelationGraph(good(), state_channels=16)
    with pytest.raises(ValueError, match=r"'hidden_channels' .*, 16 \(got 32\)"):
        LRDRec(graph, hidden_channels=32)


@pytest.mark.parametrize(
    ("history", "k", "error", "message"),
    [
        ("i0", 3, ValueError, r"a sequence of item ids \(got the text 'i0'\)"),
        (["i0"], 0, ValueError, r"'k' needs to be a positive integer \(got 0\)"),
        (["i0"], -2, ValueError, r"\(got -2\)"),
        (["i0", "B00X"], 3, KeyError, r"item 'B00X' needs .* the 5 items .*'i0'"),
        (["i0", 3], 3, KeyError, r"item 3 needs"),
    ],
)
def test_bad_questions(history, k, error, message):
    model = LRDRec(LatentRelationGraph(good())).train()
    with pytest.raises(error, match=message):
        model.recommend(history, k=k)
    assert model.training


@pytest.mark.parametrize(
    ("item", "relation", "message"),
    [
        ("B00X", None, r"item 'B00X' needs to be one of the 5 items"),
        ("i0", "sold", r"'relation' needs to be one of \('bought', .*got 'sold'"),
        ("i0", "none", r"'relation' needs to be one of .*got 'none'"),
    ],
)
def test_unknown_neighbors(item, relation, message):
    with pytest.raises(KeyError, match=message):
        LatentRelationGraph(good()).neighbors(item, relation)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (make_shop([[0, 1, 2]], 3), r"'split' needs .*got none.*LeaveOneOut"),
        (LeaveOneOut()(make_shop([[0], [1]], 3)), r"two training .* \(got none\)"),
        (LeaveOneOut()(make_shop([[0, 1, 2]], 3)), r"two training .* \(got none\)"),
    ],
    ids=["no split", "one interaction each", "all but one held out"],
)
def test_batches_of_bad_data(data, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataModule(data)


def test_graph_needs_no_split_and_no_users():
    data = good()
    del data["user", "interacts", "item"].split
    assert not LatentRelationGraph(data).lags.any()
    items = HeteroData()
    items["item"].update(good()["item"])
    items["item", "bought", "item"].edge_index = torch.tensor([[0], [1]])
    assert not LatentRelationGraph(items).lags.any()

"""An interaction is never evidence for itself.

Whoever predicts an interaction in training has to get the scores of a graph from which
that very interaction is missing: all transitions that it takes part in, and its share
in the popularity of its item.
"""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingWindows
from lrdgraph.datasets import INTERACTS
from lrdgraph.models import LRDRec
from lrdgraph.nn.scoring import history_paths
from lrdgraph.testing import make_shop
from lrdgraph.transforms import Transitions
from lrdgraph.typing import Rows

NUM_ITEMS, LENGTH = 8, 9
ELSEWHERE = [6, 7]  # bought twice, so that some transition always remains

item = st.integers(0, 5)
pairs = st.sets(
    st.tuples(item, item).filter(lambda pair: pair[0] != pair[1]), min_size=1
)
histories = st.lists(
    st.lists(item, min_size=2, max_size=LENGTH), min_size=1, max_size=5
)
windows = st.integers(1, 4)


def make_data(
    histories: list[list[int]], pairs: set, window: int, min_count: int = 1
) -> HeteroData:
    """All of the histories is training."""
    data = make_shop([*histories, ELSEWHERE, ELSEWHERE], NUM_ITEMS, {"bought": pairs})
    store = data[INTERACTS]
    store.split = torch.zeros(store.num_edges, dtype=torch.int8)
    return Transitions(window, min_count)(data)


def without(data: HeteroData, position: int) -> HeteroData:
    """Transitions and popularity recounted without one interaction, the slow way."""
    user, item = data[INTERACTS].edge_index.tolist()
    old = data["item", "transition", "item"]
    count = Counter(
        pair
        for second in range(len(item))
        for pair in {
            (item[first], item[second])
            for first in range(max(0, second - old.window), second)
            if position not in (first, second)
            and user[first] == user[second]
            and item[first] != item[second]
        }
    )
    data = data.clone()
    store = data["item", "transition", "item"]
    kept = sorted(pair for pair in count if count[pair] >= old.min_count)
    store.edge_index = torch.tensor(kept).view(-1, 2).t()
    store.count = torch.tensor([count[pair] for pair in kept])
    data["item"]["count"][item[position]] -= 1
    return data


def make_model(data: HeteroData, max_length: int) -> LRDRec:
    """A model without dropout, all of it at random."""
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=2, state_channels=4)
    model = LRDRec(graph, 4, max_length=max_length, dropout=0.0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model.eval()


@torch.no_grad()
def score(
    model: LRDRec, history: Tensor, slot: int, target: Tensor | None = None
) -> Tensor:
    """Scores of the catalogue after one slot of one history ``[L]``, ``[N]``."""
    rows = Rows(torch.tensor([0]), torch.tensor([slot]))
    states = model.item_states()
    user = model.user_states(states, history[None])[0, slot]
    scores = states @ user + model.item_bias()
    for _, reached, value in model.messages(
        history_paths(history[None], rows, NUM_ITEMS), target
    ):
        scores.index_add_(0, reached.flatten(), value.flatten())
    return scores


def check_all(data: HeteroData, max_length: int) -> None:
    """Compare for every interaction that a training batch predicts."""
    histories = Histories.from_data(data)
    windows = TrainingWindows(histories, max_length)
    batch = windows.__getitems__(list(range(len(windows))))
    model = make_model(data, max_length)
    for window, slot in (batch["target"] < NUM_ITEMS).nonzero().tolist():
        history, target = batch["history"][window], batch["target"][window, slot]
        position = int(windows.last[window]) - (max_length - 1 - slot)
        assert target == histories.item[position]
        seen = history[: slot + 1].tolist()
        if target in seen:  # a repeated item is no target
            continue
        trained = score(model, history, slot, target.view(1))
        other = make_model(without(data, position), max_length)
        other.newcomers.known = model.newcomers.known  # whose parameters an item has
        blind = score(other, history, slot)
        others = [i for i in range(NUM_ITEMS) if i not in seen]
        assert torch.allclose(trained[others], blind[others], rtol=1e-4, atol=1e-4)


@settings(max_examples=15)
@given(histories, pairs, windows)
def test_training_scores_are_those_of_a_graph_without_it(histories, pairs, window):
    check_all(make_data(histories, pairs, window), LENGTH)


@settings(max_examples=15)
@given(histories, pairs, windows)
def test_so_are_those_where_pairs_have_to_occur_again(histories, pairs, window):
    often = [[*ELSEWHERE], [*ELSEWHERE]]  # so that some transition always remains
    check_all(make_data([*histories, *often], pairs, window, min_count=2), LENGTH)


@settings(max_examples=15)
@given(histories, pairs, windows, st.integers(1, 4))
def test_so_are_those_of_histories_cut_into_windows(
    histories, pairs, window, max_length
):
    check_all(make_data(histories, pairs, window), max_length)


def test_an_item_beyond_the_window_knows_nothing_of_it_either():
    """Its edge to the target is of others; the target's popularity is not."""
    check_all(make_data([[0, 1, 2], [0, 2], [0, 2, 3]], {(0, 4)}, window=1), LENGTH)


def test_edge_that_only_the_interaction_made_is_off_in_every_channel():
    data = make_data([[0, 1, 2], [0, 3], [1, 3, 2]], {(0, 4)}, window=1)
    graph = LatentRelationGraph(data, num_latent=2)
    edge_id = graph.find(torch.tensor([0]), torch.tensor([3]))
    assert not graph.static[edge_id]
    weight = graph(edge_id).weight.squeeze(0)
    transition = graph.relations.index("transition")
    assert weight[transition] > 0
    own = torch.ones(1)
    assert graph.transition_weight(edge_id, own).tolist() == [0]
    assert not weight[torch.arange(len(graph.relations)) != transition].any()


def test_training_sees_less_than_evaluation_for_its_target_alone():
    data = make_data([[0, 1, 2], [0, 1, 3]], {(0, 4), (1, 4)}, window=2)
    model = make_model(data, LENGTH)
    history = torch.tensor([NUM_ITEMS] * (LENGTH - 2) + [0, 1])
    free = score(model, history, LENGTH - 1)
    careful = score(model, history, LENGTH - 1, torch.tensor([2]))
    changed = [i for i in range(NUM_ITEMS) if abs(free[i] - careful[i]) > 1e-5]
    assert changed == [2]
    assert careful[2] < free[2]


@pytest.mark.parametrize("new", [[2], [0, 1]])
def test_where_no_transition_was_sent_none_is_taken_back(new: list[int]) -> None:
    """To an item that is drawn as new, or from one, nothing was counted."""
    data = make_data([[0, 1, 2], [0, 1, 3]], {(0, 4), (1, 4)}, window=2)
    model = make_model(data, LENGTH).train()
    model.newcomers.drawn[new] = True
    history = torch.tensor([NUM_ITEMS] * (LENGTH - 2) + [0, 1])
    free = score(model, history, LENGTH - 1)
    careful = score(model, history, LENGTH - 1, torch.tensor([2]))
    assert torch.allclose(free, careful, atol=1e-6)

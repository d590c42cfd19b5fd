import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, TextKNN, Transitions

KNOWN = {"fits": [(0, 1), (2, 3)], "viewed": [(0, 1), (1, 4), (5, 0)]}


@pytest.fixture
def graph() -> LatentRelationGraph:
    histories = [[0, 1, 2, 5, 3], [3, 0, 1, 2, 4], [5, 0, 4]]
    data = TextKNN(3)(LeaveOneOut()(make_shop(histories, 8, KNOWN)))
    torch.manual_seed(0)
    graph = LatentRelationGraph(Transitions()(data), 2, 8, "facts")
    torch.nn.init.normal_(graph.dvae.fact)
    torch.nn.init.normal_(graph.dvae.outcome.weight)
    return graph


def test_what_is_foretold_is_a_loop_over_pairs_that_nobody_has_written_down(graph):
    table = graph.foretold(min_prob=0.4)
    found = {tuple(row[:3]): row[3] for row in table.itertuples(index=False)}
    expected = {}
    for edge in graph.static.nonzero().squeeze(1).tolist():
        pair = graph.edge_index[:, edge].tolist()
        sure = graph.dvae.foretell(graph.posterior(torch.tensor([edge])))[0]
        for name, probability in zip(("fits", "viewed"), sure.tolist(), strict=True):
            if tuple(pair) not in KNOWN[name] and probability >= 0.4:
                expected[f"i{pair[0]}", name, f"i{pair[1]}"] = probability
    assert len(found) == len(table) > 3
    assert found == pytest.approx(expected)
    for _, part in table.groupby("relation"):
        assert part["probability"].is_monotonic_decreasing


def test_as_many_as_are_asked_for_of_each_item(graph):
    every, one = graph.foretold(0.0), graph.foretold(0.0, top_k=1)
    best = every.groupby(["head", "relation"])["probability"].max()
    assert (
        one.set_index(["head", "relation"])["probability"].to_dict() == best.to_dict()
    )


@pytest.mark.parametrize("objective", ["marginal", "lrd"])
def test_another_objective_foretells_nothing(objective):
    data = TextKNN(3)(LeaveOneOut()(make_shop([[0, 1, 2, 3]], 8, KNOWN)))
    graph = LatentRelationGraph(data, 2, 8, objective)
    with pytest.raises(ValueError, match=rf"'facts' \(got 2 with '{objective}'\)"):
        graph.foretold()
    with pytest.raises(ValueError, match="'min_prob' needs to be from 0 to 1"):
        graph.foretold(2.0)

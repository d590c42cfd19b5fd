"""What a model card calls its model and what is in it."""

import pytest

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.pretrained.card import model_card
from lrdgraph.testing import make_shop
from lrdgraph.transforms import TextKNN


@pytest.mark.parametrize(
    "name", ["pens", "pens/", "./pens", "shop/pens", "/shop/pens/", "."]
)
def test_a_card_has_a_title(name, tmp_path, monkeypatch):
    (tmp_path / "pens").mkdir()
    monkeypatch.chdir(tmp_path / "pens")
    graph = LatentRelationGraph(TextKNN(2)(make_shop([[0, 1, 2]], 5)), 1, 8)
    card = model_card(LRDRec(graph, 8), name)
    assert "\n# pens\n" in card
    assert f'from_pretrained("{name}")' in card


def test_a_relation_of_the_users_is_one_cell():
    data = TextKNN(2)(make_shop([[0, 1, 2]], 5))
    pairs = data["item", "text_knn", "item"].edge_index
    data["item", "goes|with", "item"].edge_index = pairs
    card = model_card(LRDRec(LatentRelationGraph(data, 1, 8), 8), "pens")
    assert f"| goes\\|with | observed |  | {pairs.size(1)} |" in card

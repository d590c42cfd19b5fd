import pytest
import torch

from lrdgraph.knowledge import Knowledge, known_relations
from lrdgraph.testing import make_shop

PAIRS = {"goes_with": [(0, 1), (2, 3)], "text_knn": [(0, 2)]}


@pytest.fixture
def data():
    data = make_shop([[0, 1, 2]], 4, PAIRS)
    data["item"].brand = ["Ada", "", "Bob", "Ada"]
    data["item", "same_brand", "item"].edge_index = torch.tensor([[0, 3], [3, 0]])
    return data


def test_relations_and_values_become_triples(data):
    known = Knowledge.from_data(data, *known_relations(data))
    assert known.relations == ("virtual", "goes_with", "brand")
    assert known.num_entities == 4 + 1 + 2
    assert known.value.tolist() == [[4, 4, 5], [4, 4, 4], [4, 4, 6], [4, 4, 5]]
    triples = torch.stack([known.head, known.relation, known.tail]).t().tolist()
    assert triples == [[0, 1, 1], [2, 1, 3], [0, 2, 5], [2, 2, 6], [3, 2, 5]]


def test_pairs_of_an_attribute_that_is_not_there_are_a_relation(data) -> None:
    data["item", "same_shelf", "item"].edge_index = torch.tensor([[0], [1]])
    assert known_relations(data) == (["goes_with", "same_shelf"], ["brand"])


def test_what_is_no_item_is_in_no_triple(data):
    data["item", "goes_with", "item"].edge_index = torch.tensor([[0, 1], [1, 1]]).int()
    known = Knowledge.from_data(data, ["goes_with"])
    assert torch.stack([known.head, known.tail]).tolist() == [[0], [1]]
    data["item", "goes_with", "item"].edge_index[1, 0] = 4
    with pytest.raises(ValueError, match="'goes_with' needs item indices from 0 to 3"):
        Knowledge.from_data(data, ["goes_with"])


@pytest.mark.parametrize(
    ("relations", "attributes", "message"),
    [
        (["rivals"], [], r"'relations' needs some of .*got \['rivals'\]"),
        (["goes_with"], ["colour"], r"'attributes' needs .*got \['colour'\]"),
        (["virtual"], [], "relations need different names"),
        ([], [], "at least one triple"),
    ],
)
def test_names_need_to_be_there(data, relations, attributes, message):
    with pytest.raises(ValueError, match=message):
        Knowledge.from_data(data, relations, attributes)

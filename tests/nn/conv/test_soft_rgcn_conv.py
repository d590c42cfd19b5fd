import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import RGCNConv

from lrdgraph.nn import SoftRGCNConv
from lrdgraph.testing import ConvContract

NUM_ITEMS, NUM_RELATIONS = 7, 3


class TestSoftRGCNConv(ConvContract):
    def make(
        self, in_channels: int, out_channels: int, num_relations: int
    ) -> SoftRGCNConv:
        return SoftRGCNConv(in_channels, out_channels, num_relations)


@pytest.fixture
def graph() -> tuple[Tensor, Tensor, Tensor]:
    """Item states, edges and the relation of each edge."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(NUM_ITEMS, 4, generator=generator)
    edge_index = torch.randint(NUM_ITEMS, (2, 20), generator=generator)
    return x, edge_index, torch.randint(NUM_RELATIONS, (20,), generator=generator)


@pytest.mark.parametrize("num_bases", [1, 2, 5])
def test_equals_rgcn_where_types_are_certain(graph, num_bases):
    x, edge_index, edge_type = graph
    soft = SoftRGCNConv(4, 5, NUM_RELATIONS, num_bases)
    hard = RGCNConv(4, 5, NUM_RELATIONS, num_bases)
    torch.nn.init.normal_(soft.bias)
    hard.load_state_dict(soft.state_dict())
    weight = F.one_hot(edge_type, NUM_RELATIONS).float()
    expected = hard(x, edge_index, edge_type)
    assert torch.allclose(soft(x, edge_index, weight), expected, atol=1e-6)


def test_items_that_nothing_reaches_keep_to_themselves(graph):
    x, edge_index, edge_type = graph
    conv = SoftRGCNConv(4, 5, NUM_RELATIONS)
    edge_index = edge_index.clamp(max=NUM_ITEMS - 2)
    weight = F.one_hot(edge_type, NUM_RELATIONS).float()
    alone = conv(x, edge_index, weight)[-1]
    assert torch.allclose(alone, x[-1] @ conv.root + conv.bias, atol=1e-6)
    nothing = conv(x, edge_index[:, :0], weight[:0])
    assert torch.allclose(nothing, x @ conv.root + conv.bias, atol=1e-6)


def test_repr():
    conv = SoftRGCNConv(4, 5, 3)
    assert str(conv) == "SoftRGCNConv(4, 5, num_relations=3, num_bases=2)"

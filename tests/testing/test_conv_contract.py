import pytest
import torch
from torch import Tensor, nn

from lrdgraph.testing import ConvContract


class SumConv(nn.Module):
    """Another right convolution: a matrix for each relation, and sums."""

    def __init__(self, in_channels: int, out_channels: int, num_relations: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(num_relations, in_channels, out_channels)
        )

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        sent = torch.einsum("er,ec,rcd->ed", edge_weight, x[edge_index[0]], self.weight)
        return sent.new_zeros(len(x), sent.size(1)).index_add(0, edge_index[1], sent)


class Backwards(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return super().forward(x, edge_index.flip(0), edge_weight)


class Untyped(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        equal = edge_weight.mean(1, keepdim=True).expand_as(edge_weight)
        return super().forward(x, edge_index, equal)


class Certain(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return super().forward(x, edge_index, edge_weight.round().detach())


class CountsEdges(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        degree = torch.bincount(edge_index[1], minlength=len(x)).clamp(min=1)
        return super().forward(x, edge_index, edge_weight) / degree.unsqueeze(1)


class KnowsNumbers(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        numbered = x * torch.arange(len(x)).unsqueeze(1)
        return super().forward(numbered, edge_index, edge_weight)


class NeedsEdges(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return super().forward(x, edge_index, edge_weight / edge_weight.max())


class InPlace(SumConv):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        with torch.no_grad():
            edge_weight.clamp_(min=0.2)
        return super().forward(x, edge_index, edge_weight)


@pytest.mark.parametrize(
    ("conv", "rule"),
    [
        (Backwards, "an_item_hears_its_sources_and_nobody_else"),
        (Untyped, "relations_differ"),
        (Certain, "gradient_reaches_states_weights_and_parameters"),
        (CountsEdges, "an_edge_without_weight_is_no_edge"),
        (KnowsNumbers, "neither_order_nor_numbers_matter"),
        (NeedsEdges, "every_item_has_a_new_state"),
        (InPlace, "evaluation_repeats_and_changes_no_input"),
    ],
)
def test_broken_convolutions(broken_rules, conv, rule):
    assert rule in broken_rules(ConvContract, make=staticmethod(conv))


def test_another_convolution_is_as_good(broken_rules):
    assert broken_rules(ConvContract, make=staticmethod(SumConv)) == set()

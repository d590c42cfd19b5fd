"""Relational convolution over edges whose types are distributions."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.utils import scatter


class SoftRGCNConv(MessagePassing):
    r"""The relational convolution of `"Modeling Relational Data with Graph
    Convolutional Networks" <https://arxiv.org/abs/1703.06103>`_ with soft edge types.

    .. math::
        x'_i = \Theta_0 x_i + \sum_b \Big(\sum_{j \to i} \sum_r
        \frac{w_{ji,r}}{\max(1, \sum_{k \to i} w_{ki,r})} a_{rb}\, x_j\Big) V_b

    With one-hot ``edge_weight`` it equals
    :class:`torch_geometric.nn.RGCNConv` with ``num_bases``; with a posterior the
    gradient reaches the relation logits.

    Args:
        in_channels: Size of an input state.
        out_channels: Size of an output state.
        num_relations: Number of relations ``R``.
        num_bases: Number of basis matrices ``V_b`` shared by the relations.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_relations: int,
        num_bases: int = 2,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.num_relations, self.num_bases = num_relations, num_bases
        self.weight = nn.Parameter(torch.empty(num_bases, in_channels, out_channels))
        self.comp = nn.Parameter(torch.empty(num_relations, num_bases))
        self.root = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        super().reset_parameters()
        glorot(self.weight)
        glorot(self.comp)
        glorot(self.root)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: Item states, with shape ``[N, in_channels]``.
            edge_index: Source and target of each edge, with shape ``[2, E]``.
            edge_weight: Weight of each relation on each edge, ``[E, R]``.

        Returns:
            New item states, with shape ``[N, out_channels]``.
        """
        degree = scatter(edge_weight, edge_index[1], dim=0, dim_size=x.size(0))
        mean_weight = edge_weight / degree.clamp(min=1)[edge_index[1]]  # [E, R]
        coefficient = mean_weight @ self.comp  # [E, num_bases]
        out = x @ self.root + self.bias
        for basis, weight in zip(coefficient.unbind(-1), self.weight, strict=True):
            out = out + self.propagate(edge_index, x=x, basis=basis) @ weight
        return out

    def message(self, x_j: Tensor, basis: Tensor) -> Tensor:
        """Scale the source states ``[E, C]`` by one basis coefficient ``[E]``."""
        return basis.unsqueeze(-1) * x_j

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"num_relations={self.num_relations}, num_bases={self.num_bases})"
        )

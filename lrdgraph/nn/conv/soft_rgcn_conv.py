"""Relational convolution over edges whose types are distributions."""

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import glorot, zeros

from lrdgraph.nn.conv.typed_mean import ITEMS, FrozenTypedMean, typed_mean
from lrdgraph.ragged import by_parts


class SoftRGCNConv(nn.Module):
    r"""Relational graph convolution (RGCN) with soft edge types.

    From `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_:

    .. math::
        x'_i = x_i \Theta + \sum_b \Big(\sum_r a_{rb} \sum_{j \to i}
        \frac{w_{ji,r}}{\max(1, \sum_{k \to i} w_{ki,r})} x_j\Big) V_b

    With one-hot ``edge_weight`` it equals :class:`torch_geometric.nn.RGCNConv` with
    ``num_bases``; with a posterior, the gradient reaches the relation logits.

    Args:
        in_channels: Size of an input state.
        out_channels: Size of an output state.
        num_relations: Number of relations ``R``.
        num_bases: Number of basis matrices ``V_b`` that the relations share.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_relations: int,
        num_bases: int = 2,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.num_relations, self.num_bases = num_relations, num_bases
        self.weight = nn.Parameter(torch.empty(num_bases, in_channels, out_channels))
        self.comp = nn.Parameter(torch.empty(num_relations, num_bases))
        self.root = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        glorot(self.weight)
        glorot(self.comp)
        glorot(self.root)
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: Item states, with shape ``[N, in_channels]``.
            edge_index: Source and target of each edge, with shape ``[2, E]``.
            edge_weight: Weight of each relation on each edge, with shape ``[E, R]``.

        Returns:
            New item states, with shape ``[N, out_channels]``.
        """
        return self.mixed(x, typed_mean(x, edge_index, edge_weight).transpose(0, 1))

    def mixed(self, x: Tensor, means: Tensor) -> Tensor:
        """States ``x [N, in_channels]``, with means ``[N, R, in_channels]``."""
        weight = torch.einsum("rb,bcd->rcd", self.comp, self.weight)
        return x @ self.root + means.flatten(1) @ weight.flatten(0, 1) + self.bias

    def frozen(self, x: Tensor, mean: FrozenTypedMean) -> Tensor:
        """:meth:`forward` over edges of constant weight, much faster."""
        if torch.is_grad_enabled():
            return self._combine(x, mean(x, self.comp))
        every = torch.arange(len(x), device=x.device)
        return by_parts(lambda i: self.mixed(x[i], mean.rows(i, x)), every, ITEMS)

    def _combine(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x @ self.root + (mixed @ self.weight).sum(0) + self.bias

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"num_relations={self.num_relations}, num_bases={self.num_bases})"
        )

"""Bringing item vectors to a common centre and length."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.text.vector_step import VectorStep


class Normalize(BaseTransform):
    r"""Centres ``data['item'].x [N, C]`` and gives all rows the same length.

    .. math:: x_i \leftarrow C^{1/4} \, \frac{x_i - \mu}{\lVert x_i - \mu \rVert}

    Language models put all texts into a narrow cone; without the centre their cosines
    tell little. The factor lets the inner product of two rows have a spread of about
    one. Zero rows (items without text) stay zero and do not enter the mean.

    Raises:
        ValueError: If the items have no vectors ``[N, C]``.
    """

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with new ``x``, float32; the given data is not changed."""
        x = item_vectors(data, "Normalize")
        length = torch.tensor(x.size(1) ** 0.25, dtype=torch.double)
        return take_step(data, VectorStep(mean_of(x), length=length))


def item_vectors(data: HeteroData, owner: str) -> Tensor:
    """The vectors of the items, ``[N, C]``."""
    x = data["item"].get("x")
    if not isinstance(x, Tensor) or x.dim() != 2:
        got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"'{owner}' needs vectors [N, C] in data['item'].x (got {got}); "
            f"'EmbedText' and 'SetVectors' make them"
        )
    return x


def mean_of(x: Tensor) -> Tensor:
    """Mean of the rows of ``x [N, C]`` that are not zero, in double precision."""
    filled = (x != 0).any(dim=1).sum()
    return x.sum(dim=0, dtype=torch.double) / filled.clamp(min=1)


def take_step(data: HeteroData, step: VectorStep) -> HeteroData:
    """Change the vectors of the items, and leave the step for later items."""
    items = data["item"]
    items.x = step(items.x)
    items.vector_steps = [*items.get("vector_steps", []), dict(step.named_buffers())]
    return data

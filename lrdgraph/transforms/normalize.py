"""Bringing item vectors to a common centre and length."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform


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
        filled, centred = centred_vectors(data, "Normalize")
        rows = torch.nn.functional.normalize(centred) * centred.size(1) ** 0.25
        data["item"].x = spread_rows(filled, rows)
        return data


def centred_vectors(data: HeteroData, owner: str) -> tuple[Tensor, Tensor]:
    """Which items have vectors ``[N]``, and these around their mean ``[n, C]``.

    The result is in double precision, so that equal rows become zero rather than noise.
    """
    x = data["item"].get("x")
    if not isinstance(x, Tensor) or x.dim() != 2:
        got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"'{owner}' needs vectors [N, C] in data['item'].x (got {got}); "
            f"'EmbedText' and 'SetVectors' make them"
        )
    filled = x.abs().sum(dim=1) > 0
    vectors = x[filled].double()
    return filled, vectors - vectors.mean(dim=0) if len(vectors) else vectors


def spread_rows(filled: Tensor, rows: Tensor) -> Tensor:
    """Puts rows ``[n, C]`` where ``filled [N]`` says, else zeros: ``[N, C]``."""
    x = rows.new_zeros(len(filled), rows.size(1))
    x[filled] = rows
    return x.float()

"""What was done to item vectors, to be done to those of later items as well."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_ROWS = 1 << 16  # that are changed at a time


class VectorStep(nn.Module):
    r"""Brings vectors to a centre and, if asked, into directions and to a length.

    .. math:: x \leftarrow \ell \, \frac{(x - \mu) D}{\lVert (x - \mu) D \rVert}

    without the fraction where there is no length. The transforms
    :class:`~lrdgraph.transforms.Normalize` and :class:`~lrdgraph.transforms.Whiten`
    leave their steps in ``data['item'].vector_steps``, as these arguments by name, from
    which a graph makes them anew.

    Args:
        mean: :math:`\mu`, with shape ``[C_in]``.
        directions: :math:`D`, with shape ``[C_in, C_out]``; None is the identity.
        length: :math:`\ell`; None leaves lengths as they are.
    """

    mean: Tensor
    directions: Tensor | None
    length: Tensor | None

    def __init__(
        self,
        mean: Tensor,
        directions: Tensor | None = None,
        length: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)
        self.register_buffer("length", length)

    def forward(self, x: Tensor) -> Tensor:
        """From ``[M, C_in]`` to ``[M, C_out]``, float32; zero rows stay zero.

        Computed in double precision, so that equal rows become zero rather than noise,
        some rows at a time, so that memory holds no other copy of all vectors.

        Raises:
            ValueError: If the vectors are of another size.
        """
        if x.dim() != 2 or x.size(1) != self.mean.numel():
            raise ValueError(
                f"vectors need to have shape [M, {self.mean.numel()}], as those that "
                f"the step was made from (got {list(x.shape)})"
            )
        size = self.mean if self.directions is None else self.directions[0]
        result = torch.empty(len(x), size.numel(), device=x.device)
        for rows, changed in zip(x.split(_ROWS), result.split(_ROWS), strict=True):
            changed.copy_(self._change(rows.double()))
        return result

    def _change(self, x: Tensor) -> Tensor:
        moved = x - self.mean
        if self.directions is not None:
            moved = moved @ self.directions
        if self.length is not None:
            moved = nn.functional.normalize(moved) * self.length
        return moved * (x != 0).any(dim=1, keepdim=True)

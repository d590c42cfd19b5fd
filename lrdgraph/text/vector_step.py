"""What was done to item vectors, to be done to those of later items as well."""

from __future__ import annotations

from torch import Tensor, nn


class VectorStep(nn.Module):
    r"""Brings vectors to a centre and, if asked, into directions and to a length.

    .. math:: x \leftarrow \ell \, \frac{(x - \mu) D}{\lVert (x - \mu) D \rVert}

    without the fraction where there is no length. The transforms
    :class:`~lrdgraph.transforms.Normalize` and :class:`~lrdgraph.transforms.Whiten`
    leave their steps in ``data['item'].vector_steps``; a graph keeps them.

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

        Computed in double precision, so that equal rows become zero rather than noise.

        Raises:
            ValueError: If the vectors are of another size.
        """
        if x.dim() != 2 or x.size(1) != self.mean.numel():
            raise ValueError(
                f"vectors need to have shape [M, {self.mean.numel()}], as those that "
                f"the step was made from (got {list(x.shape)})"
            )
        filled = x.abs().sum(dim=1) > 0
        rows = x[filled].double() - self.mean
        if self.directions is not None:
            rows = rows @ self.directions
        if self.length is not None:
            rows = nn.functional.normalize(rows) * self.length
        result = rows.new_zeros(len(x), rows.size(1))
        result[filled] = rows
        return result.float()

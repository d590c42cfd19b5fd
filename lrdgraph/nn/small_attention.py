"""Self-attention of very many very short sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lrdgraph.nn.precision import in_single_precision

SAFE = 60.0
"""Logits up to this size need no shift before they are exponentiated in float32."""


@in_single_precision
def small_attention(context: Tensor, weight: Tensor, num_heads: int) -> Tensor:
    r"""Multi-head self-attention of sequences of a dozen tokens.

    .. math:: \text{softmax}(Q K^\top / \sqrt{d})\, V, \qquad [Q, K, V] = X W^\top

    in value and gradient, of each head. A relation attends to a dozen relations, for
    hundreds of candidates of each user: there, a softmax over rows of a dozen takes
    longer than the products. Here numerators are summed by a product, too, and divided
    once they have weighted the values.

    Args:
        context: Tokens :math:`X`, with shape ``[M, T, C]``.
        weight: Projections of queries, keys and values, one below the other, with shape
            ``[3 C, C]``.
        num_heads: Number of heads; it divides ``C``.

    Returns:
        Heads side by side, with shape ``[M, T, C]``.
    """
    mixed: Tensor = _SmallAttention.apply(context, weight, num_heads)
    return mixed


def _project(context: Tensor, weight: Tensor, num_heads: int) -> Tensor:
    """Queries, keys and values of all heads, ``[3, heads * M, T, d]``.

    One product for each, as products of matrices whose rows lie apart take three times
    as long, and laying heads out anew as long as the projection.
    """
    number, length, channels = context.shape
    width = channels // num_heads
    of_heads = weight.view(3 * num_heads, width, channels).transpose(1, 2)
    rows = context.reshape(1, -1, channels).expand(len(of_heads), -1, -1)
    found = torch.bmm(rows, of_heads)
    return found.view(3, num_heads * number, length, width)


def _heads(rows: Tensor, num_heads: int) -> Tensor:
    """Heads side by side, ``[M, T, C]``, to ``[heads * M, T, d]``."""
    number, length, channels = rows.shape
    apart = rows.view(number, length, num_heads, channels // num_heads)
    return apart.permute(2, 0, 1, 3).reshape(num_heads * number, length, -1)


def _side_by_side(heads: Tensor, num_heads: int) -> Tensor:
    """The way back, to ``[M, T, kinds * C]``."""
    kinds, joined, length, channels = heads.shape
    number = joined // num_heads
    apart = heads.view(kinds, num_heads, number, length, channels)
    row = kinds * num_heads * channels
    return apart.permute(2, 3, 0, 1, 4).reshape(number, length, row)


def _exponentiate(logit: Tensor) -> Tensor:
    """In place: numerators of a softmax over the last dimension, to any scale."""
    low, high = logit.aminmax() if logit.numel() else (0, 0)
    if max(-low, high) > SAFE:
        logit.sub_(logit.amax(-1, keepdim=True))
    return logit.exp_()


def _row_sums(values: Tensor) -> Tensor:
    """Sums over the last dimension, kept: a product is faster than short sums."""
    total = values.reshape(-1, values.size(-1)) @ values.new_ones(values.size(-1), 1)
    return total.view(*values.shape[:-1], 1)


class _SmallAttention(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]  # noqa: D102
        ctx, context: Tensor, weight: Tensor, num_heads: int
    ) -> Tensor:
        heads = _project(context, weight, num_heads)
        query, key, value = heads
        logit = torch.bmm(query, key.transpose(1, 2)).mul_(query.size(-1) ** -0.5)
        part = _exponentiate(logit)
        scale = _row_sums(part).reciprocal_()
        mixed = torch.bmm(part, value).mul_(scale)
        ctx.num_heads = num_heads
        ctx.save_for_backward(context, weight, heads, part, scale, mixed)
        return _side_by_side(mixed.unsqueeze(0), num_heads)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: D102
        context, weight, heads, part, scale, mixed = ctx.saved_tensors
        query, key, value = heads
        scaled = _heads(grad, ctx.num_heads) * scale
        found = torch.empty_like(heads)
        torch.bmm(part.transpose(1, 2), scaled, out=found[2])
        of_logit = torch.bmm(scaled, value.transpose(1, 2))
        of_logit.sub_(_row_sums(scaled * mixed))
        of_logit.mul_(part).mul_(query.size(-1) ** -0.5)
        torch.bmm(of_logit, key, out=found[0])
        torch.bmm(of_logit.transpose(1, 2), query, out=found[1])
        rows = _side_by_side(found, ctx.num_heads).flatten(0, 1)
        of_weight = rows.t() @ context.flatten(0, 1)
        return (rows @ weight).view_as(context), of_weight, None
